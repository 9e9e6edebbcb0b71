"""An order's state: changed along its table, and so that its buyer's open page hears of it."""

from app.kit import states
from app.kit.live.publishing import announce
from app.orders.models import TRANSITIONS, Order, OrderState


def move(order: Order, to: OrderState) -> None:
    """Change the state of a locked order; a move that is not in the table is a bug."""
    states.move(order, to, TRANSITIONS)
    tell_pages(order)


def tell_pages(order: Order) -> None:
    """Have the buyer's open page fetch what became of the order."""
    announce(f"order:{order.id}", "changed")
