"""Keyset pages: a cursor holds the sort values of the last row shown."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from flask_babel import gettext as _
from pydantic import AfterValidator, AwareDatetime, TypeAdapter
from sqlalchemy import ScalarSelect, Select, func, literal, select

from app.kit.db import session
from app.kit.errors import Invalid

T = TypeVar("T")
C = TypeVar("C", bound=tuple[Any, ...])
PAGE_SIZE = 30
MOST_COUNTED = 1000
_MAX_CURSOR = 512
_WRITER = TypeAdapter(tuple[Any, ...])
_YEARS = range(1970, 9000)


def _reckonable(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError("a year in which nothing of ours has happened")
    return moment.astimezone(UTC)


# A moment that somebody sends, in UTC: so far from both ends of time that it can be added to.
Moment = Annotated[AwareDatetime, AfterValidator(_reckonable)]


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows and the cursor of the next page, None on the last.

    `total` is how many there are on all pages, where that was counted: at most one more than
    `most`.
    """

    items: Sequence[T]
    next_cursor: str | None
    total: int | None = None
    most: int = MOST_COUNTED


P = TypeVar("P", bound=Page[Any])


def encode_cursor(values: tuple[Any, ...]) -> str:
    """Write sort values as an opaque word that fits into a URL."""
    text = _WRITER.dump_json(values)
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def decode_cursor(cursor: str, shape: type[C]) -> C:
    """Read a cursor back as a tuple of these types; Invalid for anything else."""
    padded = cursor[:_MAX_CURSOR] + "=" * (-len(cursor) % 4)
    try:
        return TypeAdapter(shape).validate_json(base64.urlsafe_b64decode(padded))
    except ValueError as error:  # pydantic's and binascii's are of its kind
        raise Invalid(
            "bad_cursor", _("This place in the list is not valid. Start again at its beginning.")
        ) from error


def cut(rows: Sequence[T], size: int, key: Any) -> Page[T]:
    """Make a page of up to `size` rows from a query that was asked for one more."""
    items = rows[:size]
    return Page(items, encode_cursor(key(items[-1])) if len(rows) > size else None)


def with_total(page: P, query: Select[*tuple[Any, ...]], after: str | None) -> P:
    """The page with the number of rows on all pages; `query` has them all, `after` is its cursor.

    The count ends where people no longer care, whatever the shop has grown to.
    """
    if after is None and page.next_cursor is None:
        return replace(page, total=len(page.items))
    return replace(page, total=session().execute(select(count_of(query))).scalar_one())


def count_of(query: Select[*tuple[Any, ...]]) -> ScalarSelect[int]:
    """How many rows `query` has, as a column: at most one more than MOST_COUNTED."""
    some = query.with_only_columns(literal(1), maintain_column_froms=True)
    some = some.order_by(None).limit(MOST_COUNTED + 1)
    return select(func.count()).select_from(some.subquery()).scalar_subquery()
