"""What goes back of sales: by a refund, a chargeback or a dispute, in part or whole.

Each part of a line gives the platform's commission back pro rata, and the rest is the seller's.
PayPal keeps its fee of what it gives back, so none is booked back
(https://www.paypal.com/us/business/paypal-business-fees).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import db_now, session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.errors import NotCovered
from app.payments.models import (
    AccountBalance,
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    Movement,
    PendingShare,
    SellerEarnings,
)
from app.payments.service.ledger import Leg, book


@dataclass(frozen=True)
class Part:
    """What goes back of one line: `gross_minor`, of which `commission_minor` is the platform's."""

    line_id: UUID
    seller_id: UUID
    gross_minor: int
    commission_minor: int

    @property
    def share_minor(self) -> int:
        """What the seller gives back."""
        return self.gross_minor - self.commission_minor


@transactional
def reverse(*, movement: Movement, reference: UUID, currency: str, parts: Sequence[Part]) -> None:
    """Book that parts of sales went back to the buyer, once for the movement and its reference.

    A share goes out of what is still pending of its line, and for the rest out of what is
    available, which may fall below zero: later sales make up for it.
    """
    legs = [Leg(AccountKind.PAYPAL_CASH, -sum(part.gross_minor for part in parts))]
    for part in parts:
        legs += [_commission_back(part), *_taken(part)]
    book(movement, reference, currency, legs)
    _add_to_earnings(currency, parts, 1)


@transactional
def restore(*, movement: Movement, reference: UUID, currency: str, parts: Sequence[Part]) -> None:
    """Book that what was reversed did not go back after all."""
    legs = [
        Leg(AccountKind.PAYPAL_CASH, sum(part.gross_minor for part in parts)),
        *(
            Leg(AccountKind.PLATFORM_REVENUE, -part.commission_minor, line_id=part.line_id)
            for part in parts
        ),
    ]
    _give_back(movement, reference, currency, legs, parts)
    _add_to_earnings(currency, parts, -1)


@transactional
def hold(*, reference: UUID, currency: str, parts: Sequence[Part]) -> None:
    """Book that a dispute holds parts of sales, once; its reference is the dispute.

    The sellers' shares wait apart until it ends, and what is not there any more they owe. The
    commission stays the platform's until then.
    """
    gross = sum(part.gross_minor for part in parts)
    legs = [
        Leg(AccountKind.PAYPAL_HELD, gross),
        Leg(AccountKind.PAYPAL_CASH, -gross),
    ]
    for part in parts:
        legs += [*_taken(part), _disputed(part, -part.share_minor)]
    book(Movement.DISPUTE_HOLD, reference, currency, legs)


@transactional
def free(*, reference: UUID, currency: str, parts: Sequence[Part]) -> None:
    """Book that a dispute lets go of what it held: what was won, or was never lost."""
    gross = sum(part.gross_minor for part in parts)
    legs = [
        Leg(AccountKind.PAYPAL_CASH, gross),
        Leg(AccountKind.PAYPAL_HELD, -gross),
        *(_disputed(part, part.share_minor) for part in parts),
    ]
    _give_back(Movement.DISPUTE_WON, reference, currency, legs, parts)


@transactional
def lose(*, reference: UUID, currency: str, parts: Sequence[Part]) -> None:
    """Book that what a dispute held went to the buyer."""
    legs = [Leg(AccountKind.PAYPAL_HELD, -sum(part.gross_minor for part in parts))]
    for part in parts:
        legs += [_commission_back(part), _disputed(part, part.share_minor)]
    book(Movement.DISPUTE_LOST, reference, currency, legs)
    _add_to_earnings(currency, parts, 1)


@transactional
def book_dispute_fee(*, reference: UUID, fee: Money) -> None:
    """Book what PayPal charges for a dispute, the platform's cost."""
    legs = [
        Leg(AccountKind.PAYPAL_FEES, fee.minor),
        Leg(AccountKind.PAYPAL_CASH, -fee.minor),
    ]
    book(Movement.DISPUTE_FEE, reference, fee.currency, legs)


def insist_covered(currency: str, parts: Sequence[Part]) -> None:
    """NotCovered for what goes back of a seller beyond what they have.

    That is what is pending of these very lines, and what is available.
    """
    for seller_id in sorted({part.seller_id for part in parts}):
        theirs = [part for part in parts if part.seller_id == seller_id]
        pending = session().execute(
            select(PendingShare.line_id, PendingShare.share_minor).where(
                PendingShare.line_id.in_([part.line_id for part in theirs])
            )
        )
        waiting = {row.line_id: row.share_minor for row in pending}
        beyond = sum(max(part.share_minor - waiting.get(part.line_id, 0), 0) for part in theirs)
        if beyond and beyond > _available(seller_id, currency):
            raise NotCovered


def _available(seller_id: UUID, currency: str) -> int:
    balance = session().scalar(
        select(AccountBalance.balance_minor)
        .join(LedgerAccount, LedgerAccount.id == AccountBalance.account_id)
        .where(
            LedgerAccount.kind == AccountKind.SELLER_AVAILABLE,
            LedgerAccount.owner_id == seller_id,
            LedgerAccount.currency == currency,
        )
    )
    return -(balance or 0)


def _commission_back(part: Part) -> Leg:
    return Leg(AccountKind.PLATFORM_REVENUE, part.commission_minor, line_id=part.line_id)


def _disputed(part: Part, amount_minor: int) -> Leg:
    return Leg(AccountKind.SELLER_DISPUTED, amount_minor, part.seller_id, part.line_id)


def _taken(part: Part) -> list[Leg]:
    """Where a seller's share is taken from; what was pending of it is not released any more."""
    waiting = session().scalar(
        select(PendingShare.share_minor)
        .where(PendingShare.line_id == part.line_id)
        .with_for_update()
    )
    pending = min(waiting or 0, part.share_minor)
    if pending and pending == waiting:
        session().execute(delete(PendingShare).where(PendingShare.line_id == part.line_id))
    elif pending:
        session().execute(
            update(PendingShare)
            .where(PendingShare.line_id == part.line_id)
            .values(share_minor=PendingShare.share_minor - pending)
        )
    return [
        Leg(AccountKind.SELLER_PENDING, pending, part.seller_id, part.line_id),
        Leg(AccountKind.SELLER_AVAILABLE, part.share_minor - pending, part.seller_id, part.line_id),
    ]


def _give_back(
    movement: Movement,
    reference: UUID,
    currency: str,
    legs: Sequence[Leg],
    parts: Sequence[Part],
) -> None:
    """Book `legs` and the shares of `parts`: pending again if their hold is not over yet."""
    releases = _releases_to_come([part.line_id for part in parts])
    shares = [
        Leg(
            AccountKind.SELLER_PENDING
            if part.line_id in releases
            else AccountKind.SELLER_AVAILABLE,
            -part.share_minor,
            part.seller_id,
            part.line_id,
        )
        for part in parts
    ]
    accounts = book(movement, reference, currency, [*legs, *shares])
    for part in parts:
        if part.line_id in releases and part.share_minor:
            _wait_again(
                part,
                accounts[AccountKind.SELLER_PENDING, part.seller_id].id,
                releases[part.line_id],
            )


def _releases_to_come(line_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When the shares of these lines become available, where that is still to come."""
    rows = session().execute(
        select(LedgerEntry.line_id, LedgerEntry.release_at)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(
            LedgerAccount.kind == AccountKind.SELLER_PENDING,
            LedgerEntry.line_id.in_(line_ids),
            LedgerEntry.release_at > db_now(),
        )
    )
    return {row.line_id: row.release_at for row in rows}


def _wait_again(part: Part, account_id: UUID, release_at: datetime) -> None:
    row = insert(PendingShare).values(
        line_id=part.line_id,
        account_id=account_id,
        share_minor=part.share_minor,
        release_at=release_at,
        hold_until=release_at,
        id=new_id(),
    )
    session().execute(
        row.on_conflict_do_update(
            index_elements=[PendingShare.line_id],
            set_={"share_minor": PendingShare.share_minor + row.excluded.share_minor},
        )
    )


def _add_to_earnings(currency: str, parts: Sequence[Part], sign: int) -> None:
    """Add what went back, or take it off again, to what each seller has sold."""
    for seller_id in sorted({part.seller_id for part in parts}):  # in one order everywhere
        theirs = [part for part in parts if part.seller_id == seller_id]
        gross = sign * sum(part.gross_minor for part in theirs)
        commission = sign * sum(part.commission_minor for part in theirs)
        added = session().execute(
            update(SellerEarnings)
            .where(SellerEarnings.seller_id == seller_id, SellerEarnings.currency == currency)
            .values(
                gross_back_minor=SellerEarnings.gross_back_minor + gross,
                commission_back_minor=SellerEarnings.commission_back_minor + commission,
            )
            .returning(SellerEarnings.seller_id)
            .execution_options(synchronize_session=False)
        )
        added.one()  # whatever goes back was sold
