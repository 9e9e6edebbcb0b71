"""Tables of payments, incoming events and the ledger."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, text_enum
from app.kit.ids import new_id


class PaymentState(StrEnum):
    """The state of a payment."""

    CREATED = "created"
    CAPTURING = "capturing"
    PENDING = "pending"
    DECLINED = "declined"
    # PayPal took, or holds, what was not asked for: a person has to look.
    MISMATCHED = "mismatched"
    SETTLED = "settled"
    FAILED = "failed"


# Settled, or mismatched, from every state: money that has come counts, whatever we thought before.
_MONEY_CAME = frozenset({PaymentState.SETTLED, PaymentState.MISMATCHED})
TRANSITIONS: dict[PaymentState, frozenset[PaymentState]] = {
    PaymentState.CREATED: _MONEY_CAME | {PaymentState.CAPTURING, PaymentState.FAILED},
    PaymentState.CAPTURING: _MONEY_CAME
    | {PaymentState.PENDING, PaymentState.DECLINED, PaymentState.FAILED},
    PaymentState.PENDING: _MONEY_CAME | {PaymentState.FAILED},
    # A declined card: the buyer picks another one in the same PayPal order.
    PaymentState.DECLINED: _MONEY_CAME | {PaymentState.CAPTURING, PaymentState.FAILED},
    # Until PayPal gives the money back, or takes what was asked for.
    PaymentState.MISMATCHED: frozenset({PaymentState.SETTLED, PaymentState.FAILED}),
    PaymentState.SETTLED: frozenset(),
    PaymentState.FAILED: _MONEY_CAME,
}


# While PayPal has the payment in hand, only PayPal's answer moves it.
IN_PAYPALS_HANDS = frozenset(
    {PaymentState.CAPTURING, PaymentState.PENDING, PaymentState.MISMATCHED}
)


class Payment(Model):
    """One attempt to be paid for one reference. Amounts are in minor units of `currency`."""

    __tablename__ = "payment"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    reference: Mapped[UUID] = mapped_column(unique=True)
    state: Mapped[PaymentState] = mapped_column(
        text_enum(PaymentState, "known_state"), default=PaymentState.CREATED
    )
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    fee_minor: Mapped[int | None] = mapped_column(BigInteger)
    paypal_order_id: Mapped[str | None] = mapped_column(Text, unique=True)
    paypal_capture_id: Mapped[str | None] = mapped_column(Text, unique=True)
    # Part of the capture's PayPal-Request-Id: a new one only after PayPal said "declined".
    capture_attempt: Mapped[int] = mapped_column(default=1)
    capture_asked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Who PayPal said would be paid, when the order was created there.
    payee: Mapped[str | None] = mapped_column(Text)
    issue: Mapped[str | None] = mapped_column(Text)
    # When the sweeper asks PayPal next; each time it waits twice as long. None: not at all, since
    # PayPal has dropped an order that nobody agreed to.
    checks: Mapped[int] = mapped_column(default=0)
    next_check_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # What PayPal took, or holds, where it is not what was asked for.
    taken_minor: Mapped[int | None] = mapped_column(BigInteger)
    taken_currency: Mapped[str | None] = mapped_column(Text)
    # When a webhook first said that the money is there: what isn't settled then is stuck.
    told_completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint(
            "(state = 'settled') = (settled_at IS NOT NULL)", name="settled_has_a_time"
        ),
        Index(
            "ix_payment_unfinished",
            "next_check_at",
            postgresql_where="state NOT IN ('settled', 'failed')",
        ),
        Index("ix_payment_mismatched", "reference", postgresql_where="state = 'mismatched'"),
        # Settled, but PayPal has not told its fee yet.
        Index(
            "ix_payment_without_fee",
            "next_check_at",
            postgresql_where="state = 'settled' AND fee_minor IS NULL",
        ),
        Index(
            "ix_payment_completed_unsettled",
            "told_completed_at",
            postgresql_where="told_completed_at IS NOT NULL"
            " AND state NOT IN ('settled', 'mismatched')",
        ),
    )


class CameBy(StrEnum):
    """How PayPal's event came to us."""

    WEBHOOK = "webhook"  # sent by PayPal, its signature checked
    FETCHED = "fetched"  # missed, and asked for later


class InboundEvent(Model):
    """An event of PayPal's as it came, once: its own id is the guard against a replay."""

    __tablename__ = "inbound_event"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    event_id: Mapped[str] = mapped_column(Text, unique=True)
    event_type: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    came_by: Mapped[CameBy] = mapped_column(
        text_enum(CameBy, "known_way"), default=CameBy.WEBHOOK, server_default=CameBy.WEBHOOK
    )
    # PayPal's id of what it is about, and our payment's reference if it is about one.
    resource_id: Mapped[str | None] = mapped_column(Text)
    reference: Mapped[UUID | None]
    __table_args__ = (
        Index("ix_inbound_event_event_type_id", "event_type", "id"),
        Index(
            "ix_inbound_event_resource_id",
            "resource_id",
            postgresql_where="resource_id IS NOT NULL",
        ),
        Index("ix_inbound_event_reference", "reference", postgresql_where="reference IS NOT NULL"),
    )


class Outcome(StrEnum):
    """What the handling of an event came to."""

    NOTHING = "nothing"  # it is about nothing of ours
    KNOWN = "known"  # what it says is known already, or PayPal is being asked all the same
    HANDED_ON = "handed_on"  # the listener whose row is named acts on it


class InboundHandling(Model):
    """One handling of an event: when it came, and each time that somebody has it run again.

    A row for each listener that it was handed on to, whose row in the outbox says how that went.
    """

    __tablename__ = "inbound_handling"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    inbound_id: Mapped[UUID] = mapped_column(
        ForeignKey("inbound_event.id", ondelete="CASCADE"), index=True
    )
    # The transaction's: what was handed on to several at once bears one time.
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    outcome: Mapped[Outcome] = mapped_column(text_enum(Outcome, "known_outcome"))
    outbox_id: Mapped[UUID | None]
    __table_args__ = (
        Index(
            "ix_inbound_handling_outbox_id", "outbox_id", postgresql_where="outbox_id IS NOT NULL"
        ),
    )


class Progress(Model):
    """How far something of PayPal's was read: all of it before `until`."""

    __tablename__ = "progress"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    until: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SignerCertificate(Model):
    """A certificate of PayPal's with its chain, as it was fetched and trusted."""

    __tablename__ = "signer_certificate"
    url: Mapped[str] = mapped_column(Text, primary_key=True)
    chain: Mapped[bytes] = mapped_column(LargeBinary)
    fetched_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )


class AccountKind(StrEnum):
    """What an account of the ledger holds."""

    PAYPAL_CASH = "paypal_cash"
    # What PayPal holds back of it, as long as a dispute lasts.
    PAYPAL_HELD = "paypal_held"
    PAYPAL_FEES = "paypal_fees"
    PLATFORM_REVENUE = "platform_revenue"
    SELLER_PENDING = "seller_pending"
    # Below zero where more went back than was there: the seller owes it.
    SELLER_AVAILABLE = "seller_available"
    SELLER_IN_PAYOUT = "seller_in_payout"
    SELLER_DISPUTED = "seller_disputed"
    # What PayPal took more, or less, than a sale that an operator booked all the same.
    DIFFERENCES = "differences"


class LedgerAccount(Model):
    """An account; those of a seller name the seller as owner."""

    __tablename__ = "ledger_account"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[AccountKind] = mapped_column(text_enum(AccountKind, "known_kind"))
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    currency: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        UniqueConstraint(
            "kind",
            "owner_id",
            "currency",
            name="uq_ledger_account_kind_owner_id_currency",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("(kind LIKE 'seller_%') = (owner_id IS NOT NULL)", name="owner_fits_kind"),
    )


class Movement(StrEnum):
    """The kinds of movements; each happens once to a reference."""

    SALE = "sale"  # reference: the payment
    RELEASE = "release"  # reference: the pending share
    FEE = "fee"  # reference: the payment; PayPal's fee, where it was told after the sale
    REFUND = "refund"  # reference: the refund
    REFUND_FAILED = "refund_failed"  # reference: the refund, which was booked and did not happen
    CHARGEBACK = "chargeback"  # reference: the dispute
    DISPUTE_HOLD = "dispute_hold"  # reference: the dispute, as the next two
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    DISPUTE_FEE = "dispute_fee"  # reference: the fee
    PAYOUT = "payout"  # reference: the payout, as those that follow
    PAYOUT_PAID = "payout_paid"
    PAYOUT_RETURNED = "payout_returned"
    CORRECTION = "correction"  # reference: the difference that a person has settled


class HoldReason(StrEnum):
    """Why a share is held for as long as it is."""

    STANDARD = "standard"
    NEW_SELLER = "new_seller"
    DISPUTE = "dispute"
    # These change while a share is pending, so entries of the ledger never bear them.
    RETURN = "return"  # the buyer may still return unopened pieces of the line
    CLAIM = "claim"  # the buyer asks for the money back, which is not decided yet


class LedgerTransaction(Model):
    """A movement; its entries sum to zero per currency. `kind` happens once to a `reference`."""

    __tablename__ = "ledger_transaction"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(Text)
    reference: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    __table_args__ = (
        UniqueConstraint("kind", "reference", name="uq_ledger_transaction_kind_reference"),
    )


class AccountBalance(Model):
    """What an account's entries come to, in minor units: debits positive, credits negative.

    Kept in the transaction that books, so that nobody adds up a history for a page. An account of
    the platform, which every sale books on, is kept in parts, lest each sale wait for the one
    before to be committed: its balance is the sum of its slots. One of a seller has the slot 0
    alone.
    """

    __tablename__ = "account_balance"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_account.id"), primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    balance_minor: Mapped[int] = mapped_column(BigInteger)


class AccountTurnover(Model):
    """What moved on an account on a day by movements of a kind: debits positive, credits negative.

    Kept like `AccountBalance`, in the same parts, so that a month of books costs the same however
    much was booked in it. A day is that of UTC in which the movement's id was made.
    """

    __tablename__ = "account_turnover"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_account.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)


class PendingShare(Model):
    """A seller's share of an order line that is not available yet; gone once it is.

    Kept beside the ledger so that a release reads what is due alone, however much was sold before.
    A share that comes back after its release is a new one, with an id of its own.
    """

    __tablename__ = "pending_share"
    line_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(default=new_id, unique=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_account.id"), index=True)
    share_minor: Mapped[int] = mapped_column(BigInteger)
    # The later of the hold's end and of the term in which unopened pieces can be returned; the
    # first alone once all are opened.
    release_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    hold_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    # Not released for as long as a claim about the line is not decided, or it is not delivered for
    # want of stock.
    is_paused: Mapped[bool] = mapped_column(default=False, server_default="false")
    __table_args__ = (
        CheckConstraint("share_minor > 0", name="share_positive"),
        Index("ix_pending_share_due", "release_at", postgresql_where="NOT is_paused"),
    )


class SellerEarnings(Model):
    """What a seller has sold, and what of it went back, in minor units of `currency`.

    Each movement adds to it in its own transaction, so that nobody adds up a history for a page.
    `sales` counts order lines, `pieces` what they were made of. What went back, of the gross and
    of the commission, is not taken off what was sold. What the seller is owed stands in
    `AccountBalance`.
    """

    __tablename__ = "seller_earnings"
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(Text, primary_key=True)
    sales: Mapped[int] = mapped_column(BigInteger)
    pieces: Mapped[int] = mapped_column(BigInteger)
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    commission_minor: Mapped[int] = mapped_column(BigInteger)
    gross_back_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    commission_back_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    first_sale_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )


class LedgerEntry(Model):
    """One leg: `amount_minor` > 0 is a debit (cash grows), < 0 a credit (what is owed grows)."""

    __tablename__ = "ledger_entry"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_transaction.id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_account.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    # What a seller's account comes to with this entry, signed alike; None in the platform's.
    balance_minor: Mapped[int | None] = mapped_column(BigInteger)
    # The order line this leg is about, when a pending share becomes available, and why only then;
    # None for what was sold before the reason was kept.
    line_id: Mapped[UUID | None]
    release_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    hold_reason: Mapped[HoldReason | None] = mapped_column(text_enum(HoldReason, "known_reason"))
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
        Index("ix_ledger_entry_account_id_id", "account_id", "id"),
        # With the account, lest all the entries of a seller are looked through for a few lines.
        Index(
            "ix_ledger_entry_line_id",
            "line_id",
            "account_id",
            postgresql_where="line_id IS NOT NULL",
        ),
    )
