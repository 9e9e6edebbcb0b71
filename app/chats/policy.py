"""Who may take part in a conversation, and change what they have said there."""

from datetime import UTC, datetime
from uuid import UUID

from app.chats.errors import ChatsUnavailable, TooLateToChange
from app.chats.models import Message
from app.chats.store import conversations


def is_member(user_id: UUID | None, conversation_id: UUID) -> bool:
    """Whether somebody takes part in it, so that a page of theirs may hear of its news."""
    if user_id is None:
        return False
    try:
        return conversations.part_of(conversation_id, user_id) is not None
    except ChatsUnavailable:
        return False  # the page asks again when it looks for itself


def check_changeable(message: Message, user_id: UUID) -> None:
    """Insist that this person may still change or delete a message; TooLateToChange."""
    if not message.is_changeable_by(user_id, datetime.now(UTC)):
        raise TooLateToChange
