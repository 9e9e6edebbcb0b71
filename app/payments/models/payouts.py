"""Tables of payouts: what sellers are paid, in batches that PayPal takes as one."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, DateTime, ForeignKey, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, text_enum
from app.kit.ids import new_id

# Why a batch is not asked for any more that PayPal has not said it has.
TOO_OLD = "TOO_OLD"


class PayoutState(StrEnum):
    """The state of a payout."""

    STARTED = "started"  # the money is set aside; PayPal is about to be asked
    SENT = "sent"  # PayPal has it in hand
    ON_HOLD = "on_hold"  # PayPal looks at it, or at the seller's account
    UNCLAIMED = "unclaimed"  # sent to an address that has no PayPal account
    PAID = "paid"
    # PayPal refused the shop's batch, or the seller was not to be paid any more when it was asked.
    UNSENT = "unsent"
    FAILED = "failed"
    BLOCKED = "blocked"
    RETURNED = "returned"  # not claimed in time, or taken back before
    REFUNDED = "refunded"  # the seller sent it back
    REVERSED = "reversed"  # PayPal took it back


# A seller has one of these at most.
LIVE = frozenset(
    {PayoutState.STARTED, PayoutState.SENT, PayoutState.ON_HOLD, PayoutState.UNCLAIMED}
)
# The money is the seller's again.
CAME_BACK = frozenset(PayoutState) - LIVE - {PayoutState.PAID}
# It came back for a reason that lies with the seller's account or address: the same again would
# come back again.
NEEDS_THE_SELLER = CAME_BACK - {PayoutState.UNSENT}
_IN_HAND = frozenset({PayoutState.SENT, PayoutState.ON_HOLD, PayoutState.UNCLAIMED})
_ENDS = frozenset({PayoutState.PAID, PayoutState.FAILED, PayoutState.BLOCKED, PayoutState.RETURNED})
_AFTERWARDS = frozenset({PayoutState.RETURNED, PayoutState.REFUNDED, PayoutState.REVERSED})
TRANSITIONS: dict[PayoutState, frozenset[PayoutState]] = {
    PayoutState.STARTED: _IN_HAND | _ENDS | _AFTERWARDS | {PayoutState.UNSENT},
    PayoutState.SENT: (_IN_HAND | _ENDS | _AFTERWARDS) - {PayoutState.SENT},
    # PayPal may look at what nobody has claimed, and send on what it looked at.
    PayoutState.ON_HOLD: _ENDS | _AFTERWARDS | {PayoutState.UNCLAIMED},
    PayoutState.UNCLAIMED: _ENDS | _AFTERWARDS | {PayoutState.ON_HOLD},
    PayoutState.PAID: _AFTERWARDS,
    **dict.fromkeys(CAME_BACK, frozenset()),
}


class BatchState(StrEnum):
    """The state of a batch."""

    STARTED = "started"  # PayPal is not known to have it
    SENT = "sent"
    REFUSED = "refused"  # PayPal did not take it, and never will


BATCH_TRANSITIONS: dict[BatchState, frozenset[BatchState]] = {
    BatchState.STARTED: frozenset({BatchState.SENT, BatchState.REFUSED}),
    BatchState.SENT: frozenset(),
    BatchState.REFUSED: frozenset(),
}


class PayoutBatch(Model):
    """Payouts that PayPal is asked for at once. Its id makes the `sender_batch_id`."""

    __tablename__ = "payout_batch"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    state: Mapped[BatchState] = mapped_column(
        text_enum(BatchState, "known_state"), default=BatchState.STARTED
    )
    currency: Mapped[str] = mapped_column(Text)
    paypal_batch_id: Mapped[str | None] = mapped_column(Text, unique=True)
    # What an event calls it at PayPal: to be looked at there.
    told_id: Mapped[str | None] = mapped_column(Text)
    # PayPal's word for why it does not take it.
    issue: Mapped[str | None] = mapped_column(Text)
    # How often PayPal was asked for it, counted before, how often it is known to have refused,
    # counted after, and when it was asked last.
    asked_count: Mapped[int] = mapped_column(default=0, server_default="0")
    refused_count: Mapped[int] = mapped_column(default=0, server_default="0")
    asked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Readings of it at PayPal are numbered as they begin: what an older one says is no news.
    readings: Mapped[int] = mapped_column(default=0)
    applied_reading: Mapped[int] = mapped_column(default=0)
    # How often in a row nothing was new; the pause before the next reading grows with it.
    checks: Mapped[int] = mapped_column(default=0)
    next_check_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    __table_args__ = (
        CheckConstraint(
            "(state = 'sent') = (paypal_batch_id IS NOT NULL)", name="sent_has_paypals_id"
        ),
        CheckConstraint("refused_count BETWEEN 0 AND asked_count", name="refused_fits"),
        Index("ix_payout_batch_due", "next_check_at", postgresql_where="next_check_at IS NOT NULL"),
        # PayPal is not asked any more whether it has it: a person has to look.
        Index(
            "ix_payout_batch_stuck",
            "id",
            postgresql_where="state = 'started' AND next_check_at IS NULL",
        ),
    )

    @property
    def is_unsure(self) -> bool:
        """Whether PayPal may have it: it was asked, and what it answered is not known."""
        return self.asked_count > self.refused_count

    @property
    def is_stuck(self) -> bool:
        """Whether a person has to look if PayPal has it."""
        return self.state is BatchState.STARTED and self.next_check_at is None


class Payout(Model):
    """What a seller is paid, to the address of that moment. Amounts are minor units."""

    __tablename__ = "payout"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("payout_batch.id"), index=True)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    state: Mapped[PayoutState] = mapped_column(
        text_enum(PayoutState, "known_state"), default=PayoutState.STARTED
    )
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    receiver: Mapped[str] = mapped_column(Text)
    # The day of the run that started it; None for one that the seller asked for.
    run_on: Mapped[date | None] = mapped_column(Date)
    # What PayPal took for it from the shop, once it has sent the money.
    fee_minor: Mapped[int | None] = mapped_column(BigInteger)
    paypal_item_id: Mapped[str | None] = mapped_column(Text, unique=True)
    # PayPal's word for what is wrong.
    issue: Mapped[str | None] = mapped_column(Text)
    # What PayPal says of it that can't be after what was booked: a person has to look.
    contradiction: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    # When the money left the shop's PayPal account, as far as is known here.
    left_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # When it came to its present state.
    changed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("fee_minor >= 0", name="fee_not_negative"),
        Index("ix_payout_seller_id_id", "seller_id", "id"),
        Index("ix_payout_state_id", "state", "id"),
        Index("ix_payout_contradicted", "id", postgresql_where="contradiction IS NOT NULL"),
        Index(
            "uq_payout_live_seller_id",
            "seller_id",
            unique=True,
            postgresql_where="state IN ('started', 'sent', 'on_hold', 'unclaimed')",
        ),
    )


class PayoutRun(Model):
    """A day on which sellers are paid, and how far it has come."""

    __tablename__ = "payout_run"
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    # The last account that was looked at, in the order of ids.
    after_account_id: Mapped[UUID | None]
    started_count: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PayoutAct(StrEnum):
    """What an administrator may have done with a payout."""

    CHECK = "check"  # ask PayPal, or send it, now
    CANCEL = "cancel"  # take back what nobody has claimed
    GIVE_UP = "give_up"  # PayPal has not said whether it has it, and a person has looked


class PayoutDecision(Model):
    """What an administrator had done with a payout, and why."""

    __tablename__ = "payout_decision"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    payout_id: Mapped[UUID] = mapped_column(ForeignKey("payout.id"), index=True)
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    act: Mapped[PayoutAct] = mapped_column(text_enum(PayoutAct, "known_act"))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
