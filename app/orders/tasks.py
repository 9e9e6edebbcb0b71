"""What orders do when something was announced."""

from app.orders.events import OrderFailed, OrderPaid
from app.orders.service import basket, capturing, delivering
from app.payments.events import PaypalEventReceived


def on_paypal_event(event: PaypalEventReceived) -> None:
    """PayPal says that something happened to a payment: ask what, and act on it."""
    capturing.capture(order_id=event.reference)


def deliver(event: OrderPaid) -> None:
    """Put the goods into the buyer's hands."""
    delivering.deliver(order_id=event.order_id)


def refill_basket(event: OrderFailed) -> None:
    """Put back into the basket what was not bought after all."""
    basket.put_back(order_id=event.order_id)
