"""What happens to payments."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class PaypalEventReceived:
    """A verified webhook says what nobody else is about to find out of a payment.

    `reference` is what the payment is for.
    """

    event_type: str
    reference: UUID


@dataclass(frozen=True)
class DifferencesFound:
    """PayPal's list and the ledger differ in something new; for one administrator's mail."""

    admin_id: UUID
    count: int


@dataclass(frozen=True)
class PayoutChanged:
    """A payout came to a state that its seller wants to know of."""

    payout_id: UUID
    seller_id: UUID
    state: str


@dataclass(frozen=True)
class DisputeTold:
    """A verified webhook says that something happened to a dispute, by PayPal's id of it."""

    paypal_dispute_id: str


@dataclass(frozen=True)
class PaymentDisputed:
    """PayPal refunds nothing of a payment, since it is disputed: maybe by what is not known yet."""

    reference: UUID


@dataclass(frozen=True)
class CaptureReversed:
    """A verified webhook says that PayPal took money of a payment back by itself.

    `reference` is what the payment was for, `reversal_id` PayPal's id of what it did.
    """

    reference: UUID
    reversal_id: str
