"""What happens to webhooks."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class WebhookSwitchedOff:
    """An endpoint failed for too long, or said that it is gone: nothing is sent to it any more."""

    endpoint_id: UUID
    since: datetime  # when it began to fail
