"""Moderators in conversations: only where one was reported, seen by both people, and logged."""

import logging
from uuid import UUID

from app.chats.errors import NoSuchConversation
from app.chats.models import SystemEvent
from app.chats.service import saying
from app.chats.store import conversations

log = logging.getLogger(__name__)


def leave(*, moderator_id: UUID) -> None:
    """Take part in nobody else's conversation any more: the office has ended."""
    conversations.remove_moderator(moderator_id)


def join(*, moderator_id: UUID, conversation_id: UUID) -> None:
    """Take part in a conversation that was reported; NoSuchConversation for any other."""
    conversation = conversations.find(conversation_id)
    if conversation is None or conversation.reported_at is None:
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
