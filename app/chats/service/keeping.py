"""What people set: quiet, whom they take messages from, what is ready to be sent."""

from collections.abc import Sequence
from uuid import UUID

from app.chats import texts
from app.chats.errors import NoSuchConversation
from app.chats.queries import part_of
from app.chats.service import masking
from app.chats.store import conversations, people
from app.kit.live.publishing import publish

LONGEST_ANSWER = 1_000
MOST_ANSWERS = 20
LONGEST_AWAY = 300


def mute(*, user_id: UUID, conversation_id: UUID, muted: bool) -> None:
    """Be told of no more messages in this conversation, or be told again."""
    part_of(user_id, conversation_id)
    conversations.mute(conversation_id, user_id, muted=muted)
    publish(f"inbox:{user_id}", f"muted:{conversation_id}:{muted}")


def block(*, user_id: UUID, conversation_id: UUID, blocked: bool) -> None:
    """Take no more messages from the other one, wherever the two talk, or take them again."""
    other_id = part_of(user_id, conversation_id).other_id
    if other_id is None:
        raise NoSuchConversation
    people.block(user_id, other_id, blocked=blocked)
    conversations.shut(other_id, user_id, is_shut=blocked)
    publish(f"chat:{conversation_id}", f"blocked:{user_id}:{blocked}")


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
