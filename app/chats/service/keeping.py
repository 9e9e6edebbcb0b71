"""What people set: read marks, quiet, whom they take messages from, what is ready to be sent."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from app.chats import texts
from app.chats.errors import NoSuchConversation
from app.chats.events import ConversationRead
from app.chats.models import Membership, SystemEvent
from app.chats.service import masking, saying
from app.chats.store import conversations, messages, people
from app.kit.db import transactional
from app.kit.live.publishing import publish
from app.kit.outbox import emit

LONGEST_ANSWER = 1_000
MOST_ANSWERS = 20
LONGEST_AWAY = 300
LONGEST_REASON = 500


def mark_read(*, user_id: UUID, conversation_id: UUID, seq: int) -> None:
    """Remember that somebody has read up to this message; NoSuchConversation."""
    part = part_of(conversation_id, user_id)
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


def mute(*, user_id: UUID, conversation_id: UUID, muted: bool) -> None:
    """Be told of no more messages in this conversation, or be told again."""
    part_of(conversation_id, user_id)
    conversations.mute(conversation_id, user_id, muted=muted)
    publish(f"inbox:{user_id}", f"muted:{conversation_id}:{muted}")


def block(*, user_id: UUID, conversation_id: UUID, blocked: bool) -> None:
    """Take no more messages from the other one, wherever the two talk, or take them again."""
    other_id = part_of(conversation_id, user_id).other_id
    if other_id is None:
        raise NoSuchConversation
    people.block(user_id, other_id, blocked=blocked)
    conversations.shut(other_id, user_id, is_shut=blocked)
    publish(f"chat:{conversation_id}", f"blocked:{user_id}:{blocked}")


def report(*, user_id: UUID, conversation_id: UUID, reason: str) -> None:
    """Have moderators look at a conversation, from now on; both people see that it was reported."""
    part_of(conversation_id, user_id)
    clean = masking.without_units(texts.taken(reason, longest=LONGEST_REASON))
    conversations.report(conversation_id, user_id, clean, datetime.now(UTC))
    # Each time: it may have been left out when it was reported first, and is said once.
    saying.say(conversation_id, SystemEvent.REPORTED, about=user_id)


def set_up(*, user_id: UUID, answers: Sequence[str], away: str, enter_sends: bool) -> None:
    """Keep ready answers, the note of absence, and which key sends; BadMessage."""
    kept = [texts.taken(one, longest=LONGEST_ANSWER) for one in answers if one.strip()]
    note = texts.taken(away, longest=LONGEST_AWAY) if away.strip() else ""
    people.keep(
        user_id,
        answers=[masking.without_units(one) for one in kept[:MOST_ANSWERS]],
        away=masking.without_units(note),
        enter_sends=enter_sends,
    )


def part_of(conversation_id: UUID, user_id: UUID) -> Membership:
    """This person's part in a conversation; NoSuchConversation to strangers."""
    part = conversations.part_of(conversation_id, user_id)
    if part is None:
        raise NoSuchConversation
    return part
