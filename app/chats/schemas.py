"""Conversations and messages as programs send and get them."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from app.chats.models import HIGHEST, About, Flag, MessageKind, Side, SystemEvent
from app.chats.texts import LONGEST
from app.kit.api.schemas import MAX_PAGE, Input, Listing, Number, Output, Paged
from app.kit.api.schemas import Flag as YesOrNo


class ConversationsQuery(Paged):
    """Which conversations, and which page of them."""

    unread: YesOrNo = Field(False, description="only those with something to read")


class OpenIn(Input):
    """What to talk about: a product, or one seller's part of an order."""

    product_id: UUID | None = None
    order_id: UUID | None = None
    seller_id: UUID | None = Field(None, description="with `order_id`; by default you")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.product_id is None) is (self.order_id is None):
            raise ValueError("either product_id or order_id")
        return self


class PersonOut(Output):
    """Somebody who takes part."""

    id: UUID
    name: str


class ConversationOut(Output):
    """A conversation as you see it. `preview` is the beginning of its last message.

    Its messages are numbered from 1 without gaps: you have read up to `read_seq` of `last_seq`.
    """

    id: UUID
    about: About
    product_id: UUID | None
    order_id: UUID | None
    title: str = Field(description="of the product, or the first one of the order")
    buyer: PersonOut
    seller: PersonOut
    side: Side = Field(description="what you are in it")
    last_seq: int
    last_at: datetime | None
    preview: str
    read_seq: int
    unread: bool
    muted: bool
    shut: bool = Field(description="whether the other person takes no messages from you")
    created_at: datetime


class ConversationList(Listing[ConversationOut]):
    """A page of conversations with messages, the one with the newest message first."""


class UnreadOut(Output):
    """In how many conversations there is something to read, muted ones left out."""

    count: int
    exact: bool = Field(description="false: there are more")


class HistoryQuery(Input):
    """Which messages: the last ones, or those after or before one."""

    after: Number | None = Field(None, ge=0, le=HIGHEST, description="messages after this number")
    before: Number | None = Field(None, ge=1, le=HIGHEST, description="messages before this number")
    limit: Number = Field(50, ge=1, le=MAX_PAGE, description="maximum number of messages")


class QuoteOut(Output):
    """The beginning of the message that another one answers."""

    seq: int
    sender_id: UUID | None
    text: str


class ChatMessageOut(Output):
    """A message. What the shop itself says is of kind `system`: it has an `event` and no text.

    A deleted one keeps its number and has no text. `flags`: what its reader is warned of.
    """

    id: UUID
    seq: int
    client_id: str = Field(description="made by its sender; empty for what the shop says")
    kind: MessageKind
    event: SystemEvent | None
    sender_id: UUID | None
    text: str
    reply: QuoteOut | None
    flags: list[Flag]
    at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None


class ChatMessagesOut(Output):
    """Messages in the order of their numbers. Others have read up to `other_read_seq`."""

    items: list[ChatMessageOut]
    last_seq: int
    other_read_seq: int


class TextIn(Input):
    """A text. What looks like a payment outside the shop or a password has to be `confirmed`."""

    text: str = Field(min_length=1, max_length=LONGEST)
    confirmed: bool = False


class ChatMessageIn(TextIn):
    """A message. Sent again under the same `client_id` it is the same one."""

    client_id: UUID = Field(description="made by you, for each message")
    reply_to: int | None = Field(None, ge=1, le=HIGHEST, description="the number of a message")


class ReadIn(Input):
    """Up to where you have read."""

    seq: int = Field(ge=1, le=HIGHEST)
