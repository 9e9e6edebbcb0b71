"""What happens to payments."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class PaypalEventReceived:
    """A verified webhook is in the inbox. `reference` is what the payment it speaks of is for."""

    event_type: str
    reference: UUID
