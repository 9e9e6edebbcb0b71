"""What follows from a stored message: unread marks, news to open pages, events for the others."""

from app.chats.events import MessageArrived
from app.chats.models import Membership, Message, MessageKind
from app.chats.store import conversations, messages
from app.kit.db import transactional
from app.kit.live.publishing import publish
from app.kit.outbox import emit


def settle(message: Message, parts: list[Membership] | None = None) -> None:
    """Do all that follows from a message; again without harm."""
    publish(f"chat:{message.conversation_id}", f"message:{message.seq}")
    conversations.note_message(message)
    parts = parts or conversations.parts_in(message.conversation_id)
    for part in parts:
        publish(f"inbox:{part.user_id}", f"message:{message.id}")
    if message.kind is MessageKind.TEXT:
        _announce(message, parts)
    messages.settled(message.id)


@transactional
def _announce(message: Message, parts: list[Membership]) -> None:
    sender = message.sender_id
    if sender is None:
        return
    for part in parts:
        if part.user_id != sender:
            emit(MessageArrived(message.id, message.conversation_id, sender, part.user_id))
