"""What is told, compared, paid out and disputed, for pages and lists that show it."""

from uuid import UUID

from sqlalchemy import select, update

from app.auth.models import User
from app.kit.db import session
from app.kit.ids import new_id
from app.orders.service import disputing
from app.payments.models import InboundEvent, InboundHandling, Outcome, Payment
from app.payments.models.disputes import Dispute
from app.payments.models.payouts import Payout, PayoutBatch
from app.payments.models.reconciling import Difference
from tests.support.sale import SandboxControl


def told_of(order_id: UUID) -> UUID:
    """An event of PayPal's about an order's payment."""
    event_id = new_id()
    session().add(
        InboundEvent(
            id=event_id,
            event_id=f"WH-{event_id}",
            event_type="PAYMENT.CAPTURE.COMPLETED",
            body={"id": f"WH-{event_id}", "event_type": "PAYMENT.CAPTURE.COMPLETED"},
            resource_id="3C679366HH908993F",
            reference=order_id,
        )
    )
    session().flush()  # what became of it points at it
    session().add(InboundHandling(inbound_id=event_id, outcome=Outcome.KNOWN))
    session().commit()
    return event_id


def differing(order_id: UUID) -> UUID:
    """Where PayPal and the books differ about an order's payment."""
    payment_id = session().scalars(select(Payment.id).where(Payment.reference == order_id)).one()
    row = Difference(
        id=new_id(), subject_id=payment_id, currency="EUR", ours_minor=123_456, theirs_minor=0
    )
    session().add(row)
    session().commit()
    return row.id


def payout_of(seller: User, state: str = "unclaimed") -> UUID:
    """A payout to an address without an account."""
    batch = PayoutBatch(id=new_id(), state="sent", currency="EUR", paypal_batch_id=str(new_id()))
    session().add(batch)
    session().flush()  # the payout points at it
    row = Payout(
        id=new_id(),
        batch_id=batch.id,
        seller_id=seller.id,
        state=state,
        amount_minor=123_456,
        currency="EUR",
        receiver=f"{'w' * 40}@{'example.' * 8}com",
        fee_minor=2_469,
        paypal_item_id=str(new_id()),
        issue="RECEIVER_UNREGISTERED",
    )
    session().add(row)
    session().commit()
    # What PayPal knows nothing of stays as it is, while the pages are looked at.
    session().execute(update(PayoutBatch).values(next_check_at=None))
    session().commit()
    return row.id


def disputed(order_id: UUID, paypal: SandboxControl) -> UUID:
    """A dispute of an order, of which PayPal waits for evidence."""
    query = select(Payment.paypal_capture_id).where(Payment.reference == order_id)
    capture_id = str(session().scalars(query).one())
    claim = paypal.dispute(capture_id, stage="CHARGEBACK", note="W" * 300)["dispute_id"]
    disputing.look(paypal_id=claim)
    return session().scalars(select(Dispute.id).where(Dispute.paypal_id == claim)).one()
