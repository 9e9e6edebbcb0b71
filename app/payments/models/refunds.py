"""Tables of refunds."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Text, false, func
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, text_enum
from app.kit.ids import new_id


class RefundState(StrEnum):
    """The state of a refund."""

    CREATED = "created"  # PayPal is being asked
    PENDING = "pending"  # PayPal has taken it on; the buyer gets the money later
    COMPLETED = "completed"
    FAILED = "failed"


REFUND_TRANSITIONS: dict[RefundState, frozenset[RefundState]] = {
    RefundState.CREATED: frozenset(
        {RefundState.PENDING, RefundState.COMPLETED, RefundState.FAILED}
    ),
    RefundState.PENDING: frozenset({RefundState.COMPLETED, RefundState.FAILED}),
    RefundState.COMPLETED: frozenset(),
    # An answer that was lost, or a refusal of another request: PayPal may have made it after all.
    RefundState.FAILED: frozenset({RefundState.PENDING, RefundState.COMPLETED}),
}


class RefundSource(StrEnum):
    """Who refunds."""

    BUYER = "buyer"
    SELLER = "seller"
    MODERATOR = "moderator"
    PAYPAL = "paypal"  # by whoever did it in PayPal's own pages


class Refund(Model):
    """Money of a payment that goes back to the buyer, in minor units of `currency`.

    Its row is there before PayPal is asked. `reason` is what buyer and seller are told.
    """

    __tablename__ = "refund"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    state: Mapped[RefundState] = mapped_column(text_enum(RefundState, "known_state"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    source: Mapped[RefundSource] = mapped_column(text_enum(RefundSource, "known_source"))
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(Text)
    # What whoever asked for it calls it: asked for again, by a second click or a program that lost
    # the answer, it is this one.
    asked_key: Mapped[str | None] = mapped_column(Text)
    paypal_refund_id: Mapped[str | None] = mapped_column(Text, unique=True)
    # Whether the ledger has it now. One that PayPal has made waits for that while something else,
    # such as a dispute, has the money here.
    is_booked: Mapped[bool] = mapped_column(default=False, server_default=false())
    # PayPal's word for why it failed.
    issue: Mapped[str | None] = mapped_column(Text)
    checks: Mapped[int] = mapped_column(default=0)
    next_check_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint(
            "(state IN ('completed', 'failed')) = (ended_at IS NOT NULL)", name="ended_has_a_time"
        ),
        Index("ix_refund_payment", "payment_id", "id"),
        Index(
            "uq_refund_asked_key",
            "payment_id",
            "asked_key",
            unique=True,
            postgresql_where="asked_key IS NOT NULL",
        ),
        Index(
            "ix_refund_under_way",
            "next_check_at",
            postgresql_where="state IN ('created', 'pending')",
        ),
    )


class RefundPart(Model):
    """What a refund gives back of one order line, and of the commission in it; never changes."""

    __tablename__ = "refund_part"
    refund_id: Mapped[UUID] = mapped_column(ForeignKey("refund.id"), primary_key=True)
    line_id: Mapped[UUID] = mapped_column(primary_key=True)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    commission_minor: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        CheckConstraint("gross_minor > 0", name="gross_positive"),
        CheckConstraint("commission_minor BETWEEN 0 AND gross_minor", name="commission_fits"),
        Index("ix_refund_part_line", "line_id"),
    )
