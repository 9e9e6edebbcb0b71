"""Tables of webhooks."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, text_enum
from app.kit.ids import new_id


class EventType(StrEnum):
    """Events that a webhook can receive."""

    ORDER_PAID = "order.paid"
    ORDER_DELIVERED = "order.delivered"
    ORDER_REFUNDED = "order.refunded"
    CLAIM_OPENED = "claim.opened"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_RESOLVED = "dispute.resolved"
    STOCK_LOW = "stock.low"
    STOCK_OUT = "stock.out"
    REVIEW_WRITTEN = "review.written"
    MESSAGE_RECEIVED = "message.received"
    PAYOUT_PAID = "payout.paid"
    PAYOUT_FAILED = "payout.failed"
    TEST = "webhook.test"


CHOICES = [kind for kind in EventType if kind is not EventType.TEST]
STOCK = (EventType.STOCK_LOW, EventType.STOCK_OUT)


class MessageState(StrEnum):
    """The state of a message."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


TRANSITIONS: dict[MessageState, frozenset[MessageState]] = {
    MessageState.PENDING: frozenset({MessageState.SENT, MessageState.FAILED}),
    # Sent again by its owner; or an attempt given up as cut off was taken after all.
    MessageState.FAILED: frozenset({MessageState.PENDING, MessageState.SENT}),
    MessageState.SENT: frozenset({MessageState.PENDING}),
}


class OffReason(StrEnum):
    """Why a webhook is off."""

    BY_HAND = "by_hand"
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # for too long


class Failure(StrEnum):
    """Why no answer came of a try."""

    PRIVATE_ADDRESS = "private_address"
    NO_SUCH_HOST = "no_such_host"
    NO_CONNECTION = "no_connection"  # refused, or broken off
    BAD_TLS = "bad_tls"
    TOO_SLOW = "too_slow"
    BAD_ANSWER = "bad_answer"  # no HTTP, or far too much of it
    CUT_OFF = "cut_off"  # our own process ended over it


class WebhookEndpoint(Model):
    """An address of a seller, and what it wants to hear. The secret that signs lies sealed."""

    __tablename__ = "webhook_endpoint"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_version: Mapped[int]
    off_reason: Mapped[OffReason | None] = mapped_column(text_enum(OffReason, "known_off_reason"))
    failing_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # While an attempt is under way, and after one that took long: none of the owner's is begun.
    rests_until: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )


class WebhookMessage(Model):
    """One thing to tell one endpoint. Those of one `subject` go out in their order."""

    __tablename__ = "webhook_message"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"))
    type: Mapped[EventType] = mapped_column(text_enum(EventType, "known_type"))
    subject: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[MessageState] = mapped_column(
        text_enum(MessageState, "known_state"), default=MessageState.PENDING
    )
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    __table_args__ = (
        Index("ix_webhook_message_endpoint", "endpoint_id", "id"),
        Index(
            "ix_webhook_message_due",
            "endpoint_id",
            "next_at",
            "id",
            postgresql_where="state = 'pending'",
        ),
        Index(
            "ix_webhook_message_order",
            "endpoint_id",
            "subject",
            "id",
            postgresql_where="state = 'pending'",
        ),
    )


class WebhookAttempt(Model):
    """An attempt to send a message: what came back, or why nothing did.

    Until it has ended `duration_ms` is null.
    """

    __tablename__ = "webhook_attempt"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    message_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_message.id", ondelete="CASCADE"), index=True
    )
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    duration_ms: Mapped[int | None]
    status: Mapped[int | None]
    error: Mapped[Failure | None] = mapped_column(text_enum(Failure, "known_error"))
    answer: Mapped[str] = mapped_column(Text, default="")


class WebhookStockLevel(Model):
    """What an endpoint was last told of a product's stock, so that it hears of each fall once."""

    __tablename__ = "webhook_stock_level"
    endpoint_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_endpoint.id", ondelete="CASCADE"), primary_key=True
    )
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True)
    level: Mapped[EventType | None] = mapped_column(text_enum(EventType, "known_level"))
