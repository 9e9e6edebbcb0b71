"""Tables of disputes: what a buyer wants back by way of PayPal, and what the shop says to it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, text_enum
from app.kit.ids import new_id


class DisputeSource(StrEnum):
    """How PayPal told of it."""

    DISPUTE = "dispute"  # by a dispute, which may be answered
    REVERSAL = "reversal"  # by taking the money back, as a bank had it do: a chargeback


class DisputeState(StrEnum):
    """How it stands for the seller."""

    OPEN = "open"
    WON = "won"  # all of the money is the seller's again
    LOST = "lost"  # the buyer has the money, or a part of it


# PayPal opens some again, or decides them anew.
DISPUTE_TRANSITIONS: dict[DisputeState, frozenset[DisputeState]] = {
    DisputeState.OPEN: frozenset({DisputeState.WON, DisputeState.LOST}),
    DisputeState.WON: frozenset({DisputeState.OPEN, DisputeState.LOST}),
    DisputeState.LOST: frozenset({DisputeState.OPEN, DisputeState.WON}),
}


class DisputeStage(StrEnum):
    """How far it has come at PayPal."""

    INQUIRY = "inquiry"  # between buyer and seller; PayPal only holds the money
    CHARGEBACK = "chargeback"  # a claim, which PayPal or a bank decides
    PRE_ARBITRATION = "pre_arbitration"
    ARBITRATION = "arbitration"


class Dispute(Model):
    """A dispute of a payment. Amounts are in minor units of `currency`.

    `told_at` and `told_movements` say how new PayPal's word is that was applied last: an older one
    changes nothing.
    """

    __tablename__ = "dispute"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    paypal_id: Mapped[str] = mapped_column(Text, unique=True)
    source: Mapped[DisputeSource] = mapped_column(text_enum(DisputeSource, "known_source"))
    state: Mapped[DisputeState] = mapped_column(
        text_enum(DisputeState, "known_state"), default=DisputeState.OPEN
    )
    stage: Mapped[DisputeStage] = mapped_column(text_enum(DisputeStage, "known_stage"))
    # PayPal's own words: its status, the buyer's reason, its decision.
    paypal_status: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    # What the buyer has written to PayPal.
    note: Mapped[str] = mapped_column(Text, default="")
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    # What PayPal says went to the buyer, and of a reversal what a dispute tells of, too.
    loses_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    covered_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    # What is booked of that, the sums of its parts: what it held, and what of that was lost.
    held_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    lost_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    # How many movements of the ledger were made for it; they are told apart by that.
    bookings: Mapped[int] = mapped_column(default=0, server_default="0")
    # What PayPal charges for it, and has not given back: the sum of its DisputeFee rows.
    fee_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    # Until when PayPal takes evidence, if it waits for any.
    respond_by: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    awaits_evidence: Mapped[bool] = mapped_column(default=False)
    told_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    told_movements: Mapped[int] = mapped_column(default=0)
    checks: Mapped[int] = mapped_column(default=0)
    next_check_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    opened_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("held_minor >= 0", name="held_fits"),
        CheckConstraint("loses_minor >= 0", name="loses_fits"),
        CheckConstraint("covered_minor BETWEEN 0 AND amount_minor", name="covered_fits"),
        CheckConstraint("lost_minor BETWEEN 0 AND held_minor", name="lost_fits"),
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_has_a_time"),
        Index("ix_dispute_payment", "payment_id", "id"),
        Index("ix_dispute_open", "next_check_at", postgresql_where="state = 'open'"),
        Index(
            "ix_dispute_awaits_evidence",
            "respond_by",
            postgresql_where="state = 'open' AND awaits_evidence",
        ),
    )


class DisputePart(Model):
    """What a dispute has held of one order line, and what of that was lost, or let go of again."""

    __tablename__ = "dispute_part"
    dispute_id: Mapped[UUID] = mapped_column(ForeignKey("dispute.id"), primary_key=True)
    line_id: Mapped[UUID] = mapped_column(primary_key=True)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    position: Mapped[int]  # of the line in its order, by which what is lost is split
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    commission_minor: Mapped[int] = mapped_column(BigInteger)
    lost_gross_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    lost_commission_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    freed_gross_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    freed_commission_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    __table_args__ = (
        CheckConstraint("gross_minor >= 0", name="gross_positive"),
        CheckConstraint("commission_minor BETWEEN 0 AND gross_minor", name="commission_fits"),
        CheckConstraint("lost_gross_minor BETWEEN 0 AND gross_minor", name="lost_fits"),
        CheckConstraint(
            "lost_commission_minor BETWEEN 0 AND commission_minor", name="lost_commission_fits"
        ),
        CheckConstraint(
            "freed_gross_minor BETWEEN 0 AND gross_minor - lost_gross_minor", name="freed_fits"
        ),
        CheckConstraint(
            "freed_commission_minor BETWEEN 0 AND commission_minor - lost_commission_minor",
            name="freed_commission_fits",
        ),
        Index("ix_dispute_part_line", "line_id"),
        Index("ix_dispute_part_seller", "seller_id", "dispute_id"),
    )


class DisputeFee(Model):
    """What PayPal charged for a dispute, or gave back of it where negative; booked once."""

    __tablename__ = "dispute_fee"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    dispute_id: Mapped[UUID] = mapped_column(ForeignKey("dispute.id"), index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    booked_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    __table_args__ = (CheckConstraint("amount_minor <> 0", name="amount_not_zero"),)


class DisputeEvidence(Model):
    """What the shop says to a dispute at one stage: there before it is sent, and kept for good.

    `asked_by` is who sent it; None: the clock, since nobody had.
    """

    __tablename__ = "dispute_evidence"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    dispute_id: Mapped[UUID] = mapped_column(ForeignKey("dispute.id"))
    stage: Mapped[DisputeStage] = mapped_column(text_enum(DisputeStage, "known_stage"))
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(Text)
    notes: Mapped[str] = mapped_column(Text)
    document: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    # PayPal's word for why it takes none of it.
    issue: Mapped[str | None] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        UniqueConstraint("dispute_id", "stage", name="uq_dispute_evidence_dispute_id_stage"),
        Index(
            "ix_dispute_evidence_unsent", "next_try_at", postgresql_where="next_try_at IS NOT NULL"
        ),
        CheckConstraint("next_try_at IS NULL OR sent_at IS NULL", name="sent_once"),
    )
