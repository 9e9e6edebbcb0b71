"""The start of payouts: the money is set aside and the batch written, before PayPal is asked."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.auth.models import User
from app.kit.db import after_commit, db_now, session, transactional
from app.kit.ids import new_id
from app.kit.live.publishing import announce
from app.payments.errors import NotPayable
from app.payments.models import AccountBalance, AccountKind, LedgerAccount
from app.payments.models.payouts import LIVE, NEEDS_THE_SELLER, Payout, PayoutBatch, PayoutRun
from app.payments.policy import Obstacle, last_payday, obstacle_to
from app.payments.queries.payouts import payee_of, topic_of
from app.payments.service.payout_entries import Outgoing, start_payouts
from app.payments.service.payouts import payees, sending
from app.settings import Settings

log = logging.getLogger(__name__)
OBSTACLES = {
    Obstacle.BANNED: _l("Your account is closed."),
    Obstacle.LIVE: _l("A payout is already under way."),
    Obstacle.OWES: _l("More was refunded than you had. Your next sales settle it."),
    Obstacle.NO_ADDRESS: _l("There is no PayPal address to pay to."),
    Obstacle.ADDRESS_CHANGED: _l("Your PayPal address was changed. Payouts are paused."),
    Obstacle.BELOW_MINIMUM: _l("Less is available than is paid out."),
    Obstacle.CAME_BACK: _l("Your last payout came back."),
}
# Sellers in one batch: as many as PayPal tells of at once, of the 15,000 that it would take.
BATCH_SIZE = 1000


@dataclass(frozen=True)
class _Due:
    """A seller who is to be paid all that is available, to this address."""

    seller_id: UUID
    receiver: str
    amount_minor: int


@transactional
def request(*, seller_id: UUID) -> UUID:
    """Pay a seller all that is available, as they ask for; NotPayable says why not.

    Returns the payout's id. A second one is not begun while one is under way.
    """
    settings = _settings()
    payees.keep_as_they_are(User.id == seller_id)
    available = _lock_available(seller_id, settings.currency)
    payee = payee_of(seller_id, settings.currency)
    obstacle = obstacle_to(payee, db_now(), settings, asked=True)
    if obstacle is not None:
        raise NotPayable(obstacle, str(OBSTACLES[obstacle]))
    if payee.paypal_email is None or payee.available_minor != available:
        raise RuntimeError(f"payout of {seller_id}: what is available is not what is locked")
    due = _Due(seller_id, payee.paypal_email, available)
    [payout_id] = _start([due], settings.currency, run_on=None)
    return payout_id


def run_due() -> int:
    """Pay every seller who is due, on each day of payouts once; how many payouts were started.

    A day on which the shop stood still is made up for.
    """
    started = 0
    day = last_payday(db_now().date(), _settings().payout_days)
    while day is not None:
        count = _go_on(day)
        if count is None:
            break
        started += count
    return started


@transactional
def _go_on(day: date) -> int | None:
    """Start the next batch of a day's payouts; how many they are, None once the day is done."""
    session().execute(insert(PayoutRun).values(day=day, started_count=0).on_conflict_do_nothing())
    run = session().scalar(
        select(PayoutRun)
        .where(PayoutRun.day == day, PayoutRun.done_at.is_(None))
        .with_for_update(skip_locked=True)
    )
    if run is None:
        return None
    settings = _settings()
    to_pay = (
        select(LedgerAccount.id, User.id, User.paypal_email, -AccountBalance.balance_minor)
        .join(AccountBalance, AccountBalance.account_id == LedgerAccount.id)
        .join(User, User.id == LedgerAccount.owner_id)
        .where(
            LedgerAccount.kind == AccountKind.SELLER_AVAILABLE,
            LedgerAccount.currency == settings.currency,
            LedgerAccount.id > (run.after_account_id or UUID(int=0)),
            AccountBalance.balance_minor <= -settings.payout_min_minor,
            *_can_be_paid(settings),
        )
        # In the order in which whoever books locks them.
        .order_by(LedgerAccount.id)
    )
    found = session().execute(to_pay.limit(BATCH_SIZE)).all()
    payees.keep_as_they_are(User.id.in_([row[1] for row in found]))
    # As they are by now: a balance may have been waited for, in which much can change.
    still = to_pay.where(LedgerAccount.id.in_([row[0] for row in found]))
    rows = session().execute(still.with_for_update(of=AccountBalance)).all()
    if rows:
        due = [_Due(seller_id, address or "", minor) for _id, seller_id, address, minor in rows]
        _start(due, settings.currency, run_on=day)
        run.started_count += len(rows)
    if found:
        run.after_account_id = found[-1][0]
    if len(found) < BATCH_SIZE:
        run.done_at = func.clock_timestamp()
        log.info("payouts of the day", extra={"day": str(day), "payouts": run.started_count})
    return len(rows)


def _can_be_paid(settings: Settings) -> tuple[ColumnElement[bool], ...]:
    """What `policy.obstacle_to` asks of a seller who does not ask, but for the amount."""
    pause = func.make_interval(0, 0, 0, 0, settings.payout_pause_hours)
    live = select(Payout.id).where(Payout.seller_id == User.id, Payout.state.in_(LIVE))
    last_state, last_changed_at = (
        select(column)
        .where(Payout.seller_id == User.id)
        .order_by(Payout.id.desc())
        .limit(1)
        .scalar_subquery()
        for column in (Payout.state, Payout.changed_at)
    )
    return (
        User.banned_at.is_(None),
        User.paypal_email.is_not(None),
        or_(
            User.paypal_email_changed_at.is_(None),
            User.paypal_email_changed_at <= func.statement_timestamp() - pause,
        ),
        ~live.exists(),
        or_(
            last_state.is_(None),
            last_state.not_in(NEEDS_THE_SELLER),
            User.paypal_email_changed_at >= last_changed_at,
        ),
    )


def _start(due: Sequence[_Due], currency: str, *, run_on: date | None) -> list[UUID]:
    """Write a batch of payouts and set the money aside; their ids."""
    batch = PayoutBatch(id=new_id(), currency=currency)
    session().add(batch)
    session().flush()  # the payouts point at it by a plain foreign key
    payouts = [
        Payout(
            id=new_id(),
            batch_id=batch.id,
            seller_id=one.seller_id,
            amount_minor=one.amount_minor,
            currency=currency,
            receiver=one.receiver,
            run_on=run_on,
        )
        for one in due
    ]
    session().add_all(payouts)
    start_payouts(currency, [Outgoing(one.id, one.seller_id, one.amount_minor) for one in payouts])
    for one in payouts:
        announce(topic_of(one.seller_id), "changed")
    batch_id = batch.id
    after_commit(lambda: sending.have_attended(batch_id))
    return [one.id for one in payouts]


def _lock_available(seller_id: UUID, currency: str) -> int:
    """What is available to a seller, locked until the commit: clicks come one after the other."""
    balance = session().scalar(
        select(AccountBalance.balance_minor)
        .join(LedgerAccount, LedgerAccount.id == AccountBalance.account_id)
        .where(
            and_(
                LedgerAccount.kind == AccountKind.SELLER_AVAILABLE,
                LedgerAccount.owner_id == seller_id,
                LedgerAccount.currency == currency,
            )
        )
        .with_for_update(of=AccountBalance)
    )
    return -(balance or 0)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
