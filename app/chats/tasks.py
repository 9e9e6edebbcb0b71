"""What conversations do when something was announced."""

from app.auth import queries as people
from app.auth.events import RoleTaken
from app.auth.models import Role
from app.chats import queries
from app.chats.errors import ChatsUnavailable
from app.chats.events import MessageArrived
from app.chats.queries import Arrived
from app.chats.service import moderating
from app.kit.db import end_read
from app.kit.outbox import TryLater
from app.webhooks.service import messages


def tell_webhooks(event: MessageArrived) -> None:
    """Tell the webhooks of who was written to, so that a bot of theirs can answer."""
    try:
        arrived = queries.arrived(event.message_id, event.recipient_id)
    except ChatsUnavailable as error:
        raise TryLater from error
    if arrived is not None:
        messages.tell_of_message(
            owner_id=event.recipient_id, data=_data(arrived), written_at=arrived.message.at
        )


def _data(arrived: Arrived) -> dict[str, object]:
    message, conversation = arrived.message, arrived.conversation
    return {
        "conversation_id": str(conversation.id),
        "message_id": str(message.id),
        "seq": message.seq,
        "about": conversation.about.value,
        "product_id": str(conversation.product_id) if conversation.product_id else None,
        "order_id": str(conversation.order_id) if conversation.order_id else None,
        "side": arrived.side.value,
        "sender": {"id": str(message.sender_id), "name": arrived.sender_name},
        "text": message.text,
        "reply_to": message.reply.seq if message.reply else None,
        "flags": [flag.value for flag in message.flags],
        "sent_at": message.at.isoformat(),
    }


def show_out(event: RoleTaken) -> None:
    """Have whoever moderates no longer take part in nobody else's conversation."""
    user = people.get_user(event.user_id)
    end_read()
    if event.role == Role.SELLER or user is None or user.is_staff:
        return
    try:
        moderating.leave(moderator_id=event.user_id)
    except ChatsUnavailable as error:
        raise TryLater from error
