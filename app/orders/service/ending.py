"""The end of orders that were not paid: given up, stopped, replaced, or too late."""

from uuid import UUID

from sqlalchemy import func, select

from app.kit.db import db_now, end_read, lock, session, transactional
from app.kit.ids import new_id
from app.kit.sweeping import Swept, for_each
from app.orders.errors import NoSuchOrder
from app.orders.models import Order, OrderState
from app.orders.policy import can_cancel
from app.orders.service import basket as baskets
from app.orders.service import states, units
from app.payments.queries import payment_for
from app.payments.service import paying

EXPIRE_LIMIT = 500
BY_BUYER = "buyer"


@transactional
def cancel(*, buyer_id: UUID, order_id: UUID) -> bool:
    """The buyer gives up an order; False if it is too late (being paid, paid, over).

    Raises NoSuchOrder for a stranger's order. The basket stays, under a new key.
    """
    basket, order = baskets.locked_with_order(order_id)
    if order.buyer_id != buyer_id:
        raise NoSuchOrder
    if order.state is OrderState.CANCELLED and order.cancel_reason == BY_BUYER:
        return True  # a second click
    payment = payment_for(order_id)
    if not can_cancel(order.state, payment.state if payment else None):
        return False
    if basket is not None and basket.checkout_key == order.checkout_key:
        basket.checkout_key = new_id()
    close(order, OrderState.CANCELLED, BY_BUYER)
    return True


@transactional
def stop(*, order_id: UUID, reason: str) -> None:
    """End an order before its money is taken."""
    order = lock(Order, order_id)
    if order is not None and order.state in {
        OrderState.OPEN,
        OrderState.APPROVED,
        OrderState.EXPIRED,
    }:
        close(order, OrderState.CANCELLED, reason)


def close(order: Order, state: OrderState, reason: str | None = None) -> None:
    """End a locked order that was not paid: its units are free again."""
    units.free(order)
    order.cancel_reason = reason
    states.move(order, state)
    if state is OrderState.CANCELLED:
        paying.give_up(reference=order.id)
        # Its key is the basket's again: the same choice can be ordered once more.
        order.checkout_key = new_id()


def expire_overdue() -> Swept:
    """Give back the units of open orders whose deadline has passed, each order by itself."""
    overdue = list(
        session().scalars(
            select(Order.id)
            .where(Order.state == OrderState.OPEN, Order.expires_at < func.statement_timestamp())
            .order_by(Order.expires_at)
            .limit(EXPIRE_LIMIT)
        )
    )
    end_read()
    return for_each(overdue, _expire)


@transactional
def _expire(order_id: UUID) -> bool:
    order = lock(Order, order_id, skip_locked=True)  # whoever has it ends it, or pays it
    if order is None or order.state is not OrderState.OPEN or order.expires_at >= db_now():
        return False
    close(order, OrderState.EXPIRED, "deadline")
    return True
