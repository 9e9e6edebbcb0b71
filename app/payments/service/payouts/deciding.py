"""What people have done about a payout: a seller takes one back, an administrator sees to one."""

from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select

from app.kit.db import lock, session, transactional
from app.payments.errors import (
    NoReason,
    NoSuchPayout,
    NotUnclaimed,
    PayoutActRefused,
    PayoutsUnavailable,
)
from app.payments.gateway import PaypalRefused, PaypalUnknown
from app.payments.models.payouts import (
    Payout,
    PayoutAct,
    PayoutBatch,
    PayoutDecision,
    PayoutState,
)
from app.payments.paypal import paypal
from app.payments.policy import REASON_MAX, REASON_MIN
from app.payments.queries.payouts import acts_on
from app.payments.service.payouts import following, giving_up, sending


def take_back(*, seller_id: UUID, payout_id: UUID) -> None:
    """Take back what nobody has claimed, as its seller wants: it is available again.

    Raises NoSuchPayout, NotUnclaimed, PayoutsUnavailable.
    """
    if _find(payout_id).seller_id != seller_id:
        raise NoSuchPayout
    _cancel(payout_id)


def decide(*, actor_id: UUID, payout_id: UUID, act: PayoutAct, reason: str) -> None:
    """Do what an administrator wants done with a payout, and keep why.

    Raises NoSuchPayout, NoReason, PayoutActRefused, NotUnclaimed, PayoutListed, PayoutAskedLately,
    PayoutsUnavailable.
    """
    reason = reason.strip()
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise NoReason(
            _(
                "Say why, in %(least)s to %(most)s characters.",
                least=REASON_MIN,
                most=REASON_MAX,
            )
        )
    if act is PayoutAct.GIVE_UP:
        _search(_find(payout_id).batch_id)
    _note(actor_id=actor_id, payout_id=payout_id, act=act, reason=reason)
    if act is PayoutAct.CANCEL:
        _cancel(payout_id)
    elif act is PayoutAct.CHECK:
        sending.attend(_find(payout_id).batch_id)


@transactional
def _note(*, actor_id: UUID, payout_id: UUID, act: PayoutAct, reason: str) -> None:
    """Keep the decision; what needs no PayPal is done with it."""
    payout = _find(payout_id)
    batch = lock(PayoutBatch, payout.batch_id)
    session().refresh(payout)
    if batch is None or act not in acts_on(payout.state, batch):
        raise PayoutActRefused
    session().add(PayoutDecision(payout_id=payout_id, actor_id=actor_id, act=act, reason=reason))
    if act is PayoutAct.CHECK:
        sending.ask_now(batch_id=batch.id)
    elif act is PayoutAct.GIVE_UP:
        giving_up.give_back(batch)


def _search(batch_id: UUID) -> None:
    try:
        giving_up.search(batch_id)
    except (PaypalUnknown, PaypalRefused) as error:
        raise PayoutsUnavailable from error


def _cancel(payout_id: UUID) -> None:
    batch_id, item_id, reading = _begin_cancel(payout_id=payout_id)
    try:
        try:
            item = paypal().payouts.cancel(item_id)
        except PaypalRefused:  # claimed meanwhile, or back already
            item = paypal().payouts.item(item_id)
    except (PaypalUnknown, PaypalRefused) as error:
        raise PayoutsUnavailable from error
    following.apply(batch_id=batch_id, reading=reading, items=[item])
    if following.STATES.get(item.status) is not PayoutState.RETURNED:
        raise NotUnclaimed


@transactional
def _begin_cancel(*, payout_id: UUID) -> tuple[UUID, str, int]:
    """The batch, PayPal's item, and the number of the reading that PayPal's answer is."""
    payout = _find(payout_id)
    reading = following.begin_reading(payout.batch_id)
    session().refresh(payout)
    if payout.state is not PayoutState.UNCLAIMED or payout.paypal_item_id is None:
        raise NotUnclaimed
    return payout.batch_id, payout.paypal_item_id, reading


def _find(payout_id: UUID) -> Payout:
    query = select(Payout).where(Payout.id == payout_id)
    payout = session().scalar(query.execution_options(populate_existing=True))
    if payout is None:
        raise NoSuchPayout
    return payout
