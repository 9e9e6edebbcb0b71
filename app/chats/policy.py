"""Who may take part in a conversation."""

from uuid import UUID

from app.chats.errors import ChatsUnavailable
from app.chats.store import conversations


def is_member(user_id: UUID | None, conversation_id: UUID) -> bool:
    """Whether somebody takes part in it, so that a page of theirs may hear of its news."""
    if user_id is None:
        return False
    try:
        return conversations.part_of(conversation_id, user_id) is not None
    except ChatsUnavailable:
        return False  # the page asks again when it looks for itself
