"""Claims: a buyer asks for the money of what was opened; the seller answers, a moderator decides.

What is accepted or granted is refunded, and its units are burned: they were seen.
"""

from datetime import timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select

from app.kit import states
from app.kit.db import db_now, lock, session, transactional
from app.kit.ids import new_id
from app.kit.outbox import emit
from app.orders.errors import ClaimOver, NoSuchClaim, NoSuchOrder, NoSuchPiece, NotClaimable
from app.orders.events import ClaimMoved, ClaimOpened
from app.orders.models import Delivery, Order, OrderLine, OrderState
from app.orders.models.claims import (
    CLAIM_TRANSITIONS,
    Claim,
    ClaimKind,
    ClaimState,
)
from app.orders.policy import ANSWER_WITHIN, may_call, may_claim, may_return
from app.orders.queries.claims import is_asked_for
from app.orders.service import refunding, reopening
from app.orders.service.locking import locked_with_lines
from app.orders.service.refunding import Author
from app.orders.service.returning import pieces_of, reason_of
from app.orders.service.states import tell_pages
from app.payments.models.refunds import RefundSource
from app.payments.service import releasing


@transactional
def open_claim(
    *,
    buyer_id: UUID,
    order_id: UUID,
    line_id: UUID,
    pieces: frozenset[int],
    kind: ClaimKind,
    reason: str,
) -> UUID:
    """Ask for the money of opened pieces of a line, by their numbers; the claim's id.

    Raises NoSuchOrder for a stranger's order, NoSuchPiece, PieceRefunded, NotClaimable, NoReason.
    """
    reason = reason_of(reason)
    order = locked_with_lines(order_id)
    if order is None or order.buyer_id != buyer_id:
        raise NoSuchOrder
    line = next((line for line in order.lines if line.id == line_id), None)
    if line is None or not pieces:
        raise NoSuchPiece
    pieces_of(line, pieces)
    _insist_on_claimable(order, line, pieces, kind)
    claim = Claim(
        id=new_id(),
        order_id=order.id,
        line_id=line.id,
        buyer_id=buyer_id,
        seller_id=line.seller_id,
        pieces=sorted(pieces),
        kind=kind,
        reason=reason,
        state=ClaimState.OPEN,
        changed_at=db_now(),
    )
    session().add(claim)
    releasing.pause(line_ids=[line.id])
    emit(ClaimOpened(claim.id, claim.seller_id))
    tell_pages(order)
    return claim.id


def _insist_on_claimable(
    order: Order, line: OrderLine, pieces: frozenset[int], kind: ClaimKind
) -> None:
    now = db_now()
    if order.state is not OrderState.DELIVERED or not may_claim(order.paid_at, now):
        raise NotClaimable(_("The time to ask for a refund of this purchase is over."))
    if kind is ClaimKind.OTHER and not may_return(line.refund_days, order.delivered_at, now):
        raise NotClaimable(
            _("The time to return this is over. You can still say that an item is invalid.")
        )
    opened = session().scalars(
        select(Delivery.position).where(
            Delivery.line_id == line.id, Delivery.revealed_at.is_not(None)
        )
    )
    if {number - 1 for number in pieces} - set(opened):
        raise NotClaimable(_("An item that was not revealed can be returned with one click."))
    _insist_on_no_other(line.id)
    refused = session().scalars(
        select(Claim.pieces).where(Claim.line_id == line.id, Claim.state == ClaimState.REFUSED)
    )
    if pieces & {number for numbers in refused for number in numbers}:
        raise NotClaimable(_("A moderator has decided about this item already."))


def _insist_on_no_other(line_id: UUID) -> None:
    """Insist that no claim on a line waits for an answer, a decision or its refund."""
    if is_asked_for(line_id):
        raise NotClaimable(_("You have already asked for a refund of this product."))


@transactional
def withdraw(*, buyer_id: UUID, claim_id: UUID) -> None:
    """The buyer gives up a claim. Raises NoSuchClaim, ClaimOver."""
    order, claim = _locked(claim_id)
    if claim.buyer_id != buyer_id:
        raise NoSuchClaim
    _move(order, claim, ClaimState.WITHDRAWN)


@transactional
def call_moderator(*, buyer_id: UUID, claim_id: UUID) -> None:
    """The buyer has a moderator decide. Raises NoSuchClaim, ClaimOver, NotClaimable."""
    order, claim = _locked(claim_id)
    if claim.buyer_id != buyer_id:
        raise NoSuchClaim
    if claim.state is ClaimState.OPEN and not may_call(claim.state, claim.opened_at, db_now()):
        raise NotClaimable(_("The seller has three days to answer. Please wait for that."))
    if claim.state is ClaimState.DECLINED:
        if not may_claim(order.paid_at, db_now()):
            raise NotClaimable(_("The time to ask for a refund of this purchase is over."))
        _insist_on_no_other(claim.line_id)
    _move(order, claim, ClaimState.CALLED)


@transactional
def accept(*, seller_id: UUID, claim_id: UUID, answer: str) -> UUID:
    """The seller refunds what is claimed; the refund's id.

    Raises NoSuchClaim, ClaimOver, PieceRefunded, TooMuchBack, NotRefundable.
    """
    order, claim = _locked(claim_id)
    if claim.seller_id != seller_id:
        raise NoSuchClaim
    claim.answer = answer.strip() or None
    _move(order, claim, ClaimState.ACCEPTED)
    return _refund(order, claim, Author(RefundSource.SELLER, seller_id, claim.reason))


@transactional
def decline(*, seller_id: UUID, claim_id: UUID, reason: str) -> None:
    """The seller refuses, and says why. Raises NoSuchClaim, NoReason, ClaimOver."""
    reason = reason_of(reason)
    order, claim = _locked(claim_id)
    if claim.seller_id != seller_id:
        raise NoSuchClaim
    claim.answer = reason
    _move(order, claim, ClaimState.DECLINED)


@transactional
def decide(*, moderator_id: UUID, claim_id: UUID, grant: bool, reason: str) -> None:
    """A moderator grants what is claimed, or refuses it, and says why.

    Not in a matter of their own. Raises NoSuchClaim, NoReason, ClaimOver, and as `accept`.
    """
    reason = reason_of(reason)
    order, claim = _locked(claim_id)
    if moderator_id in {claim.buyer_id, claim.seller_id}:
        raise NoSuchClaim
    claim.decision, claim.decided_by = reason, moderator_id
    _move(order, claim, ClaimState.GRANTED if grant else ClaimState.REFUSED)
    if grant:
        _refund(order, claim, Author(RefundSource.MODERATOR, moderator_id, reason))


def _locked(claim_id: UUID) -> tuple[Order, Claim]:
    """A claim and its order, in this order; NoSuchClaim."""
    order_id = session().scalar(select(Claim.order_id).where(Claim.id == claim_id))
    order = locked_with_lines(order_id) if order_id else None
    claim = lock(Claim, claim_id)
    if order is None or claim is None:
        raise NoSuchClaim
    return order, claim


def _move(order: Order, claim: Claim, state: ClaimState) -> None:
    if state not in CLAIM_TRANSITIONS[claim.state]:
        raise ClaimOver
    states.move(claim, state, CLAIM_TRANSITIONS)
    claim.changed_at = db_now()
    if state is ClaimState.CALLED:
        releasing.pause(line_ids=[claim.line_id])
    else:  # what was declined is not over for the buyer yet
        after = ANSWER_WITHIN if state is ClaimState.DECLINED else timedelta()
        releasing.resume(line_id=claim.line_id, after=after)
    emit(ClaimMoved(claim.id, state.value))
    tell_pages(order)


def _refund(order: Order, claim: Claim, author: Author) -> UUID:
    [line] = [line for line in order.lines if line.id == claim.line_id]
    part = pieces_of(line, frozenset(claim.pieces))
    claim.refund_id = refunding.open_refund(order, [part], author)
    if claim.kind is ClaimKind.INVALID:
        reopening.count_invalid(claim.seller_id, len(claim.pieces))
    return claim.refund_id
