"""The end of orders that were not paid."""

from uuid import UUID

from sqlalchemy import func, select

from app.kit.db import db_now, end_read, lock, session, transactional
from app.kit.ids import new_id
from app.orders.errors import NoSuchOrder
from app.orders.models import Order, OrderState
from app.orders.queries.basket import Owner
from app.orders.service import basket as baskets
from app.orders.service import placing

EXPIRE_LIMIT = 500


@transactional
def cancel(*, buyer_id: UUID, order_id: UUID) -> bool:
    """The buyer gives up an open order; False if it is too late (being paid, paid, over).

    Raises NoSuchOrder for a stranger's order. The basket stays, under a new key.
    """
    basket = baskets.locked(Owner(user_id=buyer_id))  # before the order, as `place_order` does
    order = lock(Order, order_id)
    if order is None or order.buyer_id != buyer_id:
        raise NoSuchOrder
    if order.state not in {OrderState.OPEN, OrderState.EXPIRED}:
        return False
    if basket is not None and basket.checkout_key == order.checkout_key:
        basket.checkout_key = new_id()
    placing.close(order, OrderState.CANCELLED, "buyer")
    return True


def expire_overdue() -> int:
    """Give back the units of open orders whose deadline has passed; returns how many orders."""
    overdue = list(
        session().scalars(
            select(Order.id)
            .where(Order.state == OrderState.OPEN, Order.expires_at < func.clock_timestamp())
            .order_by(Order.expires_at)
            .limit(EXPIRE_LIMIT)
        )
    )
    end_read()
    return sum(_expire(order_id=order_id) for order_id in overdue)


@transactional
def _expire(*, order_id: UUID) -> bool:
    order = lock(Order, order_id)
    if order is None or order.state is not OrderState.OPEN or order.expires_at >= db_now():
        return False
    placing.close(order, OrderState.EXPIRED, "deadline")
    return True
