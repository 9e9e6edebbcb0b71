"""Purchases as their buyers see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, cast, or_, select
from sqlalchemy.orm import joinedload

from app.kit.db import read, session
from app.kit.ids import parse_short_number, short_number
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.orders.errors import NoSuchOrder
from app.orders.models import Delivery, Order, OrderLine, OrderState
from app.payments.models import Payment, PaymentState
from app.payments.queries import payment_for

UNFINISHED = (OrderState.EXPIRED, OrderState.CANCELLED)


class Stage(StrEnum):
    """The overall state of an order and its payment, as shown on its page."""

    OPEN = "open"
    DECLINED = "declined"
    CONFIRMING = "confirming"
    PENDING = "pending"
    MISMATCHED = "mismatched"
    PAID = "paid"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether waiting brings nothing new."""
        return self in {Stage.DELIVERED, Stage.CANCELLED}


@dataclass(frozen=True)
class Piece:
    """One bought piece: a unit of stock, or a shared product's content. Never its clear text."""

    id: UUID
    number: int
    revealed_at: datetime | None


@dataclass(frozen=True)
class PurchaseLine:
    """The listing as it was bought, and its pieces once they are delivered."""

    id: UUID
    product_id: UUID
    title: str
    description: str
    kind: str
    shared: bool
    seller_id: UUID
    seller_name: str
    photo_id: UUID | None
    quantity: int
    unit_price_minor: int
    pieces: tuple[Piece, ...]

    @property
    def total_minor(self) -> int:
        """The price of all pieces."""
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True)
class Purchase:
    """An order with all that its page shows. Amounts are minor units of `currency`."""

    id: UUID
    number: str
    buyer_id: UUID
    checkout_key: UUID
    state: OrderState
    payment: PaymentState | None
    stage: Stage
    total_minor: int
    currency: str
    cancel_reason: str | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    delivered_at: datetime | None
    # Paid, but the units were gone when the money came.
    waits_for_stock: bool
    lines: tuple[PurchaseLine, ...]

    @property
    def shown(self) -> str:
        """What an open page shows of it: another word is news."""
        return f"{self.stage}-waiting" if self.waits_for_stock else self.stage.value

    @property
    def pieces(self) -> int:
        """How many pieces have been delivered."""
        return sum(len(line.pieces) for line in self.lines)


@dataclass(frozen=True)
class ListedLine:
    """As much of a line as a list shows."""

    title: str
    seller_id: UUID
    seller_name: str
    kind: str
    photo_id: UUID | None


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


def get_order(order_id: UUID) -> Order | None:
    """An order whoever's it is, for rooms of the shop itself; None if there is none."""
    return session().get(Order, order_id, populate_existing=True)


def order_of(buyer_id: UUID, order_id: UUID) -> Order:
    """The buyer's own order; NoSuchOrder for a stranger's."""
    order = get_order(order_id)
    if order is None or order.buyer_id != buyer_id:
        raise NoSuchOrder
    return order


def is_buyer(user_id: UUID | None, order_id: UUID) -> bool:
    """Whether the order is this user's; None, a guest, has none."""
    return (
        user_id is not None
        and session()
        .execute(select(Order.id).where(Order.id == order_id, Order.buyer_id == user_id))
        .first()
        is not None
    )


def stage_of(state: OrderState, payment: PaymentState | None) -> Stage:
    """What the buyer is told, from the order's and the payment's state."""
    if payment is PaymentState.MISMATCHED:
        return Stage.MISMATCHED
    match state:
        case OrderState.OPEN if payment is PaymentState.DECLINED:
            return Stage.DECLINED
        case OrderState.APPROVED:
            return Stage.PENDING if payment is PaymentState.PENDING else Stage.CONFIRMING
        case _:
            return Stage(state.value)


def purchase_of(buyer_id: UUID, order_id: UUID) -> Purchase:
    """The buyer's own purchase; NoSuchOrder for a stranger's."""
    order = _with_descriptions(order_id)
    if order is None or order.buyer_id != buyer_id:
        raise NoSuchOrder
    payment = payment_for(order_id)
    state = payment.state if payment else None
    pieces = _pieces(order_id)
    return Purchase(
        id=order.id,
        number=order.number,
        buyer_id=order.buyer_id,
        checkout_key=order.checkout_key,
        state=order.state,
        payment=state,
        stage=stage_of(order.state, state),
        total_minor=order.total_minor,
        currency=order.currency,
        cancel_reason=order.cancel_reason,
        created_at=order.created_at,
        expires_at=order.expires_at,
        paid_at=order.paid_at,
        delivered_at=order.delivered_at,
        waits_for_stock=order.state is OrderState.PAID and order.delivery_tries > 0,
        lines=tuple(_line(line, pieces.get(line.id, ())) for line in order.lines),
    )


def _with_descriptions(order_id: UUID) -> Order | None:
    return (
        session()
        .scalars(
            select(Order)
            .where(Order.id == order_id)
            .options(joinedload(Order.lines).undefer(OrderLine.description))
            .execution_options(populate_existing=True)
        )
        .unique()
        .one_or_none()
    )


def _line(line: OrderLine, pieces: Sequence[Piece]) -> PurchaseLine:
    return PurchaseLine(
        id=line.id,
        product_id=line.product_id,
        title=line.title,
        description=line.description,
        kind=line.kind,
        shared=line.shared,
        seller_id=line.seller_id,
        seller_name=line.seller_name,
        photo_id=line.photo_id,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        pieces=tuple(pieces),
    )


def _pieces(order_id: UUID) -> dict[UUID, list[Piece]]:
    rows = session().execute(
        select(Delivery.id, Delivery.line_id, Delivery.position, Delivery.revealed_at)
        .where(Delivery.order_id == order_id)
        .order_by(Delivery.line_id, Delivery.position)
    )
    by_line: dict[UUID, list[Piece]] = {}
    for row in rows:
        piece = Piece(row.id, row.position + 1, row.revealed_at)
        by_line.setdefault(row.line_id, []).append(piece)
    return by_line


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
                stage=stage_of(row.state, row.payment),
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
    )
    .where(OrderLine.order_id.in_(bindparam("order_ids", expanding=True)))
    .order_by(OrderLine.order_id, OrderLine.position)
)


def _listed_lines(order_ids: Sequence[UUID]) -> dict[UUID, list[ListedLine]]:
    rows = read(_LISTED_LINES, {"order_ids": order_ids})
    by_order: dict[UUID, list[ListedLine]] = {}
    for row in rows:
        line = ListedLine(row.title, row.seller_id, row.seller_name, row.kind, row.photo_id)
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
