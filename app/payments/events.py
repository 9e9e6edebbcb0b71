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
