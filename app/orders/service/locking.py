"""Orders locked together with what their lines say now."""

from uuid import UUID

from app.kit.db import lock, session
from app.orders.models import Order


def locked_with_lines(order_id: UUID) -> Order | None:
    """The order, locked until the commit, with its lines as they are by then; None for no such one.

    The lines are read once the lock is held: read along with it, they would be those from before
    whoever held it has committed, and what went back meanwhile would go back twice.
    """
    order = lock(Order, order_id)
    if order is not None:
        session().refresh(order, ["lines"])
    return order
