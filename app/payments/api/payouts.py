"""Payouts for programs."""

from uuid import UUID

from flask import current_app
from flask_login import current_user

from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import Money, listing_of
from app.payments.api import all_payouts_blueprint, payouts_blueprint
from app.payments.errors import NoSuchPayout
from app.payments.models.payouts import PayoutAct
from app.payments.queries import payouts
from app.payments.queries.payouts import PayoutView
from app.payments.schemas.payouts import (
    AllPayoutsQuery,
    AnyPayoutList,
    AnyPayoutOut,
    NextPayoutOut,
    PayoutDecisionIn,
    PayoutDecisionOut,
    PayoutList,
    PayoutOut,
    PayoutsQuery,
)
from app.payments.service.payouts import deciding, starting

SCOPE, ADMIN = "sales", "admin"


@payouts_blueprint.get("")
@allow(Access.SELLER, SCOPE)
@operation(answers=PayoutList)
def list_payouts(query: PayoutsQuery) -> PayoutList:
    """List your payouts, newest first."""
    page = payouts.payouts_of(
        current_user.id, after=query.after, size=query.limit, counted=query.total
    )
    return listing_of(PayoutList, page, _payout)


@payouts_blueprint.get("/next")
@allow(Access.SELLER, SCOPE)
@operation(answers=NextPayoutOut)
def get_next_payout() -> NextPayoutOut:
    """Get the day of your next payout, what is due by then, and what stands in the way."""
    settings = current_app.extensions["settings"]
    outlook = payouts.outlook_of(current_user.id, settings)
    return NextPayoutOut.read(
        outlook,
        available=Money.of(outlook.available_minor, settings.currency),
        minimum=Money.of(outlook.minimum_minor, settings.currency),
        due=Money.of(outlook.due_minor, settings.currency),
    )


@payouts_blueprint.post("")
@allow(Access.SELLER, SCOPE)
@operation(answers=PayoutOut, status=201, refusals=(409,))
def request_payout() -> PayoutOut:
    """Have all that is available paid out now."""
    return _own(starting.request(seller_id=current_user.id))


@payouts_blueprint.get("/<uuid:payout_id>")
@allow(Access.SELLER, SCOPE)
@operation(answers=PayoutOut)
def get_payout(payout_id: UUID) -> PayoutOut:
    """Get a payout of yours."""
    return _own(payout_id)


@payouts_blueprint.post("/<uuid:payout_id>/take-back")
@allow(Access.SELLER, SCOPE)
@operation(answers=PayoutOut, refusals=(409, 503))
def take_back_payout(payout_id: UUID) -> PayoutOut:
    """Take back a payout that nobody has claimed: the money is available again."""
    deciding.take_back(seller_id=current_user.id, payout_id=payout_id)
    return _own(payout_id)


def _own(payout_id: UUID) -> PayoutOut:
    payout = payouts.payout(payout_id)
    if payout is None or payout.seller_id != current_user.id:
        raise NoSuchPayout
    return _payout(payout)


def _payout(payout: PayoutView) -> PayoutOut:
    return PayoutOut.read(
        payout,
        amount=Money.of(payout.amount_minor, payout.currency),
        fee=_fee(payout),
        requested=payout.is_asked_for,
    )


def _fee(payout: PayoutView) -> Money | None:
    return None if payout.fee_minor is None else Money.of(payout.fee_minor, payout.currency)


@all_payouts_blueprint.get("")
@allow(Access.ADMIN, ADMIN)
@operation(answers=AnyPayoutList)
def list_all_payouts(query: AllPayoutsQuery) -> AnyPayoutList:
    """List everybody's payouts, newest first."""
    page = payouts.all_payouts(
        state=query.state,
        odd=query.odd,
        after=query.after,
        size=query.limit,
        counted=query.total,
    )
    return listing_of(AnyPayoutList, page, _any_payout)


@all_payouts_blueprint.get("/<uuid:payout_id>")
@allow(Access.ADMIN, ADMIN)
@operation(answers=AnyPayoutOut)
def get_any_payout(payout_id: UUID) -> AnyPayoutOut:
    """Get a payout, with what was decided about it."""
    return _found(payout_id)


@all_payouts_blueprint.post("/<uuid:payout_id>/check")
@allow(Access.ADMIN, ADMIN)
@operation(answers=AnyPayoutOut, refusals=(409,))
def check_payout(payout_id: UUID, body: PayoutDecisionIn) -> AnyPayoutOut:
    """Ask PayPal about a payout now, or send it."""
    return _decided(payout_id, PayoutAct.CHECK, body)


@all_payouts_blueprint.post("/<uuid:payout_id>/cancel")
@allow(Access.ADMIN, ADMIN)
@operation(answers=AnyPayoutOut, refusals=(409, 503))
def cancel_payout(payout_id: UUID, body: PayoutDecisionIn) -> AnyPayoutOut:
    """Take back a payout that nobody has claimed."""
    return _decided(payout_id, PayoutAct.CANCEL, body)


@all_payouts_blueprint.post("/<uuid:payout_id>/give-up")
@allow(Access.ADMIN, ADMIN)
@operation(answers=AnyPayoutOut, refusals=(409, 503))
def give_up_payout(payout_id: UUID, body: PayoutDecisionIn) -> AnyPayoutOut:
    """Make a payout available again of which PayPal never said that it has it.

    PayPal's list of transactions is searched first.
    """
    return _decided(payout_id, PayoutAct.GIVE_UP, body)


def _decided(payout_id: UUID, act: PayoutAct, body: PayoutDecisionIn) -> AnyPayoutOut:
    deciding.decide(actor_id=current_user.id, payout_id=payout_id, act=act, reason=body.reason)
    return _found(payout_id)


def _found(payout_id: UUID) -> AnyPayoutOut:
    payout = payouts.payout(payout_id)
    if payout is None:
        raise NoSuchPayout
    decisions = [PayoutDecisionOut.read(one) for one in payouts.decisions_on(payout_id)]
    return _any_payout(payout, decisions)


def _any_payout(
    payout: PayoutView, decisions: list[PayoutDecisionOut] | None = None
) -> AnyPayoutOut:
    return AnyPayoutOut.read(
        payout,
        amount=Money.of(payout.amount_minor, payout.currency),
        fee=_fee(payout),
        requested=payout.is_asked_for,
        acts=list(payout.acts),
        decisions=decisions or [],
    )
