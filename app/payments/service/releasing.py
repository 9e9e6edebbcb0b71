"""Releases: a seller's share whose hold is over becomes available."""

from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select

from app.auth.models import User
from app.kit.db import end_read, session, transactional
from app.kit.sweeping import Swept, for_each
from app.payments.models import AccountKind, LedgerAccount, Movement, PendingShare
from app.payments.service.ledger import Leg, book

RELEASE_LIMIT = 500


def release_due() -> Swept:
    """Make every pending share whose hold is over available, each by itself.

    The money of a seller who is banned stays pending for as long as that lasts.
    """
    due = list(
        session().scalars(
            select(PendingShare.line_id)
            .where(*_is_due())
            .order_by(PendingShare.release_at)
            .limit(RELEASE_LIMIT)
        )
    )
    end_read()
    return for_each(due, _release)


@transactional
def _release(line_id: UUID) -> bool:
    share = (
        session()
        .execute(
            delete(PendingShare)
            .where(PendingShare.line_id == line_id, *_is_due())
            .returning(PendingShare.account_id, PendingShare.share_minor)
        )
        .one_or_none()
    )
    if share is None:
        return False
    account = session().get_one(LedgerAccount, share.account_id)
    legs = [
        Leg(AccountKind.SELLER_PENDING, share.share_minor, account.owner_id, line_id),
        Leg(AccountKind.SELLER_AVAILABLE, -share.share_minor, account.owner_id, line_id),
    ]
    book(Movement.RELEASE, line_id, account.currency, legs)
    return True


def _is_due() -> tuple[ColumnElement[bool], ...]:
    banned = (
        select(LedgerAccount.id)
        .join(User, User.id == LedgerAccount.owner_id)
        .where(User.banned_at.is_not(None), LedgerAccount.kind == AccountKind.SELLER_PENDING)
    )
    return (
        PendingShare.release_at <= func.statement_timestamp(),
        PendingShare.account_id.not_in(banned),
    )
