"""One order as its seller, or the shop's staff, see it: what was sold, what of it can go back."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select

from app.auth import queries as people
from app.kit.db import session
from app.orders.errors import NoSuchOrder
from app.orders.models import Delivery, Order, OrderLine, OrderState
from app.orders.queries.purchases import get_order
from app.orders.queries.refunds import RefundOf, refunded_positions, refunds_of


class PieceState(StrEnum):
    """What became of a sold piece."""

    UNDELIVERED = "undelivered"
    UNOPENED = "unopened"
    REVEALED = "revealed"
    REFUNDED = "refunded"  # or being refunded


@dataclass(frozen=True)
class SoldPiece:
    """A piece by its number within the line."""

    number: int
    state: PieceState


@dataclass(frozen=True)
class SaleLine:
    """A sold line. Amounts are minor units of the order's currency."""

    id: UUID
    title: str
    seller_name: str
    quantity: int
    unit_price_minor: int
    total_minor: int
    given_back_minor: int
    refund_days: int
    pieces: tuple[SoldPiece, ...]

    @property
    def left_minor(self) -> int:
        """What can still go back."""
        return self.total_minor - self.given_back_minor

    @property
    def pieces_left(self) -> tuple[SoldPiece, ...]:
        """Those that can still go back."""
        return tuple(piece for piece in self.pieces if piece.state is not PieceState.REFUNDED)


@dataclass(frozen=True)
class SaleOf:
    """A paid order, or one seller's part of it."""

    order_id: UUID
    number: str
    state: OrderState
    buyer_id: UUID
    buyer_name: str
    currency: str
    paid_at: datetime | None
    delivered_at: datetime | None
    is_disputed: bool
    lines: tuple[SaleLine, ...]
    refunds: tuple[RefundOf, ...]

    @property
    def total_minor(self) -> int:
        """What was paid."""
        return sum(line.total_minor for line in self.lines)

    @property
    def left_minor(self) -> int:
        """What can still go back."""
        return sum(line.left_minor for line in self.lines)


def sale_of(order_id: UUID, *, seller_id: UUID | None) -> SaleOf:
    """A paid order, of one seller's lines unless None; NoSuchOrder if there is nothing of it."""
    order = get_order(order_id)
    if order is None or not order.is_paid:
        raise NoSuchOrder
    lines = [line for line in order.lines if seller_id in {None, line.seller_id}]
    if not lines:
        raise NoSuchOrder
    states = _states(order, lines)
    return SaleOf(
        order_id=order.id,
        number=order.number,
        state=order.state,
        buyer_id=order.buyer_id,
        buyer_name=people.users_by_id([order.buyer_id])[order.buyer_id].display_name,
        currency=order.currency,
        paid_at=order.paid_at,
        delivered_at=order.delivered_at,
        is_disputed=any(line.is_disputed for line in order.lines),
        lines=tuple(_line(line, states) for line in lines),
        refunds=tuple(refunds_of(order_id, seller_id=seller_id)),
    )


def _line(line: OrderLine, states: dict[tuple[UUID, int], PieceState]) -> SaleLine:
    return SaleLine(
        id=line.id,
        title=line.title,
        seller_name=line.seller_name,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        total_minor=line.total_minor,
        given_back_minor=line.given_back_minor,
        refund_days=line.refund_days,
        pieces=tuple(
            SoldPiece(at + 1, states.get((line.id, at), PieceState.UNDELIVERED))
            for at in range(line.quantity)
        ),
    )


def _states(order: Order, lines: list[OrderLine]) -> dict[tuple[UUID, int], PieceState]:
    rows = session().execute(
        select(Delivery.line_id, Delivery.position, Delivery.revealed_at).where(
            Delivery.order_id == order.id, Delivery.line_id.in_([line.id for line in lines])
        )
    )
    states = {
        (row.line_id, row.position): PieceState.REVEALED if row.revealed_at else PieceState.UNOPENED
        for row in rows
    }
    return states | dict.fromkeys(refunded_positions(order.id), PieceState.REFUNDED)
