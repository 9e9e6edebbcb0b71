"""What pages read about payments and the ledger; amounts in minor units, what is owed positive."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, String, and_, case, cast, func, literal, select
from sqlalchemy.orm import aliased

from app.kit.db import session
from app.payments.models import (
    AccountBalance,
    AccountKind,
    HoldReason,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    Payment,
    PaymentState,
    PendingShare,
    SellerEarnings,
)
from app.payments.models.disputes import Dispute, DisputePart, DisputeState
from app.payments.models.refunds import Refund
from app.payments.policy import Standing

# Until then a payment that PayPal calls completed is on its way; a promise says the same.
SETTLED_WITHIN = timedelta(minutes=15)


@dataclass(frozen=True)
class PaymentStatus:
    """How far a payment has come, and PayPal's word for what is wrong with it."""

    state: PaymentState
    issue: str | None


@dataclass(frozen=True)
class Share:
    """A seller's part of one line: pending until `release_at`, available once `released_at` is."""

    share_minor: int
    release_at: datetime | None
    released_at: datetime | None
    hold_reason: HoldReason | None


@dataclass(frozen=True)
class Earnings:
    """All that a seller has sold, what of it went back, and what the shop owes them now.

    `available_minor` is below zero where the seller owes the shop.
    """

    sales: int = 0
    pieces: int = 0
    gross_minor: int = 0
    commission_minor: int = 0
    gross_back_minor: int = 0
    commission_back_minor: int = 0
    pending_minor: int = 0
    available_minor: int = 0
    in_payout_minor: int = 0
    disputed_minor: int = 0


def payment_for(reference: UUID) -> PaymentStatus | None:
    """The payment of an order, None if none was begun."""
    row = (
        session()
        .execute(select(Payment.state, Payment.issue).where(Payment.reference == reference))
        .one_or_none()
    )
    return PaymentStatus(row.state, row.issue) if row else None


def refund_asked_for(*, reference: UUID, asked_key: str) -> UUID | None:
    """The refund of a payment that was asked for under this key; None if there is none."""
    return session().scalar(
        select(Refund.id)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Payment.reference == reference, Refund.asked_key == asked_key)
    )


def mismatched() -> ColumnElement[bool]:
    """Whether PayPal took, or holds, what was not asked for."""
    return Payment.state == PaymentState.MISMATCHED


def completed_unsettled() -> ColumnElement[bool]:
    """Whether PayPal called a payment completed a while ago, and it is not settled."""
    return and_(
        Payment.told_completed_at < func.statement_timestamp() - SETTLED_WITHIN,
        Payment.state.not_in([PaymentState.SETTLED, PaymentState.MISMATCHED]),
        Payment.issue.is_distinct_from("REFUNDED"),
    )


def shares_of(*, seller_id: UUID, line_ids: Sequence[UUID]) -> dict[UUID, Share]:
    """The seller's part of each line, by line; what brought the seller nothing is not there."""
    released = aliased(LedgerEntry)
    released_at = (
        select(func.max(LedgerTransaction.created_at))
        .join(released, released.transaction_id == LedgerTransaction.id)
        .where(
            released.line_id == LedgerEntry.line_id,
            released.account_id == LedgerEntry.account_id,
            LedgerTransaction.kind == Movement.RELEASE,
        )
        .scalar_subquery()
    )
    # What changes while a share is pending stands in its row.
    reason = case(
        (PendingShare.is_paused, literal(HoldReason.CLAIM)),
        (PendingShare.release_at > PendingShare.hold_until, literal(HoldReason.RETURN)),
        else_=LedgerEntry.hold_reason,
    )
    rows = session().execute(
        select(
            LedgerEntry.line_id,
            LedgerEntry.amount_minor,
            func.coalesce(PendingShare.release_at, LedgerEntry.release_at).label("release_at"),
            cast(reason, String).label("hold_reason"),
            case((PendingShare.line_id.is_(None), released_at)).label("released_at"),
        )
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .outerjoin(PendingShare, PendingShare.line_id == LedgerEntry.line_id)
        .where(
            LedgerAccount.kind == AccountKind.SELLER_PENDING,
            LedgerAccount.owner_id == seller_id,
            LedgerEntry.line_id.in_(line_ids),
            LedgerEntry.release_at.is_not(None),
        )
    )
    return {
        row.line_id: Share(
            -row.amount_minor,
            row.release_at,
            row.released_at,
            HoldReason(row.hold_reason) if row.hold_reason else None,
        )
        for row in rows
    }


def standings_of(seller_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """What each of these sellers has behind them."""
    disputed = (
        select(func.max(Dispute.opened_at))
        .join(DisputePart, DisputePart.dispute_id == Dispute.id)
        .where(DisputePart.seller_id == SellerEarnings.seller_id, Dispute.state != DisputeState.WON)
        .scalar_subquery()
    )
    rows = session().execute(
        select(
            SellerEarnings.seller_id,
            func.sum(SellerEarnings.sales),
            func.min(SellerEarnings.first_sale_at),
            disputed,
        )
        .where(SellerEarnings.seller_id.in_(seller_ids))
        .group_by(SellerEarnings.seller_id)
    )
    known = {seller_id: Standing(int(sales), *times) for seller_id, sales, *times in rows}
    return {seller_id: known.get(seller_id, Standing()) for seller_id in seller_ids}


def sales_count(*, seller_id: UUID) -> int:
    """How many lines of orders a seller has sold, in whatever currency."""
    sales = select(func.coalesce(func.sum(SellerEarnings.sales), 0))
    return int(session().scalar(sales.where(SellerEarnings.seller_id == seller_id)) or 0)


_SOLD = (
    SellerEarnings.sales,
    SellerEarnings.pieces,
    SellerEarnings.gross_minor,
    SellerEarnings.commission_minor,
    SellerEarnings.gross_back_minor,
    SellerEarnings.commission_back_minor,
)
_OWED = (
    AccountKind.SELLER_PENDING,
    AccountKind.SELLER_AVAILABLE,
    AccountKind.SELLER_IN_PAYOUT,
    AccountKind.SELLER_DISPUTED,
)


def earnings_of(*, seller_id: UUID, currency: str) -> Earnings:
    """What a seller has earned up to now."""
    owed = (
        -func.coalesce(
            func.sum(AccountBalance.balance_minor).filter(LedgerAccount.kind == kind), 0
        ).cast(BigInteger)
        for kind in _OWED
    )
    row = (
        session()
        .execute(
            select(*_SOLD, *owed)
            .outerjoin(
                LedgerAccount,
                and_(
                    LedgerAccount.owner_id == SellerEarnings.seller_id,
                    LedgerAccount.currency == SellerEarnings.currency,
                    LedgerAccount.kind.in_(_OWED),
                ),
            )
            .outerjoin(AccountBalance, AccountBalance.account_id == LedgerAccount.id)
            .where(SellerEarnings.seller_id == seller_id, SellerEarnings.currency == currency)
            .group_by(SellerEarnings.seller_id, SellerEarnings.currency)
        )
        .one_or_none()
    )
    return Earnings(*tuple(row)) if row else Earnings()
