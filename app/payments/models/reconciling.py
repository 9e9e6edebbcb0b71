"""Tables of the comparison with PayPal's own list of transactions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model
from app.kit.ids import new_id


class PaypalTransaction(Model):
    """A line of PayPal's list: what moved on the shop's account there, in minor units.

    `fee_minor` is negative where PayPal took a fee. `subject_id` is what it is about here: the
    payment or the payout, else an id of its own, made of PayPal's.
    """

    __tablename__ = "paypal_transaction"
    transaction_id: Mapped[str] = mapped_column(Text, primary_key=True)
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    currency: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    fee_minor: Mapped[int] = mapped_column(BigInteger)
    initiated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    subject_id: Mapped[UUID] = mapped_column(index=True)


class Difference(Model):
    """Where PayPal's list and the ledger don't agree about a subject, until they do.

    Amounts are minor units of `currency`: what moved PayPal's cash by the ledger, and by PayPal.
    `corrected_minor` is what a person has booked to have them agree, for `reason`.
    """

    __tablename__ = "reconciliation_difference"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    subject_id: Mapped[UUID]
    currency: Mapped[str] = mapped_column(Text)
    ours_minor: Mapped[int] = mapped_column(BigInteger)
    theirs_minor: Mapped[int] = mapped_column(BigInteger)
    found_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    checked_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    corrected_minor: Mapped[int | None] = mapped_column(BigInteger)
    corrected_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        CheckConstraint(
            "(corrected_minor IS NULL) = (corrected_by IS NULL)"
            " AND (corrected_minor IS NULL) = (reason IS NULL)",
            name="correction_is_whole",
        ),
        Index(
            "uq_reconciliation_difference_open",
            "subject_id",
            "currency",
            unique=True,
            postgresql_where="closed_at IS NULL",
        ),
        Index("ix_reconciliation_difference_subject_id", "subject_id"),
    )
