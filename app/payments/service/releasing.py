"""Releases: a seller's share whose hold is over becomes available, unless something is in the way.

What of a line is unopened can be returned for a term, and waits for its end; a claim about it
pauses the release.
"""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update

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
            .returning(PendingShare.id, PendingShare.account_id, PendingShare.share_minor)
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
    book(Movement.RELEASE, share.id, account.currency, legs)
    return True


@transactional
def deliver(*, line_ids: Collection[UUID], returnable: timedelta) -> None:
    """The lines were delivered just now: for so long unopened pieces of them can be returned."""
    _change(
        line_ids,
        release_at=func.greatest(PendingShare.release_at, func.clock_timestamp() + returnable),
        is_paused=False,
    )


@transactional
def open_up(*, line_ids: Collection[UUID]) -> None:
    """Nothing of the lines can be returned any more: the hold alone counts."""
    _change(line_ids, release_at=PendingShare.hold_until)


@transactional
def pause(*, line_ids: Collection[UUID]) -> None:
    """Release nothing of the lines until `resume`, or until they are delivered."""
    _change(line_ids, is_paused=True)


@transactional
def resume(*, line_id: UUID, after: timedelta = timedelta()) -> None:
    """Release what is due of a line again, at the earliest after so long."""
    soonest = func.clock_timestamp() + after
    _change(
        [line_id],
        release_at=func.greatest(PendingShare.release_at, soonest),
        hold_until=func.greatest(PendingShare.hold_until, soonest),
        is_paused=False,
    )


def _change(line_ids: Collection[UUID], **values: object) -> None:
    session().execute(
        update(PendingShare)
        .where(PendingShare.line_id.in_(line_ids))
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _is_due() -> tuple[ColumnElement[bool], ...]:
    banned = (
        select(LedgerAccount.id)
        .join(User, User.id == LedgerAccount.owner_id)
        .where(User.banned_at.is_not(None), LedgerAccount.kind == AccountKind.SELLER_PENDING)
    )
    return (
        PendingShare.release_at <= func.statement_timestamp(),
        PendingShare.is_paused.is_(False),
        PendingShare.account_id.not_in(banned),
    )
