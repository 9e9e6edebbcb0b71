"""A buyer's purchases as their list shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, cast, or_, select

from app.kit.db import read
from app.kit.ids import parse_short_number, short_number
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.orders.models import Order, OrderLine, OrderState
from app.orders.queries.stages import Stage, stage_of
from app.payments.models import Payment

UNFINISHED = (OrderState.EXPIRED, OrderState.CANCELLED)


@dataclass(frozen=True)
class ListedLine:
    """As much of a line as a list shows."""

    title: str
    seller_id: UUID
    seller_name: str
    kind: str
    photo_id: UUID | None
    given_back_minor: int


@dataclass(frozen=True)
class PurchaseListed:
    """An order in its buyer's list. The amount is minor units of `currency`."""

    id: UUID
    number: str
    state: OrderState
    stage: Stage
    total_minor: int
    currency: str
    created_at: datetime
    paid_at: datetime | None
    lines: tuple[ListedLine, ...]

    @property
    def sellers(self) -> tuple[tuple[UUID, str], ...]:
        """Whom it was bought from, each once."""
        return tuple(dict.fromkeys((line.seller_id, line.seller_name) for line in self.lines))


def purchases_of(
    buyer_id: UUID,
    *,
    words: str = "",
    unfinished: bool = False,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[PurchaseListed]:
    """The buyer's orders, newest first; `unfinished` picks those that came to nothing.

    `words` are looked for in titles and sellers' names; an order's number finds that order.
    Raises Invalid for a broken cursor.
    """
    values: dict[str, Any] = {"buyer_id": buyer_id, "size": size + 1}
    every = _every_purchase(unfinished=unfinished)
    query = _page_of_purchases(unfinished=unfinished, continued=bool(after))
    if words.strip():
        every, query = (one.where(_speaks_of(buyer_id, words)) for one in (every, query))
    if after:
        [values["last_id"]] = decode_cursor(after, tuple[UUID])
    rows = read(query, values).all()
    lines = _listed_lines([row.id for row in rows[:size]])
    page = cut(
        [
            PurchaseListed(
                id=row.id,
                number=short_number(row.id),
                state=row.state,
                stage=stage_of(
                    row.state,
                    row.payment,
                    row.total_minor,
                    sum(line.given_back_minor for line in lines.get(row.id, ())),
                ),
                total_minor=row.total_minor,
                currency=row.currency,
                created_at=row.created_at,
                paid_at=row.paid_at,
                lines=tuple(lines.get(row.id, ())),
            )
            for row in rows
        ],
        size,
        lambda order: (order.id,),
    )
    return with_total(page, every.params(buyer_id=buyer_id), after) if counted else page


@cache
def _every_purchase(*, unfinished: bool) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Order.id,
            Order.state,
            Payment.state.label("payment"),
            Order.total_minor,
            Order.currency,
            Order.created_at,
            Order.paid_at,
        )
        .join(Payment, Payment.reference == Order.id)
        .where(
            Order.buyer_id == bindparam("buyer_id"),
            Order.state.in_(UNFINISHED) if unfinished else Order.state.not_in(UNFINISHED),
        )
    )


@cache
def _page_of_purchases(*, unfinished: bool, continued: bool) -> Select[*tuple[Any, ...]]:
    query = _every_purchase(unfinished=unfinished)
    query = query.order_by(Order.id.desc()).limit(bindparam("size"))
    return query.where(Order.id < bindparam("last_id")) if continued else query


_LISTED_LINES = (
    select(
        OrderLine.order_id,
        OrderLine.title,
        OrderLine.seller_id,
        OrderLine.seller_name,
        OrderLine.kind,
        OrderLine.photo_id,
        OrderLine.given_back_minor,
    )
    .where(OrderLine.order_id.in_(bindparam("order_ids", expanding=True)))
    .order_by(OrderLine.order_id, OrderLine.position)
)


def _listed_lines(order_ids: Sequence[UUID]) -> dict[UUID, list[ListedLine]]:
    rows = read(_LISTED_LINES, {"order_ids": order_ids})
    by_order: dict[UUID, list[ListedLine]] = {}
    for row in rows:
        line = ListedLine(
            row.title,
            row.seller_id,
            row.seller_name,
            row.kind,
            row.photo_id,
            row.given_back_minor,
        )
        by_order.setdefault(row.order_id, []).append(line)
    return by_order


def _speaks_of(buyer_id: UUID, words: str) -> ColumnElement[bool]:
    """Every word in the title or the seller's name of one of its lines; or the order's number."""
    conditions: list[ColumnElement[bool]] = [
        Order.lines.any(
            and_(
                OrderLine.buyer_id == buyer_id,  # as the order's: an index begins with it
                or_(
                    OrderLine.title.icontains(word, autoescape=True),
                    OrderLine.seller_name.icontains(word, autoescape=True),
                ),
            )
        )
        for word in words.split()
    ]
    found: ColumnElement[bool] = conditions[0]
    for condition in conditions[1:]:
        found = found & condition
    tail = parse_short_number(words)
    if tail is not None:
        # The number is the id's last 40 bits: its ten last digits.
        found = found | cast(Order.id, String).endswith(tail)
    return found
