"""Single lines of orders, for those who speak of what was bought and sold."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import exists, func, select

from app.kit.db import session
from app.orders.models import Delivery, Order, OrderLine, OrderState
from app.payments.models.refunds import RefundPart

_LAST_LINES = 200  # of a seller, among which the delivered ones are measured


@dataclass(frozen=True)
class BoughtLine:
    """Whose line of which order it is, and how far that has come."""

    id: UUID
    order_id: UUID
    product_id: UUID
    seller_id: UUID
    buyer_id: UUID
    state: OrderState
    is_refunded: bool  # whole


def bought_line(line_id: UUID) -> BoughtLine | None:
    """A line whoever's it is, for rooms of the shop itself; None if there is none."""
    row = (
        session()
        .execute(
            select(
                OrderLine.id,
                OrderLine.order_id,
                OrderLine.product_id,
                OrderLine.seller_id,
                OrderLine.buyer_id,
                Order.state,
                OrderLine.given_back_minor == OrderLine.quantity * OrderLine.unit_price_minor,
            )
            .join(Order, Order.id == OrderLine.order_id)
            .where(OrderLine.id == line_id)
        )
        .one_or_none()
    )
    return BoughtLine(*row) if row else None


def refunded_unopened(refund_id: UUID) -> list[UUID]:
    """The lines of a refund that went back whole, and of which nothing was ever opened."""
    opened = exists().where(Delivery.line_id == OrderLine.id, Delivery.revealed_at.is_not(None))
    return list(
        session().scalars(
            select(OrderLine.id)
            .join(RefundPart, RefundPart.line_id == OrderLine.id)
            .where(
                RefundPart.refund_id == refund_id,
                OrderLine.given_back_minor == OrderLine.quantity * OrderLine.unit_price_minor,
                ~opened,
            )
            .order_by(OrderLine.id)
        )
    )


def median_delivery(seller_id: UUID) -> timedelta | None:
    """How long a seller's buyers waited from payment to goods: the median of the last deliveries.

    None where nothing was delivered lately.
    """
    last = (
        select(OrderLine.order_id)
        .where(OrderLine.seller_id == seller_id)
        .order_by(OrderLine.id.desc())
        .limit(_LAST_LINES)
        .subquery()
    )
    waited = func.extract("epoch", Order.delivered_at - Order.paid_at)
    seconds = session().scalar(
        select(func.percentile_cont(0.5).within_group(waited))
        .select_from(last)
        .join(Order, Order.id == last.c.order_id)
        .where(Order.state == OrderState.DELIVERED)
    )
    return None if seconds is None else timedelta(seconds=float(seconds))
