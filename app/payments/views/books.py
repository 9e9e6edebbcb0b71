"""The platform's books: what it has, what it owes, and what is left, for administrators."""

from datetime import UTC

from flask import current_app, request
from flask.typing import ResponseReturnValue

from app.kit import charts, htmx, i18n
from app.kit.access import Access, allow
from app.kit.charts import Value
from app.kit.db import db_now
from app.kit.months import Month
from app.kit.spans import Span, values_of
from app.payments.labels import ACCOUNTS, MOVEMENTS
from app.payments.queries.books import months_booked, standing
from app.payments.queries.income import platform_income
from app.payments.queries.statements import statement_of
from app.payments.views import blueprint


@blueprint.get("/books")
@allow(Access.ADMIN)
def books() -> ResponseReturnValue:
    """What the platform has and owes now, a month of its accounts, and what was left each day."""
    currency, now = str(current_app.extensions["settings"].currency), db_now()
    named = request.args.get("month")
    month = Month.read(named) if named else Month.of(now)
    span = Span.read(request.args.get("days", ""))
    days = platform_income(
        currency=currency, first=span.first_day(now), last=now.astimezone(UTC).date()
    )
    left = values_of(span, now, {day: one.left_minor for day, one in days.items()})
    commission = values_of(span, now, {day: one.commission_minor for day, one in days.items()})
    fees = values_of(span, now, {day: one.fees_minor for day, one in days.items()})
    return htmx.page(
        "payments/books.html",
        standing=standing(currency=currency),
        statement=statement_of(seller_id=None, currency=currency, month=month),
        months=months_booked(currency=currency, now=now),
        names=ACCOUNTS,
        movements=MOVEMENTS,
        currency=currency,
        span=span,
        rows=list(zip(commission, fees, left, strict=True)),
        total_minor=_sum(left),
        chart=charts.bars(left, lambda minor: i18n.money(minor, currency)),
    )


def _sum(values: list[Value]) -> int:
    return sum(value.minor for value in values)
