"""What buyers may do, and how much of it."""

from app.orders.models import OrderState
from app.payments.models import IN_PAYPALS_HANDS, PaymentState

MAX_QUANTITY = 100  # pieces of one product
MAX_LINES = 20  # products in one basket
# Orders of one buyer whose payment PayPal has in hand, and which hold units meanwhile. Of those
# that wait for the buyer there is one: the next one ends it.
MAX_IN_PAYPALS_HANDS = 10


REASON_MIN, REASON_MAX = 3, 1000  # characters of an operator's reason


def can_pay(state: OrderState, payment: PaymentState | None) -> bool:
    """Whether the buyer may go on with the payment of this order."""
    return state in {OrderState.OPEN, OrderState.EXPIRED} and payment not in {
        *IN_PAYPALS_HANDS,
        PaymentState.SETTLED,
        PaymentState.FAILED,
    }


def can_cancel(state: OrderState, payment: PaymentState | None) -> bool:
    """Whether the buyer may give the order up; an expired one is then not taken up again."""
    return state in {OrderState.OPEN, OrderState.EXPIRED} and payment not in IN_PAYPALS_HANDS
