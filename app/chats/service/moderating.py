"""Moderators in conversations: only where one was reported, or its order is disputed.

Both people see that they come, and it is logged.
"""

import logging
from uuid import UUID

from app.chats.errors import NoSuchConversation
from app.chats.models import Conversation, SystemEvent
from app.chats.service import saying
from app.chats.store import conversations
from app.kit.db import end_read
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


def _is_open_to_moderators(conversation: Conversation) -> bool:
    if conversation.reported_at is not None:
        return True
    disputed = conversation.order_id is not None and is_disputed(conversation.order_id)
    end_read()
    return disputed
