"""What happens in conversations."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class MessageArrived:
    """Somebody was written to."""

    message_id: UUID
    conversation_id: UUID
    sender_id: UUID
    recipient_id: UUID


@dataclass(frozen=True)
class ConversationUnread:
    """A message has waited for ten minutes; said once until the conversation is read.

    `since_seq` is the last message that was read.
    """

    conversation_id: UUID
    recipient_id: UUID
    sender_id: UUID
    since_seq: int


@dataclass(frozen=True)
class ConversationRead:
    """What `ConversationUnread` was said of is read."""

    conversation_id: UUID
    reader_id: UUID
