"""What follows from a stored message: unread marks, news to open pages, events for the others."""

from app.chats.events import MessageArrived
from app.chats.models import Membership, Message, MessageKind, Side
from app.chats.store import conversations, messages
from app.kit.db import transactional
from app.kit.live.publishing import publish
from app.kit.outbox import emit
from app.reviews.service import replies

LOOKED_AT = 20  # messages before an answer, in search of the question


def settle(message: Message, parts: list[Membership] | None = None) -> None:
    """Do all that follows from a message; again without harm."""
    publish(f"chat:{message.conversation_id}", f"message:{message.seq}")
    parts = parts or conversations.parts_in(message.conversation_id)
    conversations.note_message(message, len(parts))
    for part in parts:
        publish(f"inbox:{part.user_id}", f"message:{message.id}")
    if message.kind is MessageKind.TEXT:
        _announce(message, parts)
        _note_reply(message, parts)
    messages.settled(message.id)


def _note_reply(message: Message, parts: list[Membership]) -> None:
    """Tell how long a buyer has waited for the seller's answer: since the first of their words."""
    if not any(p.user_id == message.sender_id and p.side is Side.SELLER for p in parts):
        return
    first = None
    buyers = {part.user_id for part in parts if part.side is Side.BUYER}
    before = messages.between(message.conversation_id, message.seq - LOOKED_AT, message.seq - 1)
    for earlier in reversed(before):
        if earlier.kind is MessageKind.TEXT:
            if earlier.sender_id not in buyers:
                break
            first = earlier
    if first is not None and message.sender_id is not None:
        seconds = (message.at - first.at).total_seconds()
        replies.note_reply_time(seller_id=message.sender_id, seconds=seconds)


@transactional
def _announce(message: Message, parts: list[Membership]) -> None:
    sender = message.sender_id
    if sender is None:
        return
    for part in parts:
        if part.user_id != sender:
            emit(MessageArrived(message.id, message.conversation_id, sender, part.user_id))
