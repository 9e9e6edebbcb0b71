"""Who of a batch is still to be paid, at the moment at which PayPal is asked."""

from uuid import UUID

from sqlalchemy import ColumnElement, select

from app.auth.models import User
from app.kit.db import session
from app.payments.models import AccountBalance, AccountKind, LedgerAccount
from app.payments.models.payouts import Payout, PayoutBatch, PayoutState
from app.payments.service.payouts import following

BANNED, OWES = "SELLER_BANNED", "SELLER_OWES"


def lock(batch_id: UUID) -> None:
    """Keep the sellers of a batch that is to be asked for as they are, until the commit."""
    waiting = select(Payout.seller_id).where(*_waiting(batch_id))
    keep_as_they_are(User.id.in_(waiting))


def keep_as_they_are(which: ColumnElement[bool]) -> None:
    """Lock people against a change, until the commit, before anything of payments is locked."""
    people = select(User.id).where(which).order_by(User.id).with_for_update(read=True)
    session().execute(people).all()


def keep(batch: PayoutBatch) -> bool:
    """Take out of a locked batch who is not to be paid any more; whether anybody is left.

    PayPal must not have been asked for it, or have refused: the money is available again.
    """
    payouts = following.locked_payouts(batch.id, state=PayoutState.STARTED)
    banned, owing = _banned(batch.id), _owing(batch)
    for issue, sellers in ((BANNED, banned), (OWES, owing - banned)):
        out = [one for one in payouts if one.seller_id in sellers]
        if out:
            following.give_back(out, PayoutState.UNSENT, issue=issue)
    is_anybody_left = any(one.state is PayoutState.STARTED for one in payouts)
    if not is_anybody_left:
        following.close(batch)
    return is_anybody_left


def _banned(batch_id: UUID) -> set[UUID]:
    query = select(User.id).join(Payout, Payout.seller_id == User.id)
    return set(session().scalars(query.where(*_waiting(batch_id), User.banned_at.is_not(None))))


def _owing(batch: PayoutBatch) -> set[UUID]:
    """Of whom more went back, since the batch was begun, than they had left."""
    query = (
        select(Payout.seller_id)
        .join(LedgerAccount, LedgerAccount.owner_id == Payout.seller_id)
        .join(AccountBalance, AccountBalance.account_id == LedgerAccount.id)
        .where(
            *_waiting(batch.id),
            LedgerAccount.kind == AccountKind.SELLER_AVAILABLE,
            LedgerAccount.currency == batch.currency,
            AccountBalance.balance_minor > 0,  # a debit
        )
    )
    return set(session().scalars(query))


def _waiting(batch_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return Payout.batch_id == batch_id, Payout.state == PayoutState.STARTED
