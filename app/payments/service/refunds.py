"""Refunds: money that goes back by PayPal, asked for here or in PayPal's own pages, booked once.

A refund is `created → pending → completed | failed`. Its row, with what goes back of which line, is
committed before PayPal is asked; the PayPal-Request-Id and the number that it has at PayPal come of
it. So a lost answer is found again: by the same request while PayPal keeps its id, and for good by
reading PayPal's order, which lists all its refunds. Booked is what PayPal has taken on, also while
it is pending, and booked back if that fails.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select

from app.kit import states
from app.kit.db import end_read, session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.errors import NoSuchRefund, NotRefundable
from app.payments.gateway import PaypalOrder, PaypalRefund, PaypalRefused, PaypalUnknown
from app.payments.models import Movement, Payment, PaymentState
from app.payments.models.refunds import (
    REFUND_TRANSITIONS,
    Refund,
    RefundPart,
    RefundSource,
    RefundState,
)
from app.payments.paypal import paypal
from app.payments.service import paying, shares
from app.payments.service.shares import Part

log = logging.getLogger(__name__)
# What PayPal sends of refunds. None of it names the order, but the capture that it is of.
EVENTS = frozenset({"PAYMENT.CAPTURE.REFUNDED", "PAYMENT.REFUND.PENDING", "PAYMENT.REFUND.FAILED"})
FIRST_CHECK = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=6)
LIMIT = 100
REFUNDABLE = (PaymentState.SETTLED, PaymentState.MISMATCHED)
KNOWN_STATES = {
    "COMPLETED": RefundState.COMPLETED,
    "PENDING": RefundState.PENDING,
    "FAILED": RefundState.FAILED,
    "CANCELLED": RefundState.FAILED,
}
WITH_MONEY = ("COMPLETED", "PARTIALLY_REFUNDED")  # of a capture
UNDER_WAY = (RefundState.CREATED, RefundState.PENDING)


@dataclass(frozen=True)
class Wanted:
    """What PayPal is asked for, outside of any transaction."""

    refund_id: UUID
    reference: UUID
    capture_id: str
    amount: Money
    note: str
    is_first: bool
    is_booked: bool  # else it is of money that was never booked


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


def is_unanswered(*, reference: UUID) -> bool:
    """Whether PayPal has not said yet if it makes a refund of this payment."""
    query = (
        select(Refund.id)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Payment.reference == reference, Refund.state == RefundState.CREATED)
    )
    return session().execute(query.limit(1)).first() is not None


def due() -> list[UUID]:
    """The refunds that PayPal should be asked for, or about, now."""
    query = select(Refund.id).where(_is_due()).order_by(Refund.next_check_at).limit(LIMIT)
    found = list(session().scalars(query))
    end_read()
    return found


@transactional
def take_up(*, refund_id: UUID) -> Wanted | None:
    """Say that PayPal is being asked about a refund that is due, and again later if need be.

    None if it is not due: somebody else was first, or is at it now.
    """
    refund = (
        session()
        .scalars(
            select(Refund)
            .where(Refund.id == refund_id, _is_due())
            .with_for_update(skip_locked=True)
        )
        .one_or_none()
    )
    if refund is None:
        return None
    payment = session().get_one(Payment, refund.payment_id)
    refund.checks += 1
    wait = min(FIRST_CHECK * 2 ** min(refund.checks - 1, 12), LONGEST_WAIT)
    refund.next_check_at = func.clock_timestamp() + wait
    assert payment.paypal_capture_id is not None  # else it would not have been written down
    return Wanted(
        refund.id,
        payment.reference,
        payment.paypal_capture_id,
        Money(refund.amount_minor, refund.currency),
        refund.reason,
        refund.checks == 1,
        bool(parts_of(refund.id)),
    )


def ask(wanted: Wanted) -> Told:
    """Have PayPal refund it, once; or its word on what it has of it already.

    What PayPal knows is looked for before it is asked again: it keeps a request's id for 45 days
    alone. PaypalUnknown if it may or may not have happened.
    """
    if not wanted.is_first:
        known, _order = _known(wanted)
        if known is not None:
            return Told(known)
    try:
        made = paypal().refund(
            wanted.capture_id,
            request_id=f"refund-{wanted.refund_id}",
            amount=wanted.amount,
            number=str(wanted.refund_id),
            note=wanted.note,
        )
    except PaypalRefused as refusal:
        # An earlier request may have been carried out, with its answer lost.
        known, order = _known(wanted)
        return Told(known, None if known else refusal.issue, order)
    return Told(made)


def _known(wanted: Wanted) -> tuple[PaypalRefund | None, PaypalOrder]:
    """This refund in PayPal's order of the payment, None if it isn't there; and the order."""
    order = paying.look(reference=wanted.reference)
    if order is None:
        raise PaypalUnknown("no order")  # it was paid: PayPal knows it
    number = str(wanted.refund_id)
    return next((one for one in order.refunds if one.number == number), None), order


@dataclass(frozen=True)
class Moved:
    """A refund that is in another state now; newly taken on by PayPal once in its life."""

    refund_id: UUID
    state: RefundState
    newly_taken_on: bool
    is_booked: bool  # else it is of money that was never booked


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
        elif step := _apply(refund, told):
            moved.append(step)
    return moved, strange


@transactional
def adopt(*, reference: UUID, told: PaypalRefund, parts: Sequence[Part]) -> Moved | None:
    """Write down, and book, a refund that was made in PayPal's own pages.

    None for one that failed: nothing went back, and nobody here has waited for it.
    """
    if KNOWN_STATES.get(told.status, RefundState.FAILED) is RefundState.FAILED:
        return None
    payment = paying.locked(reference)
    refund = _add(payment, told.amount, RefundSource.PAYPAL, None, told.note)
    _add_parts(refund, parts)
    session().flush()  # booked from the rows
    return _apply(refund, told)


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
    states.move(refund, state, REFUND_TRANSITIONS)
    if state is RefundState.PENDING:
        refund.checks = 0
        refund.next_check_at = func.clock_timestamp() + LONGEST_WAIT
    else:
        refund.next_check_at = None
        refund.ended_at = func.clock_timestamp()
    newly_taken_on = was is RefundState.CREATED and state is not RefundState.FAILED
    parts = parts_of(refund.id)  # none of money that was never booked
    if parts and newly_taken_on:
        shares.reverse(
            movement=Movement.REFUND, reference=refund.id, currency=refund.currency, parts=parts
        )
    elif parts and was is RefundState.PENDING and state is RefundState.FAILED:
        shares.restore(
            movement=Movement.REFUND_FAILED,
            reference=refund.id,
            currency=refund.currency,
            parts=parts,
        )
    return Moved(refund.id, state, newly_taken_on, bool(parts))


def parts_of(refund_id: UUID) -> list[Part]:
    """What a refund gives back of which line."""
    rows = session().scalars(
        select(RefundPart).where(RefundPart.refund_id == refund_id).order_by(RefundPart.line_id)
    )
    return [Part(row.line_id, row.seller_id, row.gross_minor, row.commission_minor) for row in rows]


def _is_due() -> ColumnElement[bool]:
    return and_(
        Refund.state.in_(UNDER_WAY),
        Refund.next_check_at <= func.statement_timestamp(),
    )
