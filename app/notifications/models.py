"""Tables of notifications, of who wants which by mail, and of mails that come once a day."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, text_enum
from app.kit.ids import new_id

UNREAD = "notifications"  # the name of the number beside a person


class NotificationKind(StrEnum):
    """What a notification is about."""

    SALE = "sale"
    DELIVERY = "delivery"
    PAYMENT = "payment"
    REFUND = "refund"
    CLAIM = "claim"
    DISPUTE = "dispute"
    LOW_STOCK = "low_stock"
    MESSAGE = "message"
    REVIEW = "review"
    REPLY = "reply"
    REVIEW_REQUEST = "review_request"
    MODERATION = "moderation"
    WEBHOOK = "webhook"
    PAYOUT = "payout"


class MailMode(StrEnum):
    """How a kind goes out by mail."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    NEVER = "never"


class Notification(Model):
    """Something that happened, told to one person. `params` are what its words are made of."""

    __tablename__ = "notification"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[NotificationKind] = mapped_column(text_enum(NotificationKind, "known_kind"))
    key: Mapped[str] = mapped_column(Text)
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp(), index=True
    )
    read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    awaits_digest: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        UniqueConstraint("user_id", "kind", "key", name="uq_notification_user_id_kind_key"),
        Index("ix_notification_user", "user_id", "id"),
        Index("ix_notification_user_kind", "user_id", "kind", "id"),
        Index("ix_notification_unread", "user_id", "id", postgresql_where="read_at IS NULL"),
        Index(
            "ix_notification_unread_kind",
            "user_id",
            "kind",
            "id",
            postgresql_where="read_at IS NULL",
        ),
        Index("ix_notification_digest", "user_id", postgresql_where="awaits_digest"),
        Index("ix_notification_old_unread", "created_at", postgresql_where="read_at IS NULL"),
    )


class NotificationPreference(Model):
    """What a person has chosen for a kind; where there is no row, the kind's own default holds."""

    __tablename__ = "notification_preference"
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    kind: Mapped[NotificationKind] = mapped_column(
        text_enum(NotificationKind, "known_kind"), primary_key=True
    )
    mode: Mapped[MailMode] = mapped_column(text_enum(MailMode, "known_mode"))


class NotificationDigest(Model):
    """When a person's next daily mail is due, null while there is nothing for it; and the last."""

    __tablename__ = "notification_digest"
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        Index("ix_notification_digest_due", "due_at", postgresql_where="due_at IS NOT NULL"),
    )


class MailRecord(Model):
    """A mail about an order that a mail server has taken: append-only, evidence in a dispute.

    `id` is that of what was announced to its listener, the same however often the mail is tried.
    """

    __tablename__ = "mail_record"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    template: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    accepted_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
