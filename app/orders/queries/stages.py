"""How far a purchase has come, in one word for its buyer."""

from enum import StrEnum

from app.orders.models import OrderState
from app.payments.models import PaymentState


class Stage(StrEnum):
    """The overall state of an order and its payment, as shown on its page."""

    OPEN = "open"
    DECLINED = "declined"
    CONFIRMING = "confirming"
    PENDING = "pending"
    MISMATCHED = "mismatched"
    PAID = "paid"
    DELIVERED = "delivered"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether waiting brings nothing new."""
        return self in {Stage.DELIVERED, Stage.PARTLY_REFUNDED, Stage.REFUNDED, Stage.CANCELLED}


def stage_of(
    state: OrderState, payment: PaymentState | None, total_minor: int, given_back_minor: int
) -> Stage:
    """What the buyer is told, from the order's and the payment's state and what went back."""
    if payment is PaymentState.MISMATCHED:
        return Stage.MISMATCHED
    if state is OrderState.DELIVERED and given_back_minor:
        return Stage.REFUNDED if given_back_minor == total_minor else Stage.PARTLY_REFUNDED
    match state:
        case OrderState.OPEN if payment is PaymentState.DECLINED:
            return Stage.DECLINED
        case OrderState.APPROVED:
            return Stage.PENDING if payment is PaymentState.PENDING else Stage.CONFIRMING
        case _:
            return Stage(state.value)
