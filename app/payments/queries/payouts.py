"""What pages read about payouts; amounts in minor units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select

from app.auth.models import User
from app.kit.db import db_now, session
from app.kit.ids import short_number
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.payments.models import AccountBalance, AccountKind, LedgerAccount, PendingShare
from app.payments.models.payouts import (
    LIVE,
    NEEDS_THE_SELLER,
    TOO_OLD,
    BatchState,
    Payout,
    PayoutAct,
    PayoutBatch,
    PayoutDecision,
    PayoutRun,
    PayoutState,
)
from app.payments.policy import Obstacle, Payee, next_payday, obstacle_to, paused_until
from app.settings import Settings


@dataclass(frozen=True)
class PayoutView:
    """A payout as its seller and administrators see it.

    `issue` is PayPal's word for what is wrong, of the payout or else of its batch.
    """

    id: UUID
    number: str
    seller_id: UUID
    seller_name: str
    state: PayoutState
    amount_minor: int
    currency: str
    receiver: str
    fee_minor: int | None
    issue: str | None
    contradiction: str | None
    is_asked_for: bool
    started_at: datetime
    changed_at: datetime
    paypal_item_id: str | None
    paypal_batch_id: str | None
    is_stuck: bool  # a person has to look if PayPal has it
    acts: tuple[PayoutAct, ...]

    @property
    def is_live(self) -> bool:
        """Whether something is still to become of it."""
        return self.state in LIVE


@dataclass(frozen=True)
class Outlook:
    """When a seller is paid next, and what is in the way.

    `due_minor` is what is available by then, as far as is known now; `next_on` None where there
    are no days of payouts. `paused_until` is there while payouts pause after a change of address.
    """

    available_minor: int
    minimum_minor: int
    paypal_email: str | None
    next_on: date | None
    due_minor: int
    obstacle: Obstacle | None  # to being paid on that day
    obstacle_now: Obstacle | None  # to being paid at once
    paused_until: datetime | None
    live: PayoutView | None
    last: PayoutView | None

    @property
    def can_ask(self) -> bool:
        """Whether the seller may have all that is available paid at once."""
        return self.obstacle_now is None


@dataclass(frozen=True)
class Decision:
    """What an administrator had done with a payout, and why."""

    act: PayoutAct
    reason: str
    actor_name: str
    at: datetime


def topic_of(seller_id: UUID) -> str:
    """Where it is announced that a seller's payouts changed."""
    return f"payouts:{seller_id}"


def acts_on(state: PayoutState, batch: PayoutBatch) -> tuple[PayoutAct, ...]:
    """What an administrator may have done with a payout of this batch."""
    if batch.is_stuck:
        give_up = (PayoutAct.GIVE_UP,)
        return give_up if batch.issue == TOO_OLD else (PayoutAct.CHECK, *give_up)
    if state is PayoutState.UNCLAIMED:
        return (PayoutAct.CHECK, PayoutAct.CANCEL)
    return (PayoutAct.CHECK,) if batch.state is not BatchState.REFUSED else ()


_EVERY = (
    select(Payout, PayoutBatch, User.display_name)
    .join(PayoutBatch, PayoutBatch.id == Payout.batch_id)
    .join(User, User.id == Payout.seller_id)
    .execution_options(populate_existing=True)
)


def payouts_of(
    seller_id: UUID, *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[PayoutView]:
    """A seller's payouts, the newest first; Invalid for a broken cursor."""
    return _page(_EVERY.where(Payout.seller_id == seller_id), after, size, counted=counted)


def all_payouts(
    *,
    state: PayoutState | None = None,
    odd: bool = False,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[PayoutView]:
    """Everybody's payouts, the newest first: in one state, or `odd` ones that need a person."""
    query = _EVERY
    if state is not None:
        query = query.where(Payout.state == state)
    if odd:
        stuck = select(PayoutBatch.id).where(
            PayoutBatch.state == BatchState.STARTED, PayoutBatch.next_check_at.is_(None)
        )
        query = query.where(or_(Payout.contradiction.is_not(None), Payout.batch_id.in_(stuck)))
    return _page(query, after, size, counted=counted)


def _page(
    every: Select[*tuple[Any, ...]], after: str | None, size: int, *, counted: bool
) -> Page[PayoutView]:
    query = every
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(Payout.id < last)
    page = cut(_read(query.order_by(Payout.id.desc()).limit(size + 1)), size, lambda one: (one.id,))
    return with_total(page, every, after) if counted else page


def payout(payout_id: UUID) -> PayoutView | None:
    """One payout; None if there is none."""
    found = _read(_EVERY.where(Payout.id == payout_id))
    return found[0] if found else None


def _read(query: Select[*tuple[Any, ...]]) -> Sequence[PayoutView]:
    return [
        PayoutView(
            id=row.id,
            number=short_number(row.id),
            seller_id=row.seller_id,
            seller_name=name,
            state=row.state,
            amount_minor=row.amount_minor,
            currency=row.currency,
            receiver=row.receiver,
            fee_minor=row.fee_minor if row.left_at else None,
            issue=row.issue or (batch.issue if row.state in LIVE else None),
            contradiction=row.contradiction,
            is_asked_for=row.run_on is None,
            started_at=row.started_at,
            changed_at=row.changed_at,
            paypal_item_id=row.paypal_item_id,
            paypal_batch_id=batch.paypal_batch_id,
            is_stuck=batch.is_stuck and row.state in LIVE,
            acts=acts_on(row.state, batch),
        )
        for row, batch, name in session().execute(query)
    ]


def decisions_on(payout_id: UUID) -> list[Decision]:
    """What administrators had done with a payout, the newest first."""
    rows = session().execute(
        select(PayoutDecision, User.display_name)
        .join(User, User.id == PayoutDecision.actor_id)
        .where(PayoutDecision.payout_id == payout_id)
        .order_by(PayoutDecision.id.desc())
        .limit(PAGE_SIZE)
    )
    return [Decision(row.act, row.reason, name, row.at) for row, name in rows]


def payee_of(seller_id: UUID, currency: str) -> Payee:
    """What there is to know of a seller who is to be paid, as it is now."""
    user = session().get_one(User, seller_id, populate_existing=True)
    live = select(Payout.id).where(Payout.seller_id == seller_id, Payout.state.in_(LIVE))
    last = session().execute(
        select(Payout.state, Payout.changed_at)
        .where(Payout.seller_id == seller_id)
        .order_by(Payout.id.desc())
        .limit(1)
    )
    back = [row.changed_at for row in last if row.state in NEEDS_THE_SELLER]
    return Payee(
        available_minor=_available(seller_id, currency),
        paypal_email=user.paypal_email,
        address_changed_at=user.paypal_email_changed_at,
        is_banned=user.banned_at is not None,
        is_live=bool(session().scalar(select(live.exists()))),
        came_back_at=back[0] if back else None,
    )


def _available(seller_id: UUID, currency: str) -> int:
    balance = session().scalar(
        select(AccountBalance.balance_minor)
        .join(LedgerAccount, LedgerAccount.id == AccountBalance.account_id)
        .where(*_account(AccountKind.SELLER_AVAILABLE, seller_id, currency))
    )
    return -(balance or 0)


def _account(kind: AccountKind, seller_id: UUID, currency: str) -> tuple[Any, ...]:
    return (
        LedgerAccount.kind == kind,
        LedgerAccount.owner_id == seller_id,
        LedgerAccount.currency == currency,
    )


def outlook_of(seller_id: UUID, settings: Settings) -> Outlook:
    """When a seller is paid next, how much as far as is known, and what is in the way."""
    now = db_now()
    payee = payee_of(seller_id, settings.currency)
    pause = paused_until(payee, settings)
    enough_at = _enough_at(seller_id, payee, now, settings)
    next_on = _next_run(now, max(now, pause, enough_at), settings) if enough_at else None
    due = payee.available_minor
    if next_on is not None:
        due += _released_by(seller_id, settings.currency, _begin_of(next_on))
    latest = _read(_EVERY.where(Payout.seller_id == seller_id).order_by(Payout.id.desc()).limit(1))
    last = latest[0] if latest else None
    by_then = replace(payee, available_minor=due)
    then = now if next_on is None else max(now, _begin_of(next_on))
    return Outlook(
        available_minor=payee.available_minor,
        minimum_minor=settings.payout_min_minor,
        paypal_email=payee.paypal_email,
        next_on=next_on,
        due_minor=due,
        obstacle=obstacle_to(by_then, then, settings, asked=False),
        obstacle_now=obstacle_to(payee, now, settings, asked=True),
        paused_until=pause if pause > now else None,
        live=last if last and last.is_live else None,
        last=last if last and not last.is_live else None,
    )


def _next_run(now: datetime, earliest: datetime, settings: Settings) -> date | None:
    """The first day of payouts that is not done, and does not begin before `earliest` does."""
    today = now.date()
    day = next_payday(today, settings.payout_days)
    if day == today and (earliest > now or _is_done(today)):
        day = _after(today, settings)
    while day is not None and day != today and _begin_of(day) < earliest:
        day = _after(day, settings)
    return day


def _is_done(day: date) -> bool:
    done = select(PayoutRun.day).where(PayoutRun.day == day, PayoutRun.done_at.is_not(None))
    return bool(session().scalar(select(done.exists())))


def _after(day: date, settings: Settings) -> date | None:
    return next_payday(day + timedelta(days=1), settings.payout_days)


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _enough_at(seller_id: UUID, payee: Payee, now: datetime, settings: Settings) -> datetime | None:
    """When so much is available that it is paid out, as far as is known; None if never."""
    missing = settings.payout_min_minor - payee.available_minor
    if missing <= 0:
        return now
    released = select(
        PendingShare.release_at,
        func.sum(PendingShare.share_minor)
        .over(order_by=(PendingShare.release_at, PendingShare.line_id))
        .label("minor"),
    ).where(
        PendingShare.account_id.in_(_pending_account(seller_id, settings.currency)),
        PendingShare.is_paused.is_(False),
    )
    rows = released.subquery()
    first = select(func.min(rows.c.release_at)).where(rows.c.minor >= missing)
    enough_at: datetime | None = session().scalar(first)
    return enough_at


def _released_by(seller_id: UUID, currency: str, moment: datetime) -> int:
    """What of a seller's pending shares is available by then."""
    waiting = select(func.coalesce(func.sum(PendingShare.share_minor), 0)).where(
        PendingShare.account_id.in_(_pending_account(seller_id, currency)),
        PendingShare.release_at <= moment,
        PendingShare.is_paused.is_(False),
    )
    return int(session().scalar(waiting) or 0)


def _pending_account(seller_id: UUID, currency: str) -> Select[UUID]:
    return select(LedgerAccount.id).where(
        *_account(AccountKind.SELLER_PENDING, seller_id, currency)
    )
