"""A seller's entries with what they are about: the goods, and the order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.kit.db import end_read, session
from app.kit.ids import short_number
from app.kit.months import Month
from app.kit.paging import PAGE_SIZE, Page, cut
from app.orders.models import OrderLine
from app.payments.models import AccountKind, Movement
from app.payments.queries import statements

AT_ONCE = 500  # entries, where a whole month is read


@dataclass(frozen=True)
class Entry:
    """One entry of a seller's account; `title` and `order_number` where it is about a sale.

    Amounts are minor units, positive where they are owed to the seller; `balance_minor` is what the
    account holds with it.
    """

    id: int
    at: datetime
    movement: Movement
    account: AccountKind
    amount_minor: int
    balance_minor: int
    title: str | None
    order_number: str | None


def entries_of(
    *,
    seller_id: UUID,
    currency: str,
    account: AccountKind | None = None,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[Entry]:
    """A page of a seller's entries, the newest first; Invalid for a broken cursor."""
    page = statements.entries_of(
        seller_id=seller_id,
        currency=currency,
        account=account,
        after=after,
        size=size,
        counted=counted,
    )
    return Page(_named(page.items), page.next_cursor, page.total)


def entries_in(
    *, seller_id: UUID, currency: str, month: Month, after_id: int = 0, size: int = PAGE_SIZE
) -> Page[Entry]:
    """A page of a month's entries, the oldest first."""
    found = statements.entries_in(
        seller_id=seller_id, currency=currency, month=month, after_id=after_id, size=size + 1
    )
    return cut(_named(found), size, lambda entry: (entry.id,))


def every_entry_in(*, seller_id: UUID, currency: str, month: Month) -> Iterator[Entry]:
    """All entries of a month, the oldest first."""
    for some in statements.every_entry_in(
        seller_id=seller_id, currency=currency, month=month, at_once=AT_ONCE
    ):
        named = _named(some)
        end_read()  # whoever reads on may be slow
        yield from named


def _named(entries: Sequence[statements.Entry]) -> list[Entry]:
    lines = {entry.line_id for entry in entries if entry.line_id is not None}
    rows = session().execute(
        select(OrderLine.id, OrderLine.title, OrderLine.order_id).where(OrderLine.id.in_(lines))
    )
    names = {row.id: (row.title, short_number(row.order_id)) for row in rows} if lines else {}
    return [
        Entry(
            entry.id,
            entry.at,
            entry.movement,
            entry.account,
            entry.amount_minor,
            entry.balance_minor,
            *names.get(entry.line_id, (None, None)) if entry.line_id else (None, None),
        )
        for entry in entries
    ]
