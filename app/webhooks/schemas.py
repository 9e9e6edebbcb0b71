"""Webhooks as programs send and get them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from app.kit.api.schemas import Input, Listing, Output, Paged
from app.webhooks.models import EventType, Failure, MessageState, OffReason
from app.webhooks.posting import MAX_URL

Choice = Literal[
    "order.paid",
    "order.delivered",
    "order.refunded",
    "claim.opened",
    "dispute.opened",
    "dispute.resolved",
    "stock.low",
    "stock.out",
    "review.written",
    "message.received",
    "payout.paid",
    "payout.failed",
]


class EndpointIn(Input):
    """The address and the events of a webhook."""

    url: str = Field(min_length=1, max_length=MAX_URL, examples=["https://example.com/byteshop"])
    events: list[Choice] = Field(min_length=1)


class EndpointOut(Output):
    """A webhook; `off_reason` is null while it is on."""

    id: UUID
    url: str
    events: list[str]
    off_reason: OffReason | None
    failing_since: datetime | None
    created_at: datetime


class Endpoints(Output):
    """Your webhooks, oldest first."""

    items: list[EndpointOut]


class NewEndpointOut(Output):
    """A new webhook. Its secret is shown only once."""

    id: UUID
    secret: str


class MessagesQuery(Paged):
    """Which page of the messages."""


class AttemptOut(Output):
    """An attempt and its result. While it is under way, `duration_ms` is null."""

    started_at: datetime
    duration_ms: int | None
    status: int | None
    error: Failure | None
    answer: str


class MessageOut(Output):
    """A message with its attempts, latest first."""

    id: UUID
    type: EventType
    state: MessageState
    payload: dict[str, Any]
    created_at: datetime
    attempts: list[AttemptOut]


class MessageList(Listing[MessageOut]):
    """A page of messages, newest first."""


class OnTheWay(Output):
    """A message will be sent."""

    accepted: Literal[True]
