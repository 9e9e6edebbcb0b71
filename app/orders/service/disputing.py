"""Disputes of orders: money held, pieces locked, and both followed by what PayPal decides.

PayPal's webhooks only make us read the dispute; what it says is written down under the order's
lock, in whatever order it comes, and booked by `balancing` as far as the money is there. While a
dispute lasts, nothing unopened of the order is opened, and nothing is refunded here.

Where it is won, all is as before. Where it is lost, the pieces that went with the money are gone:
units that nobody has seen are for sale again, opened ones are burned.
"""

import logging
from uuid import UUID

from app.kit import jobs
from app.kit.db import end_read, transactional
from app.kit.outbox import emit
from app.kit.sweeping import Swept, for_each
from app.orders.errors import NoSuchOrder
from app.orders.events import DisputeEnded, DisputeMoved, OrderDisputed
from app.orders.models import Order
from app.orders.service import states
from app.orders.service.balancing import rebalance
from app.orders.service.locking import locked_with_lines
from app.payments.gateway import PaypalDispute, PaypalRefund, PaypalRefused, PaypalUnknown
from app.payments.service.disputes import asking, recording

log = logging.getLogger(__name__)


def look(*, paypal_id: str) -> bool:
    """Read a dispute at PayPal, and apply what it says; False if it is of no payment of ours.

    Raises PaypalUnknown, PaypalRefused.
    """
    seen = recording.ask(paypal_id)
    order_id = recording.reference_of(seen)
    end_read()
    if order_id is None:
        log.error("disputed is a payment that is not ours", extra={"dispute": paypal_id})
        return False
    apply(order_id=order_id, seen=seen)
    return True


def look_for(*, order_id: UUID) -> None:
    """Read all disputes that PayPal has of an order, and apply what they say.

    Raises PaypalUnknown, PaypalRefused.
    """
    for paypal_id in asking.of_payment(order_id):
        look(paypal_id=paypal_id)


def look_at_reversal(*, order_id: UUID, reversal_id: str) -> None:
    """Read what PayPal took back by itself, and apply it. Raises PaypalUnknown, PaypalRefused."""
    seen = recording.ask_reversal(reversal_id)
    apply_reversal(order_id=order_id, seen=seen)


def ask_due() -> Swept:
    """Have PayPal asked about each open dispute whose time has come, by a job or here."""
    due = asking.due()
    waiting = jobs.waiting([_job_id(one) for one in due]) or set()
    return for_each([one for one in due if _job_id(one) not in waiting], _have_asked)


def _have_asked(paypal_id: str) -> bool:
    return jobs.enqueue(ask, paypal_id, queue="paypal", job_id=_job_id(paypal_id)) or ask(paypal_id)


def _job_id(paypal_id: str) -> str:
    return f"dispute-{paypal_id}"


def ask(paypal_id: str) -> bool:
    """Ask PayPal about a dispute that is due; RQ's entry point.

    False if it is not due any more, or PayPal does not say.
    """
    if not asking.postpone(paypal_id=paypal_id):
        return False
    try:
        return look(paypal_id=paypal_id)
    except PaypalUnknown:
        return False  # asked again later
    except PaypalRefused as refusal:
        log.warning(  # as well: another day it may show the dispute again
            "PayPal does not show a dispute",
            extra={"dispute": paypal_id, "issue": refusal.issue},
        )
        return False


@transactional
def apply(*, order_id: UUID, seen: PaypalDispute) -> None:
    """Apply what PayPal says of a dispute, however often and in whatever order it comes."""
    order = _locked(order_id)
    step = recording.record(reference=order_id, seen=seen)
    if step is None:
        return
    rebalance(order)
    if step.is_new:
        emit(OrderDisputed(order.id, step.dispute_id))
    if step.has_ended:
        emit(DisputeEnded(order.id, step.dispute_id))
    elif step.is_news and not step.is_new:
        emit(DisputeMoved(order.id, step.dispute_id))
    if step.is_news:
        states.tell_pages(order)


@transactional
def apply_reversal(*, order_id: UUID, seen: PaypalRefund) -> None:
    """Book what PayPal took back by itself, as far as no dispute tells of it, once."""
    order = _locked(order_id)
    dispute_id = recording.record_reversal(reference=order_id, seen=seen)
    if dispute_id is None:
        return
    rebalance(order)
    if not recording.is_covered(dispute_id):
        emit(OrderDisputed(order.id, dispute_id))
        emit(DisputeEnded(order.id, dispute_id))
    states.tell_pages(order)


def _locked(order_id: UUID) -> Order:
    order = locked_with_lines(order_id)
    if order is None:
        raise NoSuchOrder
    return order
