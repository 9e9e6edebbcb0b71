"""Languages: which one a person reads, and how dates and money look in it."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from babel.dates import (
    format_date,
    format_skeleton,
    format_time,
    format_timedelta,
    get_timezone,
)
from babel.numbers import format_decimal, format_percent
from babel.support import NullTranslations
from babel.units import format_unit
from flask import Flask, Response, g, has_request_context, request, session
from flask_babel import (
    force_locale,
    format_datetime,
    get_locale,
    get_translations,
    to_user_timezone,
)
from flask_login import current_user

from app.extensions import babel
from app.kit.money import BASIS_POINTS, Money
from app.kit.paging import MOST_COUNTED
from app.kit.requests import is_api

LOCALES = {"en": "English", "ru": "Русский"}
DEFAULT = "en"
ZONE_COOKIE = "timezone"


def choose() -> str:
    """The person's own choice, else the one of this browser's session, else Accept-Language."""
    if not has_request_context():
        return DEFAULT
    if is_api():
        return of_program()
    if session.get("locale") not in LOCALES and current_user and current_user.is_authenticated:
        return str(current_user.locale)
    return of_browser()


def of_browser() -> str:
    """The language by what the browser says alone: needs no database."""
    chosen = None if is_api() else session.get("locale")
    return str(chosen) if chosen in LOCALES else of_program()


def of_program() -> str:
    """The language that a program asks for with Accept-Language."""
    g.language_was_asked = True
    return request.accept_languages.best_match(list(LOCALES)) or DEFAULT


def locale() -> str:
    """The language of this answer: `en` or `ru`."""
    found = get_locale()
    return str(found.language) if found else DEFAULT


def catalogue(language: str) -> NullTranslations:
    """The words of a language."""
    with force_locale(language):
        found: NullTranslations = get_translations()
        return found


def zone() -> str | None:
    """The time zone that the browser named in its cookie; None while it is not known."""
    name = request.cookies.get(ZONE_COOKIE, "") if has_request_context() else ""
    try:
        get_timezone(name)
    except LookupError:
        return None
    return name


def moment(value: datetime, *, seconds: bool = False) -> str:
    """A moment by the visitor's clock; in UTC, and saying so, while their zone is not known."""
    local = to_user_timezone(value)
    if seconds:
        shown = format_datetime(value)
    else:
        time_of_day = _time_of_day(local.hour, local.minute, locale())
        shown = f"{_day(local.date(), locale())}, {time_of_day}"
    return shown if zone() else f"{shown} UTC"


def money(minor: int, currency: str) -> str:
    """An amount of minor units, for people."""
    return Money(minor, currency).format(locale())


def percent(basis_points: int) -> str:
    """A share of so many ten-thousandths, as people read it: 12.5%, and 12,5 % in Russian."""
    pattern = "#,##0.##\N{NO-BREAK SPACE}%" if locale() == "ru" else "#,##0.##%"
    share = Decimal(basis_points) / BASIS_POINTS
    return str(format_percent(share, pattern, locale=locale()))


def number(value: int) -> str:
    """A count with its thousands set apart."""
    return _number(value, locale())


@lru_cache(4096)
def _number(value: int, language: str) -> str:
    return str(format_decimal(value, locale=language))


@lru_cache(4096)
def _time_of_day(hour: int, minute: int, language: str) -> str:
    return str(format_time(time(hour, minute), "short", locale=language))


def day(value: datetime) -> str:
    """The day of a moment by the visitor's calendar."""
    return _day(to_user_timezone(value).date(), locale())


def calendar_day(value: date) -> str:
    """A day of the calendar, whatever the visitor's zone."""
    return _day(value, locale())


def month(value: date) -> str:
    """The month in which a day lies: November 2026."""
    return str(format_skeleton("yMMMM", datetime.combine(value, time()), locale=locale()))


def weekday(value: date) -> str:
    """A day of the year with its weekday: Monday, November 30."""
    pattern = "EEEE, d MMMM" if locale() == "ru" else "EEEE, MMMM d"
    return str(format_date(value, pattern, locale=locale()))


@lru_cache(4096)
def _day(value: date, language: str) -> str:
    return str(format_date(value, locale=language))


def time_of_day(value: datetime) -> str:
    """The time of a moment by the visitor's clock, where its day stands beside it."""
    local = to_user_timezone(value)
    return _time_of_day(local.hour, local.minute, locale())


def counted(value: int) -> str:
    """A count of something that may be very many, such as 1,000+ once it went past MOST_COUNTED."""
    return number(value) if value <= MOST_COUNTED else f"{number(MOST_COUNTED)}+"


def tenths(value: int) -> str:
    """A number of tenths as a decimal: 47 is 4.7."""
    return _tenths(value, locale())


@lru_cache(64)
def _tenths(value: int, language: str) -> str:
    return str(format_decimal(Decimal(value).scaleb(-1), format="0.0", locale=language))


def lasting(value: timedelta) -> str:
    """How long something took, in its largest unit; nothing takes less than a second."""
    return str(format_timedelta(max(value, timedelta(seconds=1)), locale=locale()))


def size(count: int) -> str:
    """A number of bytes in the largest unit that leaves it whole, of kB and MB."""
    kilobytes = count // 1024
    if kilobytes % 1024:
        return str(format_unit(kilobytes, "digital-kilobyte", length="short", locale=locale()))
    return str(format_unit(kilobytes // 1024, "digital-megabyte", length="short", locale=locale()))


def ago(moment: datetime) -> str:
    """How long ago (or until when) `moment` is, in words."""
    return format_timedelta(moment - datetime.now(UTC), add_direction=True, locale=locale())


def init_app(app: Flask) -> None:
    """Bind Babel and give templates the formats."""
    babel.init_app(app, locale_selector=choose, timezone_selector=zone)
    app.jinja_env.globals["locales"] = LOCALES
    app.jinja_env.filters["money"] = money
    app.jinja_env.filters["percent"] = percent
    app.jinja_env.filters["number"] = number
    app.jinja_env.filters["counted"] = counted
    app.jinja_env.filters["tenths"] = tenths
    app.jinja_env.filters["lasting"] = lasting
    app.jinja_env.filters["ago"] = ago
    app.jinja_env.filters["date"] = day
    app.jinja_env.filters["month"] = month
    app.jinja_env.filters["weekday"] = weekday
    app.jinja_env.filters["datetime"] = moment
    app.jinja_env.filters["time_of_day"] = time_of_day
    app.context_processor(lambda: {"locale": locale()})
    app.after_request(_vary)


def _vary(response: Response) -> Response:
    """Tell caches that who reads another language gets another answer."""
    if g.get("language_was_asked"):
        response.vary.add("Accept-Language")
    return response
