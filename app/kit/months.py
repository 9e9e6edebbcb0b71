"""Months of the calendar, in UTC, as statements go by them."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

from flask_babel import gettext as _

from app.kit.errors import Invalid

_WRITTEN = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
_DECEMBER = 12


@dataclass(frozen=True, order=True)
class Month:
    """A month of a year; as text `2026-11`."""

    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The month in which a moment lies."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month)

    @classmethod
    def read(cls, text: str) -> Self:
        """The month that is written so; Invalid for anything else."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise Invalid("bad_month", _("Write the month as 2026-11."))
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        """As addresses and files have it."""
        return f"{self.year}-{self.month:02}"

    @property
    def next(self) -> Self:
        """The one after."""
        return self._moved(1)

    @property
    def previous(self) -> Self:
        """The one before."""
        return self._moved(-1)

    def _moved(self, by: int) -> Self:
        months = self.year * _DECEMBER + self.month - 1 + by
        return type(self)(months // _DECEMBER, months % _DECEMBER + 1)

    @property
    def first_day(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def start(self) -> datetime:
        """When it begins; it ends when the next one does."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)


def months_between(first: Month, last: Month, most: int) -> list[Month]:
    """The months from one to another, the latest first, of which there are at most so many."""
    found: list[Month] = []
    at = last
    while at >= first and len(found) < most:
        found.append(at)
        at = at.previous
    return found
