"""Tables of reviews."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model
from app.kit.ids import new_id

TEXT_MIN, TEXT_MAX = 3, 4_000
REPLY_MAX = 2_000
REASON_MIN, REASON_MAX = 3, 500
_SHOWN = "hidden_at IS NULL AND deleted_at IS NULL"


class Review(Model):
    """What a buyer says of a line. The trigger `delivered_line` refuses one of any other line.

    A deleted one keeps its row without words, so that one line has one review.
    """

    __tablename__ = "review"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    line_id: Mapped[UUID] = mapped_column(ForeignKey("order_line.id"), unique=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    stars: Mapped[int] = mapped_column(SmallInteger)
    text: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reply: Mapped[str | None] = mapped_column(Text)
    replied_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    helpful_count: Mapped[int] = mapped_column(default=0, server_default="0")
    hidden_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    hidden_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    hidden_reason: Mapped[str | None] = mapped_column(Text)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        CheckConstraint("author_id <> seller_id", name="not_own_product"),
        CheckConstraint("stars BETWEEN 1 AND 5", name="known_stars"),
        CheckConstraint(f"char_length(text) <= {TEXT_MAX}", name="text_fits"),
        CheckConstraint(f"char_length(reply) <= {REPLY_MAX}", name="reply_fits"),
        CheckConstraint("(reply IS NULL) = (replied_at IS NULL)", name="reply_has_moment"),
        CheckConstraint(
            "(hidden_at IS NULL) = (hidden_by IS NULL)"
            " AND (hidden_at IS NULL) = (hidden_reason IS NULL)",
            name="hidden_with_reason",
        ),
        CheckConstraint("helpful_count >= 0", name="helpful_not_negative"),
        # One for each way in which a product's reviews are sorted, whole and by stars.
        Index("ix_review_new", "product_id", "id", postgresql_where=_SHOWN),
        Index("ix_review_helpful", "product_id", "helpful_count", "id", postgresql_where=_SHOWN),
        Index("ix_review_stars", "product_id", "stars", "id", postgresql_where=_SHOWN),
        Index(
            "ix_review_stars_helpful",
            "product_id",
            "stars",
            "helpful_count",
            "id",
            postgresql_where=_SHOWN,
        ),
        Index(
            "ix_review_hidden",
            "product_id",
            "id",
            postgresql_where="hidden_at IS NOT NULL AND deleted_at IS NULL",
        ),
        Index("ix_review_order", "order_id"),
    )

    @property
    def counted(self) -> int | None:
        """The stars with which it counts, None while it does not."""
        return None if self.hidden_at or self.deleted_at else self.stars


class ReviewVote(Model):
    """Somebody found a review helpful."""

    __tablename__ = "review_vote"
    review_id: Mapped[UUID] = mapped_column(
        ForeignKey("review.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)


class ReviewReport(Model):
    """Somebody's word that a review breaks the rules; open until a moderator has decided."""

    __tablename__ = "review_report"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    review_id: Mapped[UUID] = mapped_column(ForeignKey("review.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        UniqueConstraint("review_id", "user_id", name="uq_review_report_review_id_user_id"),
        CheckConstraint(f"char_length(reason) <= {REASON_MAX}", name="reason_fits"),
        Index("ix_review_report_open", "id", postgresql_where="closed_at IS NULL"),
    )


class ReviewRequest(Model):
    """A buyer to be asked, by one mail, for reviews of what was delivered to them since then."""

    __tablename__ = "review_request"
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class SellerReplies(Model):
    """How quickly a seller answers in chats: the last times, and their median. `chats` tells it."""

    __tablename__ = "seller_replies"
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    last_seconds: Mapped[list[int]] = mapped_column(ARRAY(INTEGER))
    median_seconds: Mapped[int | None]
