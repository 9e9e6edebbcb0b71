"""The capture: the money of an approved order is taken once its goods are in hand.

Between `take_in_hand`, which makes sure of the goods, and `settling`, which books what PayPal says,
stands one call to PayPal, with no transaction open.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from flask_babel import gettext as _

from app.auth import queries as users
from app.kit import jobs, ratelimit
from app.kit.db import end_read, session, transactional
from app.kit.errors import AppError, Unavailable
from app.kit.sweeping import Swept, for_each
from app.orders.errors import NoSuchOrder, Stopped
from app.orders.models import Order, OrderState
from app.orders.service import basket, ending, placing, settling, states, units
from app.payments.gateway import PaypalOrder, PaypalRefused, PaypalUnknown
from app.payments.models import PaymentState
from app.payments.queries import PaymentStatus, payment_for
from app.payments.service import paying, recording
from app.payments.service.paying import CaptureOrder
from app.products.queries import cards

CAPTURE_LIMIT = "30/minute"


class CaptureState(StrEnum):
    """The result of a capture."""

    PAID = "paid"
    CONFIRMING = "confirming"  # PayPal has not said; nothing is lost, the sweeper asks on
    PENDING = "pending"  # PayPal has the payment but not the money yet
    DECLINED = "declined"  # the buyer may pick another way to pay
    MISMATCHED = "mismatched"  # PayPal took what was not asked for; the operator has to look
    STOPPED = "stopped"  # nothing was charged and nothing will be
    NOT_APPROVED = "not_approved"


# The buyer has to say yes, perhaps once more.
ASKS_BUYER = (CaptureState.NOT_APPROVED, CaptureState.DECLINED)


@dataclass(frozen=True)
class CaptureResult:
    """The outcome, and the reason in the buyer's language where there is one."""

    state: CaptureState
    message: str = ""


def capture_for(*, buyer_id: UUID, order_id: UUID) -> CaptureResult:
    """Take the money for a buyer who says to have agreed.

    Raises NoSuchOrder for a stranger's order, TooMany.
    """
    ratelimit.spend(CAPTURE_LIMIT, "capture", str(buyer_id))
    return capture(order_id=order_id, buyer_id=buyer_id)


def capture(*, order_id: UUID, buyer_id: UUID | None = None) -> CaptureResult:
    """Take the money of an approved order, with the goods in hand; safe to call many times.

    What PayPal knows is written down; what is agreed to and not taken yet is taken; what came of
    it is told. Called by the browser's return (with the buyer), the webhook and the sweeper
    (without). Raises NoSuchOrder for a stranger's order.
    """
    order = session().get(Order, order_id, populate_existing=True)
    if order is None or (buyer_id is not None and order.buyer_id != buyer_id):
        raise NoSuchOrder
    if order.is_paid:
        return CaptureResult(CaptureState.PAID)
    try:
        seen = paying.look(reference=order_id)
        standing = _written_down(order_id, seen)
        if _is_to_be_taken(seen, standing.state):
            # The browser waits for PayPal; the worker has other things to do.
            standing = _take(order_id, patient=buyer_id is not None)
        return _told(standing)
    except PaypalUnknown:
        message = _("PayPal hasn't answered yet. We keep checking; please don't pay again.")
        return CaptureResult(CaptureState.CONFIRMING, message)
    except Unavailable as busy:
        return CaptureResult(CaptureState.CONFIRMING, busy.message)  # the sweeper asks again
    except _NotInHand as end:
        ending.stop(order_id=order_id, reason=end.refusal.code)
        message = f"{end.refusal.message} {_('You have not been charged.')}"
        return CaptureResult(CaptureState.STOPPED, message)


@dataclass(frozen=True)
class Agreement:
    """Whether the buyer has agreed at PayPal, None while PayPal does not say; where they can."""

    is_given: bool | None
    approve_url: str | None = None


def agreement_of(*, buyer_id: UUID, order_id: UUID) -> Agreement:
    """Ask PayPal whether the buyer of an unpaid order has agreed to pay for it. Raises TooMany."""
    ratelimit.spend(CAPTURE_LIMIT, "agreement", str(buyer_id))
    try:
        seen = paying.look(reference=order_id)
    except PaypalUnknown:
        return Agreement(None)
    if seen is None:
        return Agreement(is_given=False)
    return Agreement(seen.status == "APPROVED" or bool(seen.captures), seen.approve_url)


class _NotInHand(Exception):
    """The goods can't be had any more: nothing is taken."""

    def __init__(self, refusal: AppError) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def _written_down(order_id: UUID, seen: PaypalOrder | None) -> PaymentStatus:
    """Where the payment stands once all that PayPal says of it is booked."""
    if seen is None or not seen.captures:
        return _standing(order_id)
    return settling.settle(order_id=order_id, seen=seen)


def _standing(order_id: UUID) -> PaymentStatus:
    standing = payment_for(order_id)
    end_read()
    assert standing is not None  # it was opened with the order
    return standing


def _is_to_be_taken(seen: PaypalOrder | None, state: PaymentState) -> bool:
    """Whether PayPal is to be asked for the money now.

    Also where it was asked before and its answer was lost, or is not written down yet: to the same
    request id PayPal says again what it said, or that it knows of no such order.
    """
    if state is PaymentState.CAPTURING:
        return seen is None or not seen.captures
    is_approved = seen is not None and seen.status == "APPROVED"
    return is_approved and (state is PaymentState.DECLINED or not (seen and seen.captures))


def _take(order_id: UUID, *, patient: bool) -> PaymentStatus:
    """Have the goods in hand, ask PayPal for the money, and book the answer."""
    try:
        ticket = take_in_hand(order_id=order_id)
    except Unavailable:
        raise
    except AppError as refusal:
        raise _NotInHand(refusal) from refusal
    if ticket is None:
        return _standing(order_id)
    end_read()
    answer = paying.ask_capture(ticket, patient=patient)
    if isinstance(answer, PaypalRefused):
        return settling.refuse(order_id=order_id, issue=answer.issue)
    return settling.settle(order_id=order_id, seen=answer)


@transactional
def take_in_hand(*, order_id: UUID) -> CaptureOrder | None:
    """The last check before money is taken: everybody may still trade and every unit is held.

    None if the money is taken already. Raises OutOfStock, Stopped when a person was banned, a
    product removed or the order cancelled meanwhile, and for an order whose hold had run out
    OfferChanged, TooManyCheckouts and TooManyInPaypalsHands.
    """
    _basket, order = basket.locked_with_order(order_id)
    if order.is_paid:
        return None
    if order.state is OrderState.CANCELLED:
        raise Stopped
    if order.state is not OrderState.APPROVED:
        _check_people_and_goods(order)
        if order.state is OrderState.EXPIRED:
            placing.insist_on_taking_again(order)
        units.hold(order, units.hold_end())
        states.move(order, OrderState.APPROVED)
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


def _told(standing: PaymentStatus) -> CaptureResult:
    """What the buyer hears of it."""
    message = ""
    match standing.state:
        case PaymentState.SETTLED:
            state = CaptureState.PAID
        case PaymentState.PENDING:
            state = CaptureState.PENDING
        case PaymentState.CAPTURING:
            state = CaptureState.CONFIRMING
        case PaymentState.MISMATCHED:
            state = CaptureState.MISMATCHED
            message = _(
                "PayPal took a payment that doesn't match this order. The shop's operator has been"
                " told. Please don't pay again."
            )
        case PaymentState.CREATED:
            state = CaptureState.NOT_APPROVED
            message = _("The payment hasn't been approved at PayPal yet.")
        case PaymentState.DECLINED:
            state = CaptureState.DECLINED
            message = _(
                "PayPal declined this payment method. You have not been charged; please choose "
                "another one."
            )
        case PaymentState.FAILED:
            state = CaptureState.STOPPED
            message = _why_failed(standing.issue)
    return CaptureResult(state, message)


def _why_failed(issue: str | None) -> str:
    if issue is None:  # the order ended before anything was asked of PayPal
        return f"{Stopped().message} {_('You have not been charged.')}"
    if issue == recording.GIVEN_BACK:
        return str(_("PayPal has refunded you."))
    return str(_("PayPal refused the payment. You have not been charged."))


def chase_unfinished() -> Swept:
    """Have PayPal asked about each unfinished payment whose check is due, by a job of its own.

    So that all workers ask at once, however slow PayPal is. Asks here while Redis is away.
    """
    due = paying.due()
    end_read()
    waiting = jobs.waiting([_job_id(order_id) for order_id in due]) or set()
    return for_each([one for one in due if _job_id(one) not in waiting], _have_asked)


def _have_asked(order_id: UUID) -> bool:
    return jobs.enqueue(ask, order_id, queue="paypal", job_id=_job_id(order_id)) or ask(order_id)


def _job_id(order_id: UUID) -> str:
    return f"ask-{order_id}"


def ask(order_id: UUID) -> bool:
    """Ask PayPal about a payment whose check is due, and act on it; RQ's entry point.

    False if the check is not due any more.
    """
    if not paying.postpone_check(reference=order_id):
        return False
    capture(order_id=order_id)
    return True
