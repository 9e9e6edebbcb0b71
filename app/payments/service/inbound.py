"""What PayPal tells us: each event is stored once, answered at once, applied afterwards."""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

from flask import current_app
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import end_read, session, transactional
from app.kit.ids import ids_from, new_id
from app.kit.outbox import emit, noting
from app.payments.errors import BadSignature, NoSuchEvent, NoSuchPayment
from app.payments.events import CaptureReversed, DisputeTold, PaypalEventReceived
from app.payments.models import (
    CameBy,
    InboundEvent,
    InboundHandling,
    Outcome,
    Payment,
    PaymentState,
)
from app.payments.service import certificates, fees, paying, refunds
from app.payments.service.payouts import sending
from app.payments.signatures import Transmission, Verifier

log = logging.getLogger(__name__)


COMPLETED = "PAYMENT.CAPTURE.COMPLETED"
APPROVAL_REVERSED = "CHECKOUT.PAYMENT-APPROVAL.REVERSED"
PAYOUTS = "PAYMENT.PAYOUTS"  # how the names of events of batches and of their items begin
REVERSED = "PAYMENT.CAPTURE.REVERSED"
DISPUTES = "CUSTOMER.DISPUTE."
_DISPUTE_ID = re.compile(r"[A-Za-z0-9-]{1,255}")
_NUL = rb"\u0000"  # which JSON may hold and PostgreSQL's can't
_MAX_WORD = 255
Word = Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]  # both are indexed, and shown


class WebhookEvent(BaseModel):
    """What every event of PayPal has."""

    id: Word
    event_type: Word
    create_time: Any = None
    summary: Any = None
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
    return _store(event, CameBy.WEBHOOK)


def take_missed(found: Sequence[Any]) -> int:
    """Take in those of the events that PayPal lists which never came; how many they are.

    They were asked for, not sent: no signature is needed, and they are believed no more than one
    that came.
    """
    events = []
    for body in found:
        try:
            events.append(WebhookEvent.model_validate(body))
        except ValidationError:
            log.warning("PayPal lists what is no event")
    known = set(
        session().scalars(
            select(InboundEvent.event_id).where(
                InboundEvent.event_id.in_([event.id for event in events])
            )
        )
    )
    end_read()
    missed = [event for event in events if event.id not in known and _can_be_stored(event)]
    # The oldest first, as they would have come.
    return sum(_store(event, CameBy.FETCHED) for event in reversed(missed))


def _can_be_stored(event: WebhookEvent) -> bool:
    try:
        return _NUL not in event.model_dump_json().encode()
    except ValueError:  # half a character
        return False


def _verifier() -> Verifier:
    if "paypal_verifier" not in current_app.extensions:
        current_app.extensions["paypal_verifier"] = Verifier(
            current_app.extensions["settings"], kept=certificates.kept, keep=certificates.keep
        )
    return cast(Verifier, current_app.extensions["paypal_verifier"])


@transactional
def _store(event: WebhookEvent, came_by: CameBy) -> bool:
    payment = _payment(event)
    ids = (_part(event.resource, name) for name in ("id", "payout_item_id", "dispute_id"))
    resource_id = next(filter(None, ids), None)
    stored = (
        session()
        .execute(
            insert(InboundEvent)
            .values(
                id=new_id(),
                event_id=event.id,
                event_type=event.event_type,
                body=event.model_dump(mode="json"),
                came_by=came_by,
                resource_id=resource_id if _is_word(resource_id) else None,
                reference=payment.reference if payment else None,
            )
            .on_conflict_do_nothing(index_elements=["event_id"])
            .returning(InboundEvent.id)
        )
        .scalar_one_or_none()
    )
    if stored is None:
        return False
    if payment is not None and event.event_type == COMPLETED and not payment.told_completed_at:
        payment.told_completed_at = func.clock_timestamp()
    _handle(stored, event, payment)
    return True


@transactional
def run_again(*, event_id: UUID, actor_id: UUID) -> None:
    """Have an event acted on once more, as if it had just come. Raises NoSuchEvent."""
    row = session().get(InboundEvent, event_id)
    if row is None:
        raise NoSuchEvent
    event = WebhookEvent.model_validate(row.body)
    _handle(row.id, event, _payment(event), by_id=actor_id)


def _handle(
    inbound_id: UUID, event: WebhookEvent, payment: Payment | None, *, by_id: UUID | None = None
) -> None:
    """Act on an event, and note what that came to; `by_id` insists on asking PayPal."""
    with noting() as handed_on:
        outcome = _apply(event, payment, is_wanted=by_id is not None)
    outbox_ids: Sequence[UUID | None] = handed_on or [None]
    session().add_all(
        InboundHandling(
            inbound_id=inbound_id,
            by_id=by_id,
            outcome=Outcome.HANDED_ON if handed_on else outcome,
            outbox_id=outbox_id,
        )
        for outbox_id in outbox_ids
    )


def _apply(event: WebhookEvent, payment: Payment | None, *, is_wanted: bool) -> Outcome:
    if event.event_type.startswith(PAYOUTS):
        return Outcome.KNOWN if sending.heard_of(event.resource) else Outcome.NOTHING
    if event.event_type.startswith(DISPUTES):
        return _announce_dispute(event.resource)
    if payment is None:
        return Outcome.NOTHING
    if event.event_type == REVERSED:
        return _announce_reversal(event.resource, payment)
    # Of these nobody else asks: a refund in PayPal's own pages, a yes that was taken back.
    is_news = event.event_type in {*refunds.EVENTS, APPROVAL_REVERSED}
    if is_wanted or is_news or not _is_seen_to(payment):
        emit(PaypalEventReceived(event.event_type, payment.reference))
        return Outcome.HANDED_ON
    return Outcome.KNOWN


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_WORD


def _is_seen_to(payment: Payment) -> bool:
    """Whether PayPal is asked, or was, without this event.

    Mostly the buyer's browser is ahead of it. What it has brought about needs nothing more; what it
    is about to bring about the sweeper looks at in a moment, should the browser have gone away.
    """
    if payment.state is PaymentState.SETTLED:
        fees.check_soon(payment)
        return True
    return paying.check_soon(payment_id=payment.id)


def _payment(event: WebhookEvent) -> Payment | None:
    """The payment that an event is about."""
    if event.event_type.startswith(DISPUTES):
        return _disputed_payment(event.resource)
    if event.event_type in refunds.EVENTS or event.event_type == REVERSED:
        return _refunded_payment(event.resource)
    return _paid_payment(event.resource)


def _paid_payment(resource: Any) -> Payment | None:
    """The payment that an order's or a capture's event is about, by PayPal's order id; locked.

    Where an approval is taken back the order's id has a name of its own.
    https://developer.paypal.com/api/rest/webhooks/event-names/#orders
    """
    related = _part(_part(resource, "supplementary_data"), "related_ids")
    own = (_part(resource, "id"), _part(resource, "order_id"))
    for paypal_order_id in (_part(related, "order_id"), *own):
        if not isinstance(paypal_order_id, str):
            continue
        payment = paying.locked_by_paypal(paypal_order_id)
        if payment is not None:
            return payment
    return None


def _announce_dispute(resource: Any) -> Outcome:
    dispute_id = _part(resource, "dispute_id")
    if not isinstance(dispute_id, str) or not _DISPUTE_ID.fullmatch(dispute_id):
        return Outcome.NOTHING
    emit(DisputeTold(dispute_id))
    return Outcome.HANDED_ON


def _announce_reversal(resource: Any, payment: Payment) -> Outcome:
    reversal_id = _part(resource, "id")
    if not _is_word(reversal_id):
        return Outcome.NOTHING
    emit(CaptureReversed(payment.reference, reversal_id))
    return Outcome.HANDED_ON


def _disputed_payment(resource: Any) -> Payment | None:
    """The payment that a dispute's event is about, by its capture."""
    disputed = _part(resource, "disputed_transactions")
    for one in disputed if isinstance(disputed, list) else ():
        capture_id = _part(one, "seller_transaction_id")
        if isinstance(capture_id, str) and (payment := paying.of_capture(capture_id)):
            return payment
    return None


def _refunded_payment(resource: Any) -> Payment | None:
    """The payment that a refund's event is about: by its capture, a link alone, else by our id."""
    links = _part(resource, "links")
    for link in links if isinstance(links, list) else ():
        href = _part(link, "href")
        if _part(link, "rel") == "up" and isinstance(href, str):
            payment = paying.of_capture(href.rpartition("/")[2])
            if payment is not None:
                return payment
    try:
        return paying.find(UUID(str(_part(resource, "custom_id"))))
    except (ValueError, NoSuchPayment):
        return None


def _part(body: Any, name: str) -> Any:
    """A field of what may be no object: events of kinds we never asked for have any shape."""
    return body.get(name) if isinstance(body, dict) else None


def is_over(before: datetime) -> ColumnElement[bool]:
    """Whether an event came before then. One that PayPal repeats later only makes us ask again."""
    # By the key, whose order is that of time.
    return InboundEvent.id < ids_from(before)
