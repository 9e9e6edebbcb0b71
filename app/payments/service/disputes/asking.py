"""When PayPal is asked again about a dispute: by the clock, until it has ended here."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from app.kit.db import end_read, session, transactional
from app.payments.models import Payment
from app.payments.models.disputes import Dispute, DisputeState
from app.payments.paypal import paypal
from app.payments.service.disputes.recording import FIRST_CHECK

LONGEST_WAIT = timedelta(hours=6)
LIMIT = 100


def due() -> list[str]:
    """PayPal's ids of the open disputes that it should be asked about now."""
    query = select(Dispute.paypal_id).where(_is_due()).order_by(Dispute.next_check_at)
    found = list(session().scalars(query.limit(LIMIT)))
    end_read()
    return found


@transactional
def postpone(*, paypal_id: str) -> bool:
    """Have PayPal asked again later, each time twice as late; False if it is not due."""
    query = select(Dispute).where(Dispute.paypal_id == paypal_id, _is_due())
    dispute = session().scalars(query.with_for_update(skip_locked=True)).one_or_none()
    if dispute is None:
        return False
    dispute.checks += 1
    wait = min(FIRST_CHECK * 2 ** min(dispute.checks - 1, 10), LONGEST_WAIT)
    dispute.next_check_at = func.clock_timestamp() + wait
    return True


def open_of(reference: UUID) -> list[str]:
    """PayPal's ids of the disputes of a payment that are open here."""
    query = (
        select(Dispute.paypal_id)
        .join(Payment, Payment.id == Dispute.payment_id)
        .where(Payment.reference == reference, Dispute.state == DisputeState.OPEN)
    )
    return list(session().scalars(query.order_by(Dispute.id)))


def of_payment(reference: UUID) -> list[str]:
    """PayPal's ids of a payment's disputes, as PayPal lists them. PaypalUnknown, PaypalRefused."""
    capture_id = session().scalar(
        select(Payment.paypal_capture_id).where(Payment.reference == reference)
    )
    end_read()
    return paypal().disputes.of_payment(capture_id) if capture_id else []


def _is_due() -> ColumnElement[bool]:
    return and_(
        Dispute.state == DisputeState.OPEN,
        Dispute.next_check_at <= func.statement_timestamp(),
    )
