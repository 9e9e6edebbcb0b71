"""The checkout: an order is placed and its money taken, with PayPal called between transactions."""

import logging
import time
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select

from app.auth import queries as users
from app.kit import ratelimit
from app.kit.db import end_read, lock, session, transactional
from app.kit.errors import AppError, Unavailable
from app.orders.errors import NoSuchOrder, Stopped
from app.orders.models import Order, OrderState
from app.orders.service import basket, placing, settling
from app.payments.gateway import PaypalItem, PaypalOrder, PaypalRefused, PaypalUnknown
from app.payments.models import PaymentState
from app.payments.service import paying
from app.payments.service.paying import CaptureOrder
from app.products.queries import cards

log = logging.getLogger(__name__)
ITEM_NAME_LENGTH = 127  # checkout_orders_v2: items[].name
PLACE_LIMIT = "10/minute"
CAPTURE_LIMIT = "30/minute"
CHASE_SECONDS = 5.0


@dataclass(frozen=True)
class StartedCheckout:
    """An order that waits for the buyer's yes at PayPal."""

    order_id: UUID
    paypal_order_id: str
    approve_url: str | None


class CaptureState(StrEnum):
    """What became of the wish to pay."""

    PAID = "paid"
    CONFIRMING = "confirming"  # PayPal has not said; nothing is lost, the sweeper asks on
    PENDING = "pending"  # PayPal has the payment but not the money yet
    DECLINED = "declined"  # the buyer may pick another way to pay
    STOPPED = "stopped"  # nothing was charged and nothing will be
    NOT_APPROVED = "not_approved"


@dataclass(frozen=True)
class CaptureResult:
    """The outcome, and the reason in the buyer's language where there is one."""

    state: CaptureState
    message: str = ""


def start(
    *, buyer_id: UUID, checkout_key: UUID, address: str | None, locale: str
) -> StartedCheckout:
    """Place the order and make PayPal's order for it; the same click twice gives the same.

    Raises what `place_order` raises, and PaymentUnavailable when PayPal does not answer: the
    order then stays open until its deadline and can be started again.
    """
    ratelimit.spend(PLACE_LIMIT, "checkout", str(buyer_id))
    order_id = placing.place_order(buyer_id=buyer_id, checkout_key=checkout_key, address=address)
    order = session().get_one(Order, order_id)
    items = [
        PaypalItem(line.title[:ITEM_NAME_LENGTH], line.quantity, line.unit_price_minor)
        for line in order.lines
    ]
    public = current_app.extensions["settings"].public_url.rstrip("/")
    approval = paying.create_at_paypal(
        reference=order_id,
        items=items,
        locale=locale,
        return_url=f"{public}/order/{order_id}/return",
        cancel_url=f"{public}/order/checkout",
    )
    return StartedCheckout(order_id, approval.paypal_order_id, approval.approve_url)


def capture_for(*, buyer_id: UUID, order_id: UUID) -> CaptureResult:
    """Take the money for a buyer who says to have agreed, and empty the basket that it paid for.

    Raises NoSuchOrder for a stranger's order, TooMany.
    """
    ratelimit.spend(CAPTURE_LIMIT, "capture", str(buyer_id))
    result = capture(order_id=order_id, buyer_id=buyer_id)
    if result.state is CaptureState.PAID:
        # The worker does so too, but the buyer's next look must not still count what was bought.
        basket.forget_bought(order_id=order_id)
    return result


def capture(*, order_id: UUID, buyer_id: UUID | None = None) -> CaptureResult:
    """Take the money of an approved order, with the goods in hand; safe to call many times.

    Called by the browser's return (with the buyer), the webhook and the sweeper (without).
    Raises NoSuchOrder for a stranger's order.
    """
    order = session().get(Order, order_id, populate_existing=True)
    if order is None or (buyer_id is not None and order.buyer_id != buyer_id):
        raise NoSuchOrder
    if order.state in {OrderState.PAID, OrderState.DELIVERED}:
        return CaptureResult(CaptureState.PAID)
    is_awaited = buyer_id is not None  # the worker has other things to do than wait
    try:
        seen = paying.look(reference=order_id)
    except PaypalUnknown:
        return _not_known()
    if seen is None:
        return _not_approved(order_id, is_awaited)
    if seen.captures:
        recorded = settling.settle(order_id=order_id, seen=seen)
        result = _result(recorded.state, recorded.issue)
        if result.state is not CaptureState.DECLINED or seen.status != "APPROVED":
            return result
    if seen.status != "APPROVED":
        return _not_approved(order_id, is_awaited)
    return _take(order_id, is_awaited)


def _not_approved(order_id: UUID, is_awaited: bool) -> CaptureResult:
    match paying.state_of(reference=order_id):
        case PaymentState.DECLINED:  # the webhook asked before the browser did
            return _result(PaymentState.DECLINED)
        case PaymentState.CAPTURING:
            # It asked, and PayPal's answer is not written down yet, or was lost. Asked with the
            # same request id, PayPal says again what it said; or that it knows of no such order.
            return _take(order_id, is_awaited)
        case _:
            message = _("PayPal has not been told to pay yet.")
            return CaptureResult(CaptureState.NOT_APPROVED, message)


def _take(order_id: UUID, is_awaited: bool) -> CaptureResult:
    try:
        ticket = take_in_hand(order_id=order_id)
    except Unavailable as busy:
        return CaptureResult(CaptureState.CONFIRMING, busy.message)  # the sweeper asks again
    except AppError as refusal:
        stop(order_id=order_id, reason=refusal.code)
        return CaptureResult(
            CaptureState.STOPPED, f"{refusal.message} {_('You have not been charged.')}"
        )
    return _capture_in_hand(order_id, ticket, is_awaited)


@transactional
def take_in_hand(*, order_id: UUID) -> CaptureOrder | None:
    """The last check before money is taken: everybody may still trade and every unit is held.

    None if the money is taken already. Raises OutOfStock, or Stopped when a person was banned,
    a product removed or the order cancelled meanwhile.
    """
    order = lock(Order, order_id)
    if order is None:
        raise NoSuchOrder
    if order.state in {OrderState.PAID, OrderState.DELIVERED}:
        return None
    if order.state is OrderState.CANCELLED:
        raise Stopped
    if order.state is not OrderState.APPROVED:
        _check_people_and_goods(order)
        placing.hold_units(order, placing.reservation_end())
        placing.move(order, OrderState.APPROVED)
    return paying.begin_capture(reference=order_id)


def _check_people_and_goods(order: Order) -> None:
    people = users.users_by_id([order.buyer_id, *{line.seller_id for line in order.lines}])
    if any(person.banned_at is not None for person in people.values()):
        raise Stopped
    listed = {
        product.id: product for product in cards.by_id([line.product_id for line in order.lines])
    }
    # A hidden product is still delivered to those who were already paying; a removed one is not.
    if any(
        line.product_id not in listed or listed[line.product_id].removed for line in order.lines
    ):
        raise Stopped


@transactional
def stop(*, order_id: UUID, reason: str) -> None:
    """End an order before its money is taken."""
    order = lock(Order, order_id)
    if order is not None and order.state in {
        OrderState.OPEN,
        OrderState.APPROVED,
        OrderState.EXPIRED,
    }:
        placing.close(order, OrderState.CANCELLED, reason)


def _capture_in_hand(
    order_id: UUID, ticket: CaptureOrder | None, is_awaited: bool
) -> CaptureResult:
    if ticket is None:
        return CaptureResult(CaptureState.CONFIRMING)
    end_read()
    try:
        answer: PaypalOrder | PaypalRefused = paying.ask_capture(ticket, patient=is_awaited)
    except PaypalUnknown:
        return _not_known()
    if isinstance(answer, PaypalRefused):
        return _result(settling.refused(order_id=order_id, issue=answer.issue))
    recorded = settling.settle(order_id=order_id, seen=answer)
    return _result(recorded.state, recorded.issue)


def _not_known() -> CaptureResult:
    return CaptureResult(
        CaptureState.CONFIRMING, _("PayPal has not answered yet. We keep asking; don't pay again.")
    )


def _result(state: PaymentState, issue: str | None = None) -> CaptureResult:
    match state:
        case PaymentState.SETTLED:
            return CaptureResult(CaptureState.PAID)
        case PaymentState.PENDING:
            return CaptureResult(CaptureState.PENDING)
        case PaymentState.DECLINED:
            return CaptureResult(
                CaptureState.DECLINED,
                _("PayPal declined this way to pay. Nothing was charged; please pick another one."),
            )
        case PaymentState.FAILED if issue == paying.GIVEN_BACK:
            return CaptureResult(CaptureState.STOPPED, _("PayPal has given the money back to you."))
        case PaymentState.FAILED:
            return CaptureResult(
                CaptureState.STOPPED, _("PayPal refused the payment. You have not been charged.")
            )
        case _:
            return CaptureResult(CaptureState.CONFIRMING)


def chase_unfinished() -> int:
    """Ask PayPal about unfinished payments whose check is due; returns how many.

    A round ends after some seconds, however slow PayPal is: the clock has other things to do, and
    takes up the rest in the next one.
    """
    end = time.monotonic() + CHASE_SECONDS
    asked = 0
    for order_id in _due():
        if time.monotonic() >= end:
            break
        asked += 1
        paying.postpone_check(reference=order_id)
        try:
            capture(order_id=order_id)
        except AppError:
            log.exception("order could not be chased", extra={"order": str(order_id)})
    return asked


def _due() -> list[UUID]:
    """The orders whose payments should be looked at now, but those that ended."""
    known = session().scalars(
        select(Order.id).where(Order.id.in_(paying.due()), Order.state != OrderState.CANCELLED)
    )
    due = list(known)
    end_read()
    return due
