"""Writing to somebody, changing what was written, and taking it back."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from app.chats import policy, texts
from app.chats.errors import (
    Blocked,
    ChangedMeanwhile,
    Doubtful,
    NoSuchConversation,
    NoSuchMessage,
    Shut,
)
from app.chats.models import Membership, Message, MessageKind, Quote, Side
from app.chats.queries import own_message, quoting
from app.chats.service import masking, settling
from app.chats.store import conversations, messages
from app.kit import ratelimit
from app.kit.ids import new_id
from app.kit.live.publishing import publish

SENT = "20/10 seconds"  # by one person, in all conversations
CHANGED = "30/minute"
TRIES = 10  # to delete what is edited at the same time


def send(
    *,
    user_id: UUID,
    conversation_id: UUID,
    text: str,
    client_id: UUID,
    reply_to: int | None = None,
    is_sure: bool = False,
) -> Message:
    """Store a message and tell the others: see `write`."""
    stored, follow = write(
        user_id=user_id,
        conversation_id=conversation_id,
        text=text,
        client_id=client_id,
        reply_to=reply_to,
        is_sure=is_sure,
    )
    follow()
    return quoting(stored)


def write(
    *,
    user_id: UUID,
    conversation_id: UUID,
    text: str,
    client_id: UUID,
    reply_to: int | None = None,
    is_sure: bool = False,
) -> tuple[Message, Callable[[], None]]:
    """Store a message, and what is to follow: sent again under its `client_id`, it is the same one.

    What follows can wait for its acknowledgement, and is made up for if it is never called.
    BadMessage; NoSuchConversation to strangers; Shut, Blocked; TooMany; Doubtful, unless the person
    `is_sure`, where the text has what others are warned of. Units of stock in it are masked.
    """
    parts = conversations.parts_in(conversation_id)
    own = _own(parts, user_id)
    _check_open(own, parts)
    clean = texts.taken(text)
    ratelimit.spend(SENT, "chat-send", str(user_id))  # before what takes the shop some time
    clean = masking.without_units(clean)
    flags = texts.flags_of(clean)
    if flags and not is_sure:
        raise Doubtful(flags)
    message = Message(
        id=new_id(),
        conversation_id=conversation_id,
        seq=0,
        client_id=str(client_id),
        kind=MessageKind.TEXT,
        sender_id=user_id,
        text=clean,
        at=datetime.now(UTC),
        reply=_quote(conversation_id, reply_to),
        flags=flags,
    )
    marks = texts.marks(_finders(parts), clean)
    stored, is_new = messages.add(message, found_by=marks, last_seq=own.seq)
    return stored, partial(settling.settle, stored, parts) if is_new else _nothing


def _nothing() -> None:
    """What follows of a message that was stored before."""


def edit(
    *, user_id: UUID, conversation_id: UUID, seq: int, text: str, is_sure: bool = False
) -> Message:
    """Give one's own message another text within 15 minutes.

    Errors as `send`; NoSuchMessage, TooLateToChange, ChangedMeanwhile.
    """
    parts = conversations.parts_in(conversation_id)
    _check_open(_own(parts, user_id), parts)
    clean = texts.taken(text)
    ratelimit.spend(CHANGED, "chat-change", str(user_id))
    message = own_message(user_id, conversation_id, seq)
    policy.check_changeable(message, user_id)
    clean = masking.without_units(clean)
    flags = texts.flags_of(clean)
    if flags and not is_sure:
        raise Doubtful(flags)
    if message.text == clean:
        return quoting(message)
    changed = messages.change(
        message,
        text=clean,
        flags=flags,
        found_by=texts.marks(_finders(parts), clean),
        at=datetime.now(UTC),
    )
    if changed is None:
        raise ChangedMeanwhile
    conversations.note_changed(changed)
    publish(f"chat:{conversation_id}", f"changed:{seq}:{changed.edited_at}")
    return quoting(changed)


def delete(*, user_id: UUID, conversation_id: UUID, seq: int) -> Message:
    """Take one's own message back within 15 minutes; moderators still see what it said.

    Again without effect. NoSuchMessage, TooLateToChange, ChangedMeanwhile.
    """
    _own(conversations.parts_in(conversation_id), user_id)
    ratelimit.spend(CHANGED, "chat-change", str(user_id))
    for _try in range(TRIES):  # what is to be gone goes, whoever edits it at once
        message = own_message(user_id, conversation_id, seq)
        if message.deleted_at is not None:
            return message
        policy.check_changeable(message, user_id)
        now = datetime.now(UTC)
        deleted = messages.change(message, text="", flags=(), found_by=(), at=now)
        if deleted is not None:
            conversations.note_changed(deleted)
            publish(f"chat:{conversation_id}", f"changed:{seq}:{deleted.deleted_at}")
            return deleted
    raise ChangedMeanwhile


def _own(parts: Sequence[Membership], user_id: UUID) -> Membership:
    for part in parts:
        if part.user_id == user_id:
            return part
    raise NoSuchConversation


def _check_open(own: Membership, parts: Sequence[Membership]) -> None:
    if own.shut:
        raise Shut
    if any(part.user_id == own.other_id and part.shut for part in parts):
        raise Blocked


def _finders(parts: Sequence[Membership]) -> list[UUID]:
    return [part.user_id for part in parts if part.side is not Side.MODERATOR]


def _quote(conversation_id: UUID, seq: int | None) -> Quote | None:
    if seq is None:
        return None
    quoted = messages.find(conversation_id, seq)
    if quoted is None or quoted.kind is MessageKind.SYSTEM:
        raise NoSuchMessage
    return Quote(quoted.seq, quoted.sender_id)
