"""Labels of webhook events and failures for people."""

from flask_babel import lazy_gettext as _l

from app.webhooks.models import EventType, Failure

EVENTS = {
    EventType.ORDER_PAID: _l("Order paid"),
    EventType.ORDER_DELIVERED: _l("Order delivered"),
    EventType.ORDER_REFUNDED: _l("Order refunded, or a part of it"),
    EventType.CLAIM_OPENED: _l("A buyer asks for a refund"),
    EventType.DISPUTE_OPENED: _l("Sale disputed"),
    EventType.DISPUTE_RESOLVED: _l("Dispute decided"),
    EventType.STOCK_LOW: _l("Five or fewer items of a product left"),
    EventType.STOCK_OUT: _l("Product sold out"),
    EventType.REVIEW_WRITTEN: _l("Review written"),
    EventType.MESSAGE_RECEIVED: _l("Message received"),
    EventType.PAYOUT_PAID: _l("Payout paid"),
    EventType.PAYOUT_FAILED: _l("Payout failed or came back"),
}
FAILURES = {
    Failure.PRIVATE_ADDRESS: _l("the address is not on the public internet"),
    Failure.NO_SUCH_HOST: _l("the host was not found"),
    Failure.NO_CONNECTION: _l("no connection, or it was cut off"),
    Failure.BAD_TLS: _l("the certificate or the encryption is not valid"),
    Failure.TOO_SLOW: _l("no answer within 10 seconds"),
    Failure.BAD_ANSWER: _l("the answer was not valid HTTP"),
    Failure.CUT_OFF: _l("the shop was restarted during the attempt"),
}
