"""Refunds: money that goes back by PayPal, asked for here or in PayPal's own pages, booked once.

A refund is `created → pending → completed | failed`; one that was called failed may be made after
all. Its row, with what goes back of which line, is committed before PayPal is asked; the
PayPal-Request-Id and the number that it has at PayPal come of it. So a lost answer is found again:
by the same request while PayPal keeps its id, and for good by reading PayPal's order, which lists
all its refunds (`asking_for_refunds`). Booked is what PayPal has taken on, also while it is
pending, and booked back if that fails. One made in PayPal's own pages, or in spite of a refusal,
waits to be booked while something else has the money here.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, func, select

from app.kit import states
from app.kit.db import session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.errors import NoSuchRefund, NotRefundable
from app.payments.gateway import PaypalOrder, PaypalRefund
from app.payments.models import LedgerTransaction, Movement, Payment, PaymentState
from app.payments.models.refunds import (
    REFUND_TRANSITIONS,
    Refund,
    RefundPart,
    RefundSource,
    RefundState,
)
from app.payments.service import paying, shares
from app.payments.service.shares import Part

log = logging.getLogger(__name__)
# What PayPal sends of refunds. None of it names the order, but the capture that it is of.
EVENTS = frozenset({"PAYMENT.CAPTURE.REFUNDED", "PAYMENT.REFUND.PENDING", "PAYMENT.REFUND.FAILED"})
LONGEST_WAIT = timedelta(hours=6)
REFUNDABLE = (PaymentState.SETTLED, PaymentState.MISMATCHED)
KNOWN_STATES = {
    "COMPLETED": RefundState.COMPLETED,
    "PENDING": RefundState.PENDING,
    "FAILED": RefundState.FAILED,
    "CANCELLED": RefundState.FAILED,
}
DISPUTED = frozenset({"TRANSACTION_DISPUTED", "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK"})
WITH_MONEY = ("COMPLETED", "PARTIALLY_REFUNDED")  # of a capture
UNDER_WAY = (RefundState.CREATED, RefundState.PENDING)
TAKEN_ON = (RefundState.PENDING, RefundState.COMPLETED)


@dataclass(frozen=True)
class Told:
    """What PayPal says of a refund, or its word for why it refuses; its order, if that was read.

    Where PayPal refuses, its order may tell of another refund that came first.
    """

    refund: PaypalRefund | None
    refusal: str | None = None
    order: PaypalOrder | None = None


@transactional
def open_refund(
    *,
    reference: UUID,
    amount: Money,
    parts: Sequence[Part],
    source: RefundSource,
    actor_id: UUID | None,
    reason: str,
    asked_key: str | None = None,
) -> UUID:
    """Write down a refund that PayPal is to be asked for; its id.

    Without parts it is of money that was never booked. NotRefundable if there is none to give back.
    A payment has one of an `asked_key` at most.
    """
    payment = paying.locked(reference)
    if payment.state not in REFUNDABLE or payment.paypal_capture_id is None:
        raise NotRefundable
    refund = _add(payment, amount, source, actor_id, reason)
    refund.asked_key = asked_key
    _add_parts(refund, parts)
    return refund.id


@transactional
def open_unbooked(
    *,
    reference: UUID,
    order: PaypalOrder,
    source: RefundSource,
    actor_id: UUID | None,
    reason: str,
) -> UUID:
    """Write down that all goes back which PayPal has of a payment that was never booked; its id.

    NotRefundable where PayPal has nothing of it that could go back, or one is under way.
    """
    payment = paying.locked(reference)
    capture = next((one for one in order.captures if one.id == payment.paypal_capture_id), None)
    if payment.state is not PaymentState.MISMATCHED or capture is None:
        raise NotRefundable
    back = sum(
        one.amount.minor
        for one in order.refunds
        if KNOWN_STATES.get(one.status) is not RefundState.FAILED
    )
    left = capture.amount.minor - back
    if capture.status not in WITH_MONEY or left <= 0 or is_under_way(reference=reference):
        raise NotRefundable
    amount = Money(left, capture.amount.currency)
    return _add(payment, amount, source, actor_id, reason).id


def _add(
    payment: Payment, amount: Money, source: RefundSource, actor_id: UUID | None, reason: str
) -> Refund:
    refund = Refund(
        id=new_id(),
        payment_id=payment.id,
        amount_minor=amount.minor,
        currency=amount.currency,
        source=source,
        actor_id=actor_id,
        reason=reason,
        state=RefundState.CREATED,
    )
    session().add(refund)
    session().flush()  # its parts point at it by a plain foreign key
    return refund


def _add_parts(refund: Refund, parts: Sequence[Part]) -> None:
    if parts and sum(part.gross_minor for part in parts) != refund.amount_minor:
        raise RuntimeError(f"refund {refund.id}: its parts are not what goes back")
    session().add_all(
        RefundPart(
            refund_id=refund.id,
            line_id=part.line_id,
            seller_id=part.seller_id,
            gross_minor=part.gross_minor,
            commission_minor=part.commission_minor,
        )
        for part in parts
    )


def is_under_way(*, reference: UUID) -> bool:
    """Whether a refund of this payment is still to be completed, or to fail."""
    query = (
        select(Refund.id)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Payment.reference == reference, Refund.state.in_(UNDER_WAY))
    )
    session().flush()  # what has just ended is not under way
    return session().execute(query.limit(1)).first() is not None


@dataclass(frozen=True)
class Moved:
    """A refund that is in another state now; newly taken on by PayPal once, or after it failed."""

    refund_id: UUID
    state: RefundState
    newly_taken_on: bool
    is_booked: bool
    was_counted: bool  # on the order's lines, before it moved


@transactional
def record(*, refund_id: UUID, told: Told) -> Moved | None:
    """Write down what PayPal says of a refund of ours; None if that is nothing new."""
    refund = locked(refund_id)
    if told.refund is not None:
        return _apply(refund, told.refund)
    if refund.state is not RefundState.CREATED:
        return None
    refund.issue = told.refusal
    return _move(refund, RefundState.FAILED)


@transactional
def record_known(*, reference: UUID, order: PaypalOrder) -> tuple[list[Moved], list[PaypalRefund]]:
    """Write down what PayPal's order says of the refunds that are known here.

    Returns those that moved, and those that nobody has asked for here: made in PayPal's own pages.
    """
    payment = paying.locked(reference)
    known = (
        session()
        .scalars(
            select(Refund)
            .where(Refund.payment_id == payment.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        .all()
    )
    by_number = {str(refund.id): refund for refund in known}
    by_paypal = {refund.paypal_refund_id: refund for refund in known}
    moved, strange = [], []
    for told in order.refunds:
        refund = by_paypal.get(told.id) or by_number.get(told.number)
        if refund is None:
            strange.append(told)
        elif _is_over(refund, told):
            refund.paypal_refund_id = None
            strange.append(told)
        elif step := _apply(refund, told):
            moved.append(step)
    session().flush()  # an id of PayPal's goes from one to another
    return moved, strange


def _is_over(refund: Refund, told: PaypalRefund) -> bool:
    """Whether PayPal makes a refund after all that was booked, failed and was booked back.

    The ledger has both for good, so that it is another one here from then on.
    """
    is_made = KNOWN_STATES.get(told.status) in TAKEN_ON
    return is_made and refund.state is RefundState.FAILED and _was_booked(refund.id)


@transactional
def adopt(*, reference: UUID, told: PaypalRefund) -> None:
    """Write down a refund that was made in PayPal's own pages; it waits to be booked.

    Not one that failed: nothing went back, and nobody here has waited for it.
    """
    if KNOWN_STATES.get(told.status, RefundState.FAILED) is RefundState.FAILED:
        return
    payment = paying.locked(reference)
    refund = _add(payment, told.amount, RefundSource.PAYPAL, None, told.note)
    _apply(refund, told)


@dataclass(frozen=True)
class Waiting:
    """A refund that PayPal has made, or is making, and that is not booked.

    Its parts are those that it had when it was asked for; none of one made in PayPal's own pages.
    """

    refund_id: UUID
    source: RefundSource
    state: RefundState
    amount: Money
    parts: tuple[Part, ...]


@transactional
def waiting(*, reference: UUID) -> list[Waiting]:
    """The refunds of a payment that wait to be booked, the first one first."""
    payment = paying.locked(reference)
    found = session().scalars(
        select(Refund)
        .where(
            Refund.payment_id == payment.id,
            Refund.state.in_(TAKEN_ON),
            Refund.is_booked.is_(False),
        )
        .order_by(Refund.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    every = [
        Waiting(
            one.id,
            one.source,
            one.state,
            Money(one.amount_minor, one.currency),
            tuple(parts_of(one.id)),
        )
        for one in found
    ]
    # Without parts it is of money that was never booked, unless it was made in PayPal's own pages.
    return [one for one in every if one.parts or one.source is RefundSource.PAYPAL]


@transactional
def book_waiting(*, refund_id: UUID, parts: Sequence[Part]) -> None:
    """Book a refund that waited for it."""
    refund = locked(refund_id)
    if not parts_of(refund_id):
        _add_parts(refund, parts)
    _book(refund, parts)


def _was_booked(refund_id: UUID) -> bool:
    query = select(LedgerTransaction.id).where(
        LedgerTransaction.kind == Movement.REFUND, LedgerTransaction.reference == refund_id
    )
    return session().execute(query).first() is not None


def locked(refund_id: UUID) -> Refund:
    """The refund, locked until the commit; NoSuchRefund if there is none."""
    refund = session().scalars(_one(refund_id).with_for_update()).one_or_none()
    if refund is None:
        raise NoSuchRefund
    return refund


def _one(refund_id: UUID) -> Select[Refund]:
    return select(Refund).where(Refund.id == refund_id).execution_options(populate_existing=True)


def _apply(refund: Refund, told: PaypalRefund) -> Moved | None:
    """Bring a locked refund to where PayPal says it is; None if it is there."""
    refund.paypal_refund_id = told.id
    state = KNOWN_STATES.get(told.status)
    if state is None or state is refund.state:
        return None
    if state not in REFUND_TRANSITIONS[refund.state]:
        # Such as PENDING from an older reading than the one that said COMPLETED.
        log.warning(
            "a refund is over",
            extra={"refund": str(refund.id), "state": refund.state, "told": told.status},
        )
        return None
    if told.amount != Money(refund.amount_minor, refund.currency):
        log.error("PayPal refunded another amount", extra={"refund": str(refund.id)})
    if state is RefundState.FAILED:
        refund.issue = told.reason or told.status
    return _move(refund, state)


def _move(refund: Refund, state: RefundState) -> Moved:
    was = refund.state
    was_counted = refund.is_booked or was is RefundState.CREATED
    states.move(refund, state, REFUND_TRANSITIONS)
    if state is RefundState.PENDING:
        refund.ended_at = None
        refund.checks = 0
        refund.next_check_at = func.clock_timestamp() + LONGEST_WAIT
    else:
        refund.next_check_at = None
        refund.ended_at = func.clock_timestamp()
    newly_taken_on = was in {RefundState.CREATED, RefundState.FAILED} and state in TAKEN_ON
    parts = parts_of(refund.id)  # none of money that was never booked
    if parts and was is RefundState.CREATED and newly_taken_on:
        _book(refund, parts)
    elif refund.is_booked and state is RefundState.FAILED:
        refund.is_booked = False
        shares.restore(
            movement=Movement.REFUND_FAILED,
            reference=refund.id,
            currency=refund.currency,
            parts=parts,
        )
    return Moved(refund.id, state, newly_taken_on, refund.is_booked, was_counted)


def _book(refund: Refund, parts: Sequence[Part]) -> None:
    refund.is_booked = True
    shares.reverse(
        movement=Movement.REFUND, reference=refund.id, currency=refund.currency, parts=parts
    )


def parts_of(refund_id: UUID) -> list[Part]:
    """What a refund gives back of which line."""
    rows = session().scalars(
        select(RefundPart).where(RefundPart.refund_id == refund_id).order_by(RefundPart.line_id)
    )
    return [Part(row.line_id, row.seller_id, row.gross_minor, row.commission_minor) for row in rows]
