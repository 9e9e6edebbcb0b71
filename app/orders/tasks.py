"""What orders do when something was announced, and on the clock."""

from app.orders.events import OrderPaid
from app.orders.service import basket, checkout, delivery, expiry
from app.payments.events import PaypalEventReceived


def on_paypal_event(event: PaypalEventReceived) -> None:
    """PayPal says that something happened to a payment: ask what, and act on it."""
    checkout.capture(order_id=event.reference)


def deliver(event: OrderPaid) -> None:
    """Put the goods into the buyer's hands."""
    delivery.deliver(order_id=event.order_id)


def empty_basket(event: OrderPaid) -> None:
    """Take out of the basket what was bought."""
    basket.forget_bought(order_id=event.order_id)


def drop_forgotten_baskets() -> int:
    """Delete the baskets of guests who have not come back."""
    return basket.drop_forgotten()


def expire_overdue() -> int:
    """End the orders whose deadline has passed."""
    return expiry.expire_overdue()


def chase_unfinished() -> int:
    """Ask PayPal about payments it has not told us the end of."""
    return checkout.chase_unfinished()


def deliver_late() -> int:
    """Deliver what the queue has lost."""
    return delivery.deliver_late()
