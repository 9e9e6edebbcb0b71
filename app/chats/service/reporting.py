"""People report a conversation, which opens it to moderators."""

from datetime import UTC, datetime
from uuid import UUID

from app.chats import texts
from app.chats.models import Report, SystemEvent
from app.chats.queries import part_of
from app.chats.service import masking, saying
from app.chats.store import reports

LONGEST_REASON = 500


def report(*, user_id: UUID, conversation_id: UUID, reason: str) -> None:
    """Have moderators look at a conversation, from now on; both people see that it was reported.

    Whoever reports again gives another reason instead of the first.
    """
    part_of(user_id, conversation_id)
    clean = masking.without_units(texts.taken(reason, longest=LONGEST_REASON))
    reports.report(conversation_id, Report(user_id, clean, datetime.now(UTC)))
    # Each time: it may have been left out when it was reported first, and is said once.
    saying.say(conversation_id, SystemEvent.REPORTED, about=user_id)
