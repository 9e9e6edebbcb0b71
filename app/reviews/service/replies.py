"""How quickly a seller answers: the median of the last times, which `chats` tells one by one."""

from statistics import median
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.kit.db import lock, session, transactional
from app.reviews.models import SellerReplies

KEPT = 50
_LONGEST = 30 * 24 * 60 * 60  # whoever answers later has not answered


@transactional
def note_reply_time(*, seller_id: UUID, seconds: float) -> None:
    """A seller has answered after so long: keep it, and what the last ones come to."""
    session().execute(
        insert(SellerReplies).values(seller_id=seller_id, last_seconds=[]).on_conflict_do_nothing()
    )
    replies = lock(SellerReplies, seller_id)
    assert replies is not None
    taken = min(max(round(seconds), 0), _LONGEST)
    replies.last_seconds = [*replies.last_seconds, taken][-KEPT:]
    replies.median_seconds = round(median(replies.last_seconds))
