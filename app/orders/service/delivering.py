"""Delivery: a paid order's pieces are put into the buyer's hands, once."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from app.kit.db import db_now, end_read, lock, session, transactional
from app.kit.ids import new_id
from app.kit.outbox import emit
from app.orders.errors import NoSuchOrder
from app.orders.events import OrderDelivered
from app.orders.models import Delivery, DeliveryAct, Order, OrderLine, OrderState
from app.orders.service import evidence, states, units
from app.products.errors import OutOfStock

LATE_SECONDS = 10
LATE_LIMIT = 100


@transactional
def deliver(*, order_id: UUID) -> bool:
    """Assign every piece of a paid order to its buyer; False if that was done before.

    Raises OutOfStock while a late-paid order waits for stock.
    """
    order = lock(Order, order_id)
    if order is None:
        raise NoSuchOrder
    if order.state is not OrderState.PAID:
        return False
    sold = units.sell(order)
    for line in order.lines:
        _assign(order, line, sold.get(line.id) or [None] * line.quantity)
    order.delivered_at = db_now()
    states.move(order, OrderState.DELIVERED)
    emit(OrderDelivered(order.id))
    return True


def _assign(order: Order, line: OrderLine, sold: Sequence[UUID | None]) -> None:
    deliveries = [
        Delivery(
            id=new_id(),
            order_id=order.id,
            line_id=line.id,
            position=position,
            unit_id=unit_id,
            content_id=line.content_id,
        )
        for position, unit_id in enumerate(sold)
    ]
    session().add_all(deliveries)
    session().flush()  # the record points at them by a plain foreign key
    evidence.append(
        order_id=order.id,
        delivery_ids=[delivery.id for delivery in deliveries],
        act=DeliveryAct.ASSIGNED,
    )


def deliver_late() -> int:
    """Deliver what the queue has lost or what waited for stock; returns how many orders."""
    late = list(
        session().scalars(
            select(Order.id)
            .where(
                Order.state == OrderState.PAID,
                Order.paid_at
                < func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, LATE_SECONDS),
            )
            .order_by(Order.paid_at)
            .limit(LATE_LIMIT)
        )
    )
    end_read()
    return sum(_try_to_deliver(order_id) for order_id in late)


def _try_to_deliver(order_id: UUID) -> bool:
    try:
        return deliver(order_id=order_id)
    except OutOfStock:
        return False  # waits on, and holds up nobody else
