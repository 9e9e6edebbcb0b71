"""Settling: PayPal's word on the money becomes the state of the order, once."""

import logging
from datetime import timedelta
from uuid import UUID

from flask import current_app

from app.kit.db import db_now, lock, session, transactional
from app.kit.outbox import emit
from app.orders.errors import NoSuchOrder
from app.orders.events import OrderApprovalReversed, OrderFailed, OrderPaid, OrderPending
from app.orders.models import REFUNDED, Order, OrderState
from app.orders.policy import returnable_until
from app.orders.service import basket as baskets
from app.orders.service import ending, states, units
from app.orders.service.balancing import rebalance
from app.payments.gateway import PaypalOrder
from app.payments.models import PaymentState
from app.payments.policy import release_of
from app.payments.queries import PaymentStatus, standings_of
from app.payments.service import recording, releasing, sales
from app.payments.service.disputes import booking
from app.payments.service.recording import Recorded
from app.products.errors import OutOfStock
from app.products.service import low_stock

log = logging.getLogger(__name__)
# PayPal has the money, or holds it: what is bought by it is not to be paid for once more.
TAKEN = (PaymentState.SETTLED, PaymentState.PENDING, PaymentState.MISMATCHED)
# How long the queue has to deliver before the sweeper does.
LATE = timedelta(seconds=10)


@transactional
def settle(*, order_id: UUID, seen: PaypalOrder) -> PaymentStatus:
    """Apply what PayPal says of an order's payment: the one way by which an order gets paid.

    The browser's return, the webhook and the sweeper all call it, in any order, any number of
    times; the row locks (basket, order, payment, stock) make it happen once. It books the ledger,
    turns reserved units into sold ones, takes what was bought out of the basket and announces
    `OrderPaid`, all in one transaction. Raises NoSuchOrder.
    """
    basket, order = baskets.locked_with_order(order_id)
    recorded = recording.record(reference=order_id, order=seen)
    if recorded.newly_settled:
        pay(order, recorded)
    else:
        _follow(order, recorded.status)
    if recorded.newly_pending:
        emit(OrderPending(order.id))
    if recorded.status.state in TAKEN:
        baskets.take_out_bought(basket, order)
    return recorded.status


@transactional
def refuse(*, order_id: UUID, issue: str) -> PaymentStatus:
    """Apply that PayPal refused to take the money."""
    order = lock(Order, order_id)
    if order is None:
        raise NoSuchOrder
    standing = recording.record_refusal(reference=order_id, issue=issue)
    _follow(order, standing)
    return standing


@transactional
def take_back(*, order_id: UUID) -> None:
    """Tell a buyer that PayPal took their yes back: the order waits for another one, once said.

    It waits as long as any other, and ends if none comes. Again without effect.
    """
    order = lock(Order, order_id)
    if order is None or order.state not in {OrderState.OPEN, OrderState.EXPIRED}:
        return
    if recording.record_reversal(reference=order_id):
        emit(OrderApprovalReversed(order.id))
        states.tell_pages(order)


def _follow(order: Order, payment: PaymentStatus) -> None:
    """Bring an unpaid order to where its payment is."""
    if order.state is OrderState.APPROVED and payment.state is PaymentState.DECLINED:
        states.move(order, OrderState.OPEN)
    elif order.state is OrderState.APPROVED and payment.state is PaymentState.FAILED:
        is_refunded = payment.issue == recording.GIVEN_BACK
        ending.close(order, OrderState.CANCELLED, REFUNDED if is_refunded else "payment_failed")
        if is_refunded or order.left_basket_at is not None:
            emit(OrderFailed(order.id))
    elif payment.state in TAKEN:
        states.tell_pages(order)


def pay(order: Order, recorded: Recorded) -> None:
    """Book a locked order whose money is here, and have it delivered."""
    is_told = booking.is_told(payment_id=recorded.payment_id)  # of a dispute, before the sale
    is_sold = _sell(order)
    for line in sorted(order.lines, key=lambda line: line.product_id):
        low_stock.count_sale(product_id=line.product_id, quantity=line.quantity)
    now = db_now()
    settings = current_app.extensions["settings"]
    standings = standings_of({line.seller_id for line in order.lines})
    sales.book_sale(
        payment_id=recorded.payment_id,
        gross=recorded.gross,
        fee_minor=recorded.fee_minor,
        lines=[
            sales.SaleLine(
                line.id,
                line.seller_id,
                line.quantity,
                line.total_minor,
                line.commission_minor,
                returnable_until(line.refund_days, now),
            )
            for line in order.lines
        ],
        releases={
            seller_id: release_of(standing, now, settings)
            for seller_id, standing in standings.items()
        },
        difference_minor=recorded.difference_minor,
    )
    if not is_sold:
        releasing.pause(line_ids=[line.id for line in order.lines])
    order.paid_at = now
    order.next_delivery_at = now + LATE
    states.move(order, OrderState.PAID)
    emit(OrderPaid(order.id))
    if is_told:
        rebalance(order)


def _sell(order: Order) -> bool:
    """Turn the order's units into sold ones; False if there are too few.

    Late money may come for units that were given back, with no others left: it is booked all the
    same, and the order is delivered as soon as there is stock again.
    """
    try:
        with session().begin_nested():
            units.sell(order)
    except OutOfStock:
        log.exception("paid order waits for stock", extra={"order": str(order.id)})
        return False
    return True
