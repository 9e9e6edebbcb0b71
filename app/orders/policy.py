"""What buyers may do, and how much of it."""

from app.orders.models import OrderState
from app.payments.models import PaymentState

MAX_QUANTITY = 100  # pieces of one product
MAX_LINES = 20  # products in one basket
MAX_UNPAID = 3  # orders of one buyer that hold units while PayPal has not paid us

# While PayPal has the payment in hand, only PayPal's answer moves the order.
_IN_PAYPALS_HANDS = frozenset({PaymentState.CAPTURING, PaymentState.PENDING})


def can_pay(state: OrderState, payment: PaymentState | None) -> bool:
    """Whether the buyer may go on with the payment of this order."""
    return state in {OrderState.OPEN, OrderState.EXPIRED} and payment not in {
        *_IN_PAYPALS_HANDS,
        PaymentState.SETTLED,
        PaymentState.FAILED,
    }


def can_cancel(state: OrderState, payment: PaymentState | None) -> bool:
    """Whether the buyer may give the order up."""
    return state is OrderState.OPEN and payment not in _IN_PAYPALS_HANDS
