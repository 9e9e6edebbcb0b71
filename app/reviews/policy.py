"""Who may do what with a review."""

from datetime import datetime, timedelta
from uuid import UUID

EDITABLE_FOR = timedelta(days=30)
REPORT_LIMIT = "20/hour"  # of one person
VOTE_LIMIT = "120/hour"


def may_edit(written_at: datetime, now: datetime) -> bool:
    """Whether its author may still change a review."""
    return now < written_at + EDITABLE_FOR


def may_vote(user_id: UUID | None, author_id: UUID, seller_id: UUID) -> bool:
    """Whether this person's opinion of a review counts: not of one's own, nor of one's goods."""
    return user_id is not None and user_id not in {author_id, seller_id}
