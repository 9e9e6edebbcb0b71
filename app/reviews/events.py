"""What happens to reviews."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class ReviewWritten:
    """A buyer has written a review."""

    review_id: UUID
    product_id: UUID
    seller_id: UUID


@dataclass(frozen=True)
class ReviewAnswered:
    """The seller has answered a review."""

    review_id: UUID
    product_id: UUID
    buyer_id: UUID


@dataclass(frozen=True)
class ReviewHidden:
    """A moderator has hidden a review."""

    review_id: UUID
    product_id: UUID
    author_id: UUID
    reason: str
    hidden_at: datetime


@dataclass(frozen=True)
class ReviewWanted:
    """It is time to ask a buyer for reviews of what was delivered between these moments."""

    buyer_id: UUID
    since: datetime
    until: datetime
