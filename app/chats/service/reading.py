"""Read marks: up to where somebody has read."""

from uuid import UUID

from app.chats.events import ConversationRead
from app.chats.queries import part_of
from app.chats.store import conversations, messages
from app.kit.db import transactional
from app.kit.live.publishing import publish
from app.kit.outbox import emit


def mark_read(*, user_id: UUID, conversation_id: UUID, seq: int) -> None:
    """Remember that somebody has read up to this message; NoSuchConversation."""
    part = part_of(user_id, conversation_id)
    if seq > part.seq and messages.find(conversation_id, seq) is None:
        seq = part.seq  # nobody has read what isn't there; a new one may not be marked yet
    if seq <= part.read and not part.unread:
        return
    read = conversations.note_read(conversation_id, user_id, seq)
    if read.was_told:
        _announce_read(conversation_id, user_id)
    if read.is_news:
        publish(f"chat:{conversation_id}", f"read:{user_id}:{seq}")
    publish(f"inbox:{user_id}", f"read:{conversation_id}:{seq}")


@transactional
def _announce_read(conversation_id: UUID, user_id: UUID) -> None:
    emit(ConversationRead(conversation_id, user_id))
