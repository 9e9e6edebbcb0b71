"""PayPal is asked for refunds, or about them, by the clock until their end is known."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from app.kit.db import end_read, session, transactional
from app.kit.money import Money
from app.payments.gateway import PaypalOrder, PaypalRefund, PaypalRefused, PaypalUnknown
from app.payments.models import Payment
from app.payments.models.refunds import Refund
from app.payments.paypal import paypal
from app.payments.service import paying
from app.payments.service.refunds import LONGEST_WAIT, UNDER_WAY, Told, parts_of

FIRST_CHECK = timedelta(seconds=15)
LIMIT = 100
# What PayPal says against a refund itself; all else, such as a client that may do nothing just now,
# says nothing of one that may have been made by an earlier request:
# https://developer.paypal.com/api/rest/reference/payments/v2/errors/
ABOUT_A_REFUND = frozenset(
    {
        "CAPTURE_FULLY_REFUNDED",
        "DECIMAL_PRECISION",
        "INVALID_PARAMETER_VALUE",
        "MAX_NUMBER_OF_REFUNDS_EXCEEDED",
        "PARTIAL_REFUND_NOT_ALLOWED",
        "PENDING_CAPTURE",
        "REFUND_AMOUNT_EXCEEDED",
        "REFUND_CAPTURE_CURRENCY_MISMATCH",
        "REFUND_FAILED_INSUFFICIENT_FUNDS",
        "REFUND_NOT_ALLOWED",
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK",
        "REFUND_TIME_LIMIT_EXCEEDED",
        "TRANSACTION_DISPUTED",
    }
)


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
        if known is None and not wanted.is_first and refusal.issue not in ABOUT_A_REFUND:
            raise PaypalUnknown(refusal.issue) from refusal
        return Told(known, None if known else refusal.issue, order)
    return Told(made)


def _known(wanted: Wanted) -> tuple[PaypalRefund | None, PaypalOrder]:
    """This refund in PayPal's order of the payment, None if it isn't there; and the order."""
    order = paying.look(reference=wanted.reference)
    if order is None:
        raise PaypalUnknown("no order")  # it was paid: PayPal knows it
    number = str(wanted.refund_id)
    return next((one for one in order.refunds if one.number == number), None), order


def _is_due() -> ColumnElement[bool]:
    return and_(
        Refund.state.in_(UNDER_WAY),
        Refund.next_check_at <= func.statement_timestamp(),
    )
