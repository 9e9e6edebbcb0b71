"""What PayPal tells us: each event is stored once, answered at once, applied afterwards."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, cast

from flask import current_app
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import end_read, session, transactional
from app.kit.ids import ids_from, new_id
from app.kit.outbox import emit
from app.payments.errors import BadSignature
from app.payments.events import PaypalEventReceived
from app.payments.models import InboundEvent, Payment, PaymentState
from app.payments.service import certificates, fees, paying
from app.payments.signatures import Transmission, Verifier

log = logging.getLogger(__name__)


COMPLETED = "PAYMENT.CAPTURE.COMPLETED"
_NUL = rb"\u0000"  # which JSON may hold and PostgreSQL's can't
Word = Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]  # both are indexed, and shown


class WebhookEvent(BaseModel):
    """What every webhook event of PayPal has."""

    id: Word
    event_type: Word
    resource: Any = None


def receive(*, headers: Mapping[str, str], body: bytes) -> bool:
    """Take in a webhook; False if it was here before.

    Raises BadSignature if PayPal did not send it, CertificateUnavailable if that can't be told
    now. What the event says is never believed: it only makes us ask PayPal.
    """
    end_read()
    _verifier().verify(Transmission.read(headers), body)
    try:
        event = WebhookEvent.model_validate_json(body)
    except ValidationError as error:
        raise BadSignature("not an event") from error
    if _NUL in body:
        raise BadSignature("not to be stored")
    return _store(event)


def _verifier() -> Verifier:
    if "paypal_verifier" not in current_app.extensions:
        current_app.extensions["paypal_verifier"] = Verifier(
            current_app.extensions["settings"], kept=certificates.kept, keep=certificates.keep
        )
    return cast(Verifier, current_app.extensions["paypal_verifier"])


@transactional
def _store(event: WebhookEvent) -> bool:
    stored = (
        session()
        .execute(
            insert(InboundEvent)
            .values(
                id=new_id(),
                event_id=event.id,
                event_type=event.event_type,
                body=event.model_dump(mode="json"),
            )
            .on_conflict_do_nothing(index_elements=["event_id"])
            .returning(InboundEvent.id)
        )
        .scalar_one_or_none()
    )
    if stored is None:
        return False
    payment = _payment(event.resource)
    if payment is not None and event.event_type == COMPLETED and not payment.told_completed_at:
        payment.told_completed_at = func.clock_timestamp()
    if payment is not None and not _is_seen_to(payment):
        emit(PaypalEventReceived(event.event_type, payment.reference))
    return True


def _is_seen_to(payment: Payment) -> bool:
    """Whether PayPal is asked, or was, without this event.

    Mostly the buyer's browser is ahead of it. What it has brought about needs nothing more; what it
    is about to bring about the sweeper looks at in a moment, should the browser have gone away.
    """
    if payment.state is PaymentState.SETTLED:
        fees.check_soon(payment)
        return True
    return paying.check_soon(payment_id=payment.id)


def _payment(resource: Any) -> Payment | None:
    """The payment that an order's or a capture's event is about, by PayPal's order id; locked."""
    related = _part(_part(resource, "supplementary_data"), "related_ids")
    for paypal_order_id in (_part(related, "order_id"), _part(resource, "id")):
        if not isinstance(paypal_order_id, str):
            continue
        payment = paying.locked_by_paypal(paypal_order_id)
        if payment is not None:
            return payment
    return None


def _part(body: Any, name: str) -> Any:
    """A field of what may be no object: events of kinds we never asked for have any shape."""
    return body.get(name) if isinstance(body, dict) else None


def is_over(before: datetime) -> ColumnElement[bool]:
    """Whether an event came before then. One that PayPal repeats later only makes us ask again."""
    # By the key, whose order is that of time.
    return InboundEvent.id < ids_from(before)
