"""A payment's way from its making to its settlement."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select, update

from app.kit import states
from app.kit.db import end_read, session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.errors import NoSuchPayment, PaymentClosed, PaymentUnavailable
from app.payments.gateway import (
    PaypalItem,
    PaypalOrder,
    PaypalRefused,
    PaypalUnknown,
)
from app.payments.models import TRANSITIONS, Payment, PaymentState
from app.payments.paypal import paypal

log = logging.getLogger(__name__)
FIRST_CHECK = timedelta(seconds=10)
# The buyer's browser is about to ask PayPal, and has a moment for it after PayPal's own word.
BROWSERS_TURN = (PaymentState.CREATED, PaymentState.CAPTURING)
HEAD_START = timedelta(seconds=2)
LONGEST_WAIT = timedelta(hours=1)
# A declined payment waits for the buyer, who may pick another card.
CHASED = (PaymentState.CREATED, PaymentState.CAPTURING, PaymentState.PENDING)
CHASED_FOR = timedelta(days=30)
CHASE_LIMIT = 100

# What PayPal says to a capture, and what it means:
# https://developer.paypal.com/api/rest/reference/orders/v2/errors/
TRY_AGAIN_LATER = frozenset({"ORDER_ALREADY_CAPTURED", "ORDER_COMPLETION_IN_PROGRESS"})
# A capture in one of these states took no money and never will.
DEAD_CAPTURES = frozenset({"DECLINED", "FAILED"})


@dataclass(frozen=True)
class Approval:
    """Where the buyer says yes: PayPal's order, and the page for a browser without JavaScript."""

    paypal_order_id: str
    approve_url: str | None


@dataclass(frozen=True)
class CaptureOrder:
    """All that is needed to ask for a capture, outside any transaction."""

    paypal_order_id: str
    request_id: str


def move(payment: Payment, to: PaymentState) -> None:
    """Change the state of a locked payment; a move that is not in the table is a bug."""
    states.move(payment, to, TRANSITIONS)


def locked(reference: UUID) -> Payment:
    """The payment for `reference`, locked until the commit; NoSuchPayment if there is none."""
    payment = session().scalars(_one(reference).with_for_update()).one_or_none()
    if payment is None:
        raise NoSuchPayment
    return payment


def locked_by_paypal(paypal_order_id: str) -> Payment | None:
    """The payment for an order of PayPal's, locked until the commit; None if there is none."""
    query = select(Payment).where(Payment.paypal_order_id == paypal_order_id).with_for_update()
    return session().scalars(query.execution_options(populate_existing=True)).one_or_none()


@transactional
def open_payment(*, reference: UUID, amount: Money) -> UUID:
    """Begin a payment of `amount` for `reference`; returns its id."""
    payment = Payment(
        id=new_id(), reference=reference, amount_minor=amount.minor, currency=amount.currency
    )
    session().add(payment)
    return payment.id


def create_at_paypal(
    *, reference: UUID, items: list[PaypalItem], locale: str, return_url: str, cancel_url: str
) -> Approval:
    """Make PayPal's order for a payment, one however often it is called.

    Its id is stored before it is given to anybody. PaymentUnavailable if PayPal has no answer;
    PaymentClosed if the payment is over.
    """
    payment = find(reference)
    if payment.state not in {PaymentState.CREATED, PaymentState.DECLINED}:
        raise PaymentClosed
    known = payment.paypal_order_id
    end_read()
    try:
        order = _still_there(known)
        if order is None:
            order = paypal().create_order(
                # The same wish, the same id, which PayPal keeps for hours: then the order is known.
                request_id="-".join(filter(None, ("create", str(payment.id), locale, known))),
                reference=str(reference),
                total=Money(payment.amount_minor, payment.currency),
                items=items,
                locale=locale,
                return_url=return_url,
                cancel_url=cancel_url,
            )
            stored = _store_paypal_order(reference, order, instead_of=known)
            if stored != order.id:  # another click was quicker, in another language
                order = paypal().get_order(stored)
    except (PaypalUnknown, PaypalRefused) as error:
        raise PaymentUnavailable from error
    return Approval(order.id, order.approve_url)


def _still_there(paypal_order_id: str | None) -> PaypalOrder | None:
    """PayPal's order if it can still be paid.

    PayPal drops those that nobody approves, and closes one over a capture that was declined.
    """
    if paypal_order_id is None:
        return None
    try:
        order = paypal().get_order(paypal_order_id)
    except PaypalRefused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return None
    dead = bool(order.captures) and all(one.status in DEAD_CAPTURES for one in order.captures)
    is_over = order.status == "VOIDED" or (order.status == "COMPLETED" and dead)
    return None if is_over else order


@transactional
def _store_paypal_order(
    reference: UUID, order: PaypalOrder, *, instead_of: str | None = None
) -> str:
    """Keep the id of PayPal's order; the one that is kept, should another have been first."""
    payment = locked(reference)
    is_open = payment.state in {PaymentState.CREATED, PaymentState.DECLINED}
    if is_open and payment.paypal_order_id in {None, instead_of}:
        payment.paypal_order_id = order.id
        payment.payee = order.payee
        payment.next_check_at = func.clock_timestamp() + FIRST_CHECK
    if payment.paypal_order_id is None:
        raise PaymentClosed  # cancelled while PayPal was at work
    return payment.paypal_order_id


def look(*, reference: UUID) -> PaypalOrder | None:
    """PayPal's order of this payment as it stands now; None if PayPal knows of none.

    Raises PaypalUnknown when there is no answer, or none to us.
    """
    paypal_order_id = find(reference).paypal_order_id
    end_read()
    if paypal_order_id is None:
        return None
    try:
        return paypal().get_order(paypal_order_id)
    except PaypalRefused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:  # our credentials, say: it may know of one
            raise PaypalUnknown from refusal
        _stop_asking(reference, paypal_order_id)
        return None


@transactional
def _stop_asking(reference: UUID, paypal_order_id: str) -> None:
    """Leave PayPal alone about an order that it dropped, since nobody had agreed to it."""
    payment = locked(reference)
    if payment.state is PaymentState.CREATED and payment.paypal_order_id == paypal_order_id:
        payment.next_check_at = None


@transactional
def begin_capture(*, reference: UUID) -> CaptureOrder | None:
    """Say that the money is about to be taken; None if it is being, or was, or can't be.

    Asked again while capturing, it answers with the same request id: PayPal takes the money once.
    """
    payment = locked(reference)
    if payment.state is not PaymentState.CAPTURING:
        if PaymentState.CAPTURING not in TRANSITIONS[payment.state]:
            return None
        move(payment, PaymentState.CAPTURING)
        payment.capture_asked_at = func.clock_timestamp()
        payment.checks = 0
        payment.next_check_at = func.clock_timestamp() + FIRST_CHECK
    if payment.paypal_order_id is None:
        raise PaymentClosed
    return CaptureOrder(payment.paypal_order_id, f"capture-{payment.id}-{payment.capture_attempt}")


def ask_capture(order: CaptureOrder, *, patient: bool) -> PaypalOrder | PaypalRefused:
    """Take the money; PayPal's word on it. PaypalUnknown if it may or may not have happened.

    `patient` waits while somebody else's asking is being worked on.
    """
    try:
        return paypal().capture(order.paypal_order_id, request_id=order.request_id, patient=patient)
    except PaypalRefused as refusal:
        if refusal.issue not in TRY_AGAIN_LATER:
            return refusal
    try:
        return paypal().get_order(order.paypal_order_id)
    except PaypalRefused as refusal:  # no word on the capture, of which it says that it was
        raise PaypalUnknown(refusal.issue) from refusal


@transactional
def give_up(*, reference: UUID) -> None:
    """End a payment that has not taken money and will not."""
    payment = locked(reference)
    if payment.state in {PaymentState.CREATED, PaymentState.DECLINED}:
        move(payment, PaymentState.FAILED)


def due() -> list[UUID]:
    """The references of payments that PayPal should be asked about now."""
    return list(
        session().scalars(
            select(Payment.reference)
            .where(_is_due())
            .order_by(Payment.next_check_at)
            .limit(CHASE_LIMIT)
        )
    )


@transactional
def postpone_check(*, reference: UUID) -> bool:
    """Have PayPal asked again later, each time twice as late.

    False if the check is not due, since somebody else was first, or is at it now.
    """
    due = _one(reference).where(_is_due()).with_for_update(skip_locked=True)
    payment = session().scalars(due).one_or_none()
    if payment is None:
        return False
    payment.checks += 1
    wait = min(FIRST_CHECK * 2 ** min(payment.checks - 1, 10), LONGEST_WAIT)
    payment.next_check_at = func.clock_timestamp() + wait
    return True


@transactional
def check_soon(*, payment_id: UUID) -> bool:
    """Have the sweeper ask PayPal in a moment; False if no browser is expected to ask before."""
    soon = func.clock_timestamp() + HEAD_START
    checked = session().execute(
        update(Payment)
        .where(Payment.id == payment_id, Payment.state.in_(BROWSERS_TURN), _is_chased())
        .values(next_check_at=func.least(Payment.next_check_at, soon))
        .returning(Payment.id)
        .execution_options(synchronize_session=False)
    )
    return checked.first() is not None


def _is_due() -> ColumnElement[bool]:
    return and_(_is_chased(), Payment.next_check_at <= func.statement_timestamp())


def _is_chased() -> ColumnElement[bool]:
    return and_(
        Payment.state.in_(CHASED),
        Payment.paypal_order_id.is_not(None),
        Payment.created_at > func.clock_timestamp() - CHASED_FOR,
    )


def _one(reference: UUID) -> Select[Payment]:
    return (
        select(Payment)
        .where(Payment.reference == reference)
        .execution_options(populate_existing=True)
    )


def of_capture(paypal_capture_id: str) -> Payment | None:
    """The payment that this capture of PayPal's settled, or did not; None if there is none."""
    query = select(Payment).where(Payment.paypal_capture_id == paypal_capture_id)
    return session().scalars(query).one_or_none()


def find(reference: UUID) -> Payment:
    """The payment for `reference`; NoSuchPayment if there is none."""
    payment = session().scalars(_one(reference)).one_or_none()
    if payment is None:
        raise NoSuchPayment
    return payment
