"""What webhooks do when something was announced, if there is one that listens.

A webhook made, or switched on, while something happens may miss it: whoever announces looks before
its own commit.
"""

from app.orders.events import (
    ClaimOpened,
    DisputeEnded,
    OrderDelivered,
    OrderDisputed,
    OrderPaid,
    OrderRefunded,
)
from app.payments.events import PayoutChanged
from app.products.events import StockChanged
from app.reviews.events import ReviewWritten
from app.webhooks.models import EventType
from app.webhooks.service import disputes, messages


def tell_of_payment(event: OrderPaid) -> None:
    """Tell the sellers of an order that it is paid."""
    messages.tell_of_order(order_id=event.order_id, kinds=[EventType.ORDER_PAID])


def tell_of_delivery(event: OrderDelivered) -> None:
    """Tell the sellers of an order that their goods are with the buyer.

    And first that it is paid, should the event of that be late.
    """
    kinds = [EventType.ORDER_PAID, EventType.ORDER_DELIVERED]
    messages.tell_of_order(order_id=event.order_id, kinds=kinds)


def tell_of_refund(event: OrderRefunded) -> None:
    """Tell the sellers of an order what goes back of theirs."""
    messages.tell_of_refund(order_id=event.order_id, refund_id=event.refund_id)


def tell_of_claim(event: ClaimOpened) -> None:
    """Tell a seller that a buyer asks for a refund."""
    messages.tell_of_claim(claim_id=event.claim_id)


def tell_of_stock(event: StockChanged) -> None:
    """Tell the seller of a product that runs out."""
    messages.tell_of_stock(product_id=event.product_id)


def tell_of_payout(event: PayoutChanged) -> None:
    """Tell a seller that a payout has arrived, or came back."""
    messages.tell_of_payout(payout_id=event.payout_id, state=event.state)


def tell_of_review(event: ReviewWritten) -> None:
    """Tell the seller of a product that somebody has reviewed it."""
    messages.tell_of_review(review_id=event.review_id, seller_id=event.seller_id)


def tell_of_dispute(event: OrderDisputed) -> None:
    """Tell the sellers whose sales are disputed."""
    disputes.tell(dispute_id=event.dispute_id, kind=EventType.DISPUTE_OPENED)


def tell_of_dispute_end(event: DisputeEnded) -> None:
    """Tell them what PayPal has decided."""
    disputes.tell(dispute_id=event.dispute_id, kind=EventType.DISPUTE_RESOLVED)
