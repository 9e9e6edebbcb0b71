"""What the shop itself says in conversations: each thing once, by the unique key of its message."""

from datetime import UTC, datetime
from uuid import UUID

from app.chats.models import Message, MessageKind, SystemEvent
from app.chats.service import settling
from app.chats.store import conversations, messages
from app.kit.ids import new_id


def say(
    conversation_id: UUID,
    event: SystemEvent,
    *,
    about: UUID | None = None,
    at: datetime | None = None,
) -> None:
    """Say that something happened, now or `at` a moment; once for each person it is about."""
    parts = conversations.parts_in(conversation_id)
    message = Message(
        id=new_id(),
        conversation_id=conversation_id,
        seq=0,
        client_id=client_id(event, about),
        kind=MessageKind.SYSTEM,
        sender_id=None,
        text="",
        at=at or datetime.now(UTC),
        event=event,
    )
    last = max((part.seq for part in parts), default=0)
    stored, is_new = messages.add(message, found_by=(), last_seq=last)
    if is_new:
        settling.settle(stored, parts)


def client_id(event: SystemEvent, about: UUID | None) -> str:
    """By what a message of the shop is said once in its conversation."""
    return f"{event.value}:{about}" if about else event.value
