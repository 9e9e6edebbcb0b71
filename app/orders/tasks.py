"""What orders do when something was announced."""

from app.kit.outbox import TryLater
from app.orders.events import EvidenceWritten, OrderFailed, OrderPaid, RefundAsked
from app.orders.service import basket, capturing, delivering, disputing, refunding, settling
from app.orders.service.proof import answering
from app.payments.events import CaptureReversed, DisputeTold, PaymentDisputed, PaypalEventReceived
from app.payments.gateway import PaypalUnknown
from app.payments.service import refunds
from app.payments.service.inbound import APPROVAL_REVERSED


def on_paypal_event(event: PaypalEventReceived) -> None:
    """PayPal says that something happened to a payment: ask what, and act on it."""
    if event.event_type not in refunds.EVENTS:
        result = capturing.capture(order_id=event.reference)
        if event.event_type == APPROVAL_REVERSED and result.state in capturing.ASKS_BUYER:
            settling.take_back(order_id=event.reference)
        return
    try:
        refunding.look(order_id=event.reference)
    except PaypalUnknown as error:
        raise TryLater from error


def ask_for_refund(event: RefundAsked) -> None:
    """Have PayPal give the money back; the sweeper asks again should it not answer."""
    refunding.ask(event.refund_id)


def look_at_dispute(event: DisputeTold) -> None:
    """PayPal says that something happened to a dispute: read it, and act on it."""
    try:
        disputing.look(paypal_id=event.paypal_dispute_id)
    except PaypalUnknown as error:
        raise TryLater from error


def look_for_disputes(event: PaymentDisputed) -> None:
    """PayPal calls a payment disputed: read its disputes, and act on them."""
    try:
        disputing.look_for(order_id=event.reference)
    except PaypalUnknown as error:
        raise TryLater from error


def look_at_reversal(event: CaptureReversed) -> None:
    """PayPal says that it took money back by itself: read how much, and act on it."""
    try:
        disputing.look_at_reversal(order_id=event.reference, reversal_id=event.reversal_id)
    except PaypalUnknown as error:
        raise TryLater from error


def send_evidence(event: EvidenceWritten) -> None:
    """Send what is said to a dispute; the sweeper sends it again should PayPal not answer."""
    answering.deliver(event.evidence_id)


def deliver(event: OrderPaid) -> None:
    """Put the goods into the buyer's hands."""
    delivering.deliver(order_id=event.order_id)


def refill_basket(event: OrderFailed) -> None:
    """Put back into the basket what was not bought after all."""
    basket.put_back(order_id=event.order_id)
