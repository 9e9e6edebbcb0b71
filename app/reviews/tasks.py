"""What reviews do when something was announced."""

from app.orders.events import OrderDelivered
from app.reviews.service import asking


def plan_request(event: OrderDelivered) -> None:
    """Note that the buyer is to be asked for a review some days later."""
    asking.plan(order_id=event.order_id)
