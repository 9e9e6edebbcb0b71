"""What the clock does: make up for what was interrupted, and tell of what nobody has read."""

from datetime import UTC, datetime, timedelta

from app.chats.errors import ChatsUnavailable
from app.chats.events import ConversationUnread
from app.chats.models import Membership, Message
from app.chats.service import settling
from app.chats.store import conversations, messages
from app.kit.db import transactional
from app.kit.outbox import emit
from app.kit.sweeping import Swept, for_each

MOST = 200
PATIENCE = timedelta(seconds=30)  # as long as a message may take to be settled by its sender
UNREAD_FOR = timedelta(minutes=10)


def settle_late() -> Swept:
    """Do what follows from messages whose sender's process ended before it had."""
    try:
        late = messages.unsettled(datetime.now(UTC) - PATIENCE, MOST)
    except ChatsUnavailable:
        return Swept(0, 0)  # as readyz tells
    return for_each(late, _settle)


def _settle(message: Message) -> bool:
    settling.settle(message)
    return True


def tell_unread() -> Swept:
    """Announce messages that have waited for ten minutes, once until the conversation is read."""
    try:
        waiting = conversations.waiting_since(datetime.now(UTC) - UNREAD_FOR, MOST)
    except ChatsUnavailable:
        return Swept(0, 0)
    return for_each(waiting, _tell)


def _tell(part: Membership) -> bool:
    _announce(part)
    conversations.note_told(part.conversation_id, part.user_id)
    return True


@transactional
def _announce(part: Membership) -> None:
    sender = part.preview_by or part.other_id  # nobody, where the shop has spoken last
    if sender is not None:
        emit(ConversationUnread(part.conversation_id, part.user_id, sender, part.read))
