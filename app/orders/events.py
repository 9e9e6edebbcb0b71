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
class OrderDelivered:
    """Every piece is in the buyer's hands."""

    order_id: UUID
