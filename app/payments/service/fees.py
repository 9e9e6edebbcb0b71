"""PayPal's fees that are told later than the money comes: asked for until they are known.

A capture may be COMPLETED without its fee, such as an eCheck that clears. Its sale is booked with
all that was paid, and the fee when PayPal tells it.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from app.kit import jobs
from app.kit.db import end_read, session, transactional
from app.kit.sweeping import Swept, for_each
from app.payments.gateway import PaypalUnknown
from app.payments.models import Payment, PaymentState
from app.payments.service import paying, recording

LONGEST_WAIT = timedelta(hours=6)
# A fee that is not known by then is a person's to ask for: a promise names it long before.
ASKED_FOR = timedelta(days=60)
LIMIT = 100


def check_soon(payment: Payment) -> None:
    """Have PayPal asked now for the fee of a locked payment, if it is not known."""
    if payment.fee_minor is None:
        payment.next_check_at = func.clock_timestamp()


def ask_due() -> Swept:
    """Have PayPal asked for each fee whose time has come, by a job of its own, or here."""
    due = list(
        session().scalars(
            select(Payment.reference).where(_is_due()).order_by(Payment.next_check_at).limit(LIMIT)
        )
    )
    end_read()
    waiting = jobs.waiting([_job_id(one) for one in due]) or set()
    return for_each([one for one in due if _job_id(one) not in waiting], _have_asked)


def _have_asked(reference: UUID) -> bool:
    return jobs.enqueue(ask, reference, queue="paypal", job_id=_job_id(reference)) or ask(reference)


def _job_id(reference: UUID) -> str:
    return f"fee-{reference}"


def ask(reference: UUID) -> bool:
    """Ask PayPal for a fee that is due, and book it; RQ's entry point.

    False if it is not due any more, or PayPal does not tell it yet.
    """
    if not _postpone(reference=reference):
        return False
    try:
        order = paying.look(reference=reference)
    except PaypalUnknown:
        return False  # asked again later
    if order is None:
        return False
    recording.record(reference=reference, order=order)
    return True


@transactional
def _postpone(*, reference: UUID) -> bool:
    """Have PayPal asked again later, each time twice as late; False if somebody else was first."""
    due = select(Payment).where(Payment.reference == reference, _is_due())
    payment = session().scalars(due.with_for_update(skip_locked=True)).one_or_none()
    if payment is None:
        return False
    payment.checks += 1
    wait = min(paying.FIRST_CHECK * 2 ** min(payment.checks - 1, 12), LONGEST_WAIT)
    payment.next_check_at = func.clock_timestamp() + wait
    return True


def _is_due() -> ColumnElement[bool]:
    return and_(
        Payment.state == PaymentState.SETTLED,
        Payment.fee_minor.is_(None),
        Payment.next_check_at <= func.statement_timestamp(),
        Payment.settled_at > func.clock_timestamp() - ASKED_FOR,
    )
