"""Moderators in conversations: only where one was reported, or its order is disputed.

Both people see that they come, and it is logged.
"""

import logging
from datetime import UTC, datetime
from uuid import UUID

from app.chats import texts
from app.chats.errors import NoSuchConversation, ReportMoved
from app.chats.models import Conversation, Report, SystemEvent
from app.chats.service import saying
from app.chats.service.reporting import LONGEST_REASON
from app.chats.store import conversations, reports
from app.kit.db import end_read
from app.kit.ids import new_id
from app.orders.errors import OwnMatter
from app.orders.queries.disputes import is_disputed

log = logging.getLogger(__name__)


def leave(*, moderator_id: UUID) -> None:
    """Take part in nobody else's conversation any more: the office has ended."""
    conversations.remove_moderator(moderator_id)


def join(*, moderator_id: UUID, conversation_id: UUID) -> None:
    """Take part in a conversation that was reported, or whose order is disputed.

    NoSuchConversation for any other.
    """
    conversation = conversations.find(conversation_id)
    if conversation is None or not _is_open_to_moderators(conversation):
        raise NoSuchConversation
    if conversations.part_of(conversation_id, moderator_id) is not None:
        return
    log.info(
        "moderator joins a conversation",
        extra={"conversation": str(conversation_id), "moderator": str(moderator_id)},
    )
    # Said before it is so: nobody reads along unseen, whatever fails in between.
    saying.say(conversation_id, SystemEvent.MODERATOR_JOINED, about=moderator_id)
    newest = max(conversations.parts_in(conversation_id), key=lambda part: part.seq)
    conversations.add_moderator(conversation_id, moderator_id, newest)


def close(*, moderator_id: UUID, conversation_id: UUID, reason: str) -> None:
    """Be done with the reports of a conversation: no moderator reads it any more.

    Unless its order is disputed, which opens it by itself. Both people see that it was closed; the
    reason is kept for moderators. Raises NoSuchConversation for one that is not reported,
    OwnMatter, BadMessage, ReportMoved.
    """
    clean = texts.taken(reason, longest=LONGEST_REASON)
    conversation = conversations.find(conversation_id)
    if conversation is None or conversation.reported_at is None:
        raise NoSuchConversation
    if moderator_id in conversation.people:
        raise OwnMatter
    if not reports.close(conversation, Report(moderator_id, clean, datetime.now(UTC))):
        raise ReportMoved
    log.info(
        "moderator closes the reports of a conversation",
        extra={"conversation": str(conversation_id), "moderator": str(moderator_id)},
    )
    if not _is_disputed(conversation):
        conversations.remove_moderators(conversation_id)
    saying.say(conversation_id, SystemEvent.REPORT_CLOSED, about=new_id())


def _is_open_to_moderators(conversation: Conversation) -> bool:
    return conversation.reported_at is not None or _is_disputed(conversation)


def _is_disputed(conversation: Conversation) -> bool:
    disputed = conversation.order_id is not None and is_disputed(conversation.order_id)
    end_read()
    return disputed
