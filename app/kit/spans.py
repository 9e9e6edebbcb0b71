"""The time that a chart shows, up to today: by days, or by months of a year."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Self

from app.kit import i18n
from app.kit.charts import Value
from app.kit.months import Month, months_between

_MONTHS = 12


class Span(StrEnum):
    """So many days; a year goes by its months."""

    MONTH = "30"
    QUARTER = "90"
    YEAR = "365"

    @classmethod
    def read(cls, text: str) -> Self:
        """The span of that many days; a month for what is none."""
        return cls(text) if text in set(cls) else cls(cls.MONTH)

    def first_day(self, now: datetime) -> date:
        """Its first day."""
        if self is Span.YEAR:
            return _months(now)[-1].first_day
        return now.astimezone(UTC).date() - timedelta(days=int(self) - 1)


def values_of(span: Span, now: datetime, days: Mapping[date, int]) -> list[Value]:
    """What to show of each day, or month, the oldest first; nothing is shown as zero."""
    if span is Span.YEAR:
        sums: dict[Month, int] = {}
        for day, minor in days.items():
            month = Month(day.year, day.month)
            sums[month] = sums.get(month, 0) + minor
        return [
            Value(i18n.month(month.first_day), sums.get(month, 0)) for month in _months(now)[::-1]
        ]
    first = span.first_day(now)
    every = (first + timedelta(days=number) for number in range(int(span)))
    return [Value(i18n.calendar_day(day), days.get(day, 0)) for day in every]


def _months(now: datetime) -> list[Month]:
    """The last twelve, this one first."""
    last = Month.of(now)
    first = Month(last.year - 1, last.month).next
    return months_between(first, last, _MONTHS)
