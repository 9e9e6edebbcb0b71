"""What happens to orders."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class OrderPaid:
    """The money is here and booked."""

    order_id: UUID


@dataclass(frozen=True)
class OrderPending:
    """PayPal has the payment, but not the money: it may take days, and may fail."""

    order_id: UUID


@dataclass(frozen=True)
class OrderFailed:
    """A payment that PayPal had came to nothing, or was given back; the order is cancelled."""

    order_id: UUID


@dataclass(frozen=True)
class OrderApprovalReversed:
    """PayPal took the buyer's yes back before any money was taken; the order is not paid."""

    order_id: UUID


@dataclass(frozen=True)
class OrderDelivered:
    """Every piece is in the buyer's hands."""

    order_id: UUID


@dataclass(frozen=True)
class RefundAsked:
    """PayPal is to be asked for a refund that is written down."""

    order_id: UUID
    refund_id: UUID


@dataclass(frozen=True)
class OrderRefunded:
    """PayPal has taken on a refund of an order, or of parts of it; it is booked."""

    order_id: UUID
    refund_id: UUID


@dataclass(frozen=True)
class RefundFailed:
    """A refund came to nothing: what was to go back stays as it was."""

    order_id: UUID
    refund_id: UUID


@dataclass(frozen=True)
class ClaimOpened:
    """A buyer asks a seller for the money of what was opened."""

    claim_id: UUID
    seller_id: UUID


@dataclass(frozen=True)
class ClaimMoved:
    """A claim was answered, decided, or is to be decided by a moderator."""

    claim_id: UUID
    state: str


@dataclass(frozen=True)
class ClaimReopened:
    """The refund of an accepted or granted claim failed: a moderator is to look at it again."""

    claim_id: UUID
    refund_id: UUID


@dataclass(frozen=True)
class OrderDisputed:
    """A buyer disputes an order at PayPal: what is disputed is held, what is unopened locked."""

    order_id: UUID
    dispute_id: UUID


@dataclass(frozen=True)
class DisputeMoved:
    """A dispute is at another stage, or waits for somebody else, at PayPal."""

    order_id: UUID
    dispute_id: UUID


@dataclass(frozen=True)
class DisputeEnded:
    """PayPal has decided a dispute; what it held is the sellers' again, or the buyer's."""

    order_id: UUID
    dispute_id: UUID


@dataclass(frozen=True)
class EvidenceWritten:
    """What is said to a dispute is written down, and to be sent to PayPal."""

    order_id: UUID
    dispute_id: UUID
    evidence_id: UUID
