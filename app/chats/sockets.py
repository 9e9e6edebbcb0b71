"""What open pages do in conversations over their socket: typed, with rights asked for each time."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.chats.errors import BadMessage
from app.chats.models import HIGHEST
from app.chats.service import presence, reading, sending
from app.chats.texts import LONGEST
from app.live.policy import Done

M = TypeVar("M", bound="Frame")


class Frame(BaseModel):
    """What is sent with each."""

    # Not strict: JSON has no type for ids. A mapping, such as an operator of a query, is no id.
    model_config = ConfigDict(extra="forbid")

    conversation: UUID


class Sent(Frame):
    """A message. `client_id` makes it the same one, however often it is sent."""

    client_id: UUID
    # What is too long is told by the service, in words.
    text: str = Field(max_length=2 * LONGEST)
    reply_to: int | None = Field(None, ge=1, le=HIGHEST)
    sure: bool = False


class Read(Frame):
    """Everything up to this message was seen."""

    seq: int = Field(ge=1, le=HIGHEST)


def send(user_id: UUID, body: Mapping[str, Any]) -> Done:
    """Store a message: its number once it is; the others are told right after that."""
    sent = _typed(Sent, body)
    stored, follow = sending.write(
        user_id=user_id,
        conversation_id=sent.conversation,
        text=sent.text,
        client_id=sent.client_id,
        reply_to=sent.reply_to,
        is_sure=sent.sure,
    )
    return Done({"seq": stored.seq, "client_id": stored.client_id}, follow)


def read(user_id: UUID, body: Mapping[str, Any]) -> Done:
    """Move the read mark."""
    seen = _typed(Read, body)
    reading.mark_read(user_id=user_id, conversation_id=seen.conversation, seq=seen.seq)
    return Done({})


def here(user_id: UUID, body: Mapping[str, Any]) -> Done:
    """Say that the conversation is open."""
    presence.here(user_id=user_id, conversation_id=_typed(Frame, body).conversation)
    return Done({})


def typing(user_id: UUID, body: Mapping[str, Any]) -> Done:
    """Say that something is being written."""
    presence.typing(user_id=user_id, conversation_id=_typed(Frame, body).conversation)
    return Done({})


def _typed(frame: type[M], body: Mapping[str, Any]) -> M:
    try:
        return frame.model_validate(body)
    except ValidationError as error:
        raise BadMessage(_("This can't be read. Please reload the page.")) from error


ACTS = {"chat.send": send, "chat.read": read, "chat.here": here, "chat.typing": typing}
