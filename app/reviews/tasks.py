"""What reviews do when something was announced."""

from app.orders.events import OrderDelivered, OrderRefunded
from app.reviews.service import asking, writing


def plan_request(event: OrderDelivered) -> None:
    """Note that the buyer is to be asked for a review some days later."""
    asking.plan(order_id=event.order_id)


def drop_unopened(event: OrderRefunded) -> None:
    """Drop reviews of what went back without ever being opened."""
    writing.delete_unopened(refund_id=event.refund_id)
