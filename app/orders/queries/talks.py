"""An order as its buyer and one of its sellers talk about it: one seller's part of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.kit.db import read
from app.kit.ids import short_number
from app.orders.errors import NoSuchOrder
from app.orders.models import OrderLine, OrderState
from app.orders.queries.purchases import get_order
from app.orders.queries.refunds import refunds_of
from app.payments.models.refunds import RefundState


@dataclass(frozen=True)
class SellersPart:
    """What one seller sold in an order. `total_minor` is in minor units of `currency`."""

    order_id: UUID
    number: str
    buyer_id: UUID
    seller_id: UUID
    titles: tuple[str, ...]
    pieces: int
    total_minor: int
    currency: str
    state: OrderState
    was_refunded: bool
    given_back_minor: int
    given_back_at: datetime | None
    created_at: datetime
    paid_at: datetime | None
    delivered_at: datetime | None


def sellers_part(order_id: UUID, seller_id: UUID) -> SellersPart:
    """What this seller sold in an order; NoSuchOrder if it is nothing."""
    order = get_order(order_id)
    lines = [line for line in order.lines if line.seller_id == seller_id] if order else []
    if order is None or not lines:
        raise NoSuchOrder
    return SellersPart(
        order_id=order.id,
        number=short_number(order.id),
        buyer_id=order.buyer_id,
        seller_id=seller_id,
        titles=tuple(line.title for line in lines),
        pieces=sum(line.quantity for line in lines),
        total_minor=sum(line.total_minor for line in lines),
        currency=order.currency,
        state=order.state,
        was_refunded=order.was_refunded,
        given_back_minor=sum(line.given_back_minor for line in lines),
        given_back_at=_given_back_at(order_id, seller_id) if order.given_back_minor else None,
        created_at=order.created_at,
        paid_at=order.paid_at,
        delivered_at=order.delivered_at,
    )


def _given_back_at(order_id: UUID, seller_id: UUID) -> datetime | None:
    """When the last of a seller's part went back; None while that is only on its way."""
    ends = [
        refund.ended_at
        for refund in refunds_of(order_id, seller_id=seller_id)
        if refund.ended_at is not None and refund.state is RefundState.COMPLETED
    ]
    return max(ends, default=None)


def titles_of(order_ids: Collection[UUID]) -> dict[tuple[UUID | None, UUID], str]:
    """The first thing that each seller sold in each of these orders."""
    rows = read(
        select(OrderLine.order_id, OrderLine.seller_id, OrderLine.title)
        .where(OrderLine.order_id.in_(order_ids))
        .order_by(OrderLine.position.desc())
    )
    return {(row.order_id, row.seller_id): row.title for row in rows}
