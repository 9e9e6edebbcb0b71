"""What buyers may do, and how much of it."""

from datetime import datetime, timedelta

from app.orders.models import OrderState
from app.orders.models.claims import ClaimState
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


def may_return(refund_days: int, delivered_at: datetime | None, now: datetime) -> bool:
    """Whether the buyer may return an unopened piece: always before it is delivered."""
    return delivered_at is None or now < returnable_until(refund_days, delivered_at)


def returnable_until(refund_days: int, delivered_at: datetime) -> datetime:
    """Until when the buyer may return an unopened piece."""
    return delivered_at + timedelta(days=refund_days)


CLAIM_FOR = timedelta(days=180)  # PayPal refunds nothing later
ANSWER_WITHIN = timedelta(days=3)  # of a seller, before the buyer may call a moderator


def may_claim(paid_at: datetime | None, now: datetime) -> bool:
    """Whether a buyer may still ask for the money of what was opened."""
    return paid_at is not None and now < paid_at + CLAIM_FOR


def may_call(state: ClaimState, opened_at: datetime, now: datetime) -> bool:
    """Whether the buyer may have a moderator decide: once it is declined, or not answered."""
    return state is ClaimState.DECLINED or (
        state is ClaimState.OPEN and now >= opened_at + ANSWER_WITHIN
    )
