"""Refunds of orders: asked for, carried out at PayPal, and followed by goods, lines and people.

Whoever asks for one locks the order: of a refund and a reveal of the same piece the first wins.
From then on the pieces are nobody's to open. PayPal is asked once that is committed, by a job; what
it says comes by its answer, by webhook or by reading its order anew, and is applied once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.kit import jobs
from app.kit.db import end_read, transactional
from app.kit.money import Money
from app.kit.outbox import emit
from app.kit.sweeping import Swept, for_each
from app.orders.errors import Disputed, NoSuchOrder
from app.orders.events import OrderRefunded, RefundAsked, RefundFailed
from app.orders.models import Order, OrderState
from app.orders.service import giving_back, pieces, reopening, settling, states, units
from app.orders.service.balancing import rebalance
from app.orders.service.giving_back import GoesBack
from app.orders.service.locking import locked_with_lines
from app.payments.events import DisputeTold, PaymentDisputed
from app.payments.gateway import PaypalOrder, PaypalUnknown
from app.payments.models import PaymentState
from app.payments.models.refunds import RefundSource, RefundState
from app.payments.queries import payment_for
from app.payments.service import asking_for_refunds, paying, refunds, shares
from app.payments.service.disputes import asking
from app.payments.service.refunds import Moved, Told


@dataclass(frozen=True)
class Author:
    """Who refunds, and why, in words for buyer and seller; `asked_key` tells a second click."""

    source: RefundSource
    user_id: UUID | None
    reason: str
    asked_key: str | None = None


def open_refund(order: Order, parts: Sequence[GoesBack], author: Author) -> UUID:
    """Have parts of a locked order go back, within the caller's transaction; the refund's id.

    Raises Disputed, as PayPal refuses it then, TooMuchBack, NotRefundable, and NotCovered for more
    than the seller has who refunds it.
    """
    insist_undisputed(order)
    taken = [giving_back.take(part) for part in parts]
    if author.source is RefundSource.SELLER:
        shares.insist_covered(order.currency, taken)
    amount = Money(sum(part.amount_minor for part in parts), order.currency)
    refund_id = refunds.open_refund(
        reference=order.id,
        amount=amount,
        parts=taken,
        source=author.source,
        actor_id=author.user_id,
        reason=author.reason,
        asked_key=author.asked_key,
    )
    pieces.keep(order, refund_id, parts)
    if order.state is OrderState.PAID:  # nobody has seen them
        units.give_back(order, {part.line.id: len(part.positions) for part in parts})
    emit(RefundAsked(order.id, refund_id))
    states.tell_pages(order)
    return refund_id


@transactional
def refund_unbooked(*, order_id: UUID, seen: PaypalOrder, author: Author) -> UUID:
    """Have all go back that PayPal holds of a payment that was never booked; the refund's id.

    Raises NotRefundable.
    """
    order = _locked(order_id)
    refund_id = refunds.open_unbooked(
        reference=order_id,
        order=seen,
        source=author.source,
        actor_id=author.user_id,
        reason=author.reason,
    )
    emit(RefundAsked(order.id, refund_id))
    return refund_id


def insist_undisputed(order: Order) -> None:
    """Disputed if a dispute of the order is not decided yet."""
    if any(line.is_disputed for line in order.lines):
        raise Disputed


# --- PayPal is asked ---


def ask_due() -> Swept:
    """Have PayPal asked for, or about, each refund whose time has come, by a job or here."""
    due = asking_for_refunds.due()
    waiting = jobs.waiting([_job_id(one) for one in due]) or set()
    return for_each([one for one in due if _job_id(one) not in waiting], _have_asked)


def _have_asked(refund_id: UUID) -> bool:
    return jobs.enqueue(ask, refund_id, queue="paypal", job_id=_job_id(refund_id)) or ask(refund_id)


def _job_id(refund_id: UUID) -> str:
    return f"refund-{refund_id}"


def ask(refund_id: UUID) -> bool:
    """Ask PayPal for a refund that is due, or what became of it; RQ's entry point.

    False if it is not due any more, or PayPal does not say.
    """
    wanted = asking_for_refunds.take_up(refund_id=refund_id)
    if wanted is None:
        return False
    end_read()
    try:
        told = asking_for_refunds.ask(wanted)
    except PaypalUnknown:
        return False  # asked again later
    follow(order_id=wanted.reference, refund_id=refund_id, told=told)
    if not wanted.is_booked:
        look(order_id=wanted.reference)  # what PayPal took is not held any more
    return True


def look(*, order_id: UUID) -> None:
    """Read PayPal's order, and apply what it says of refunds; called by webhook.

    Raises PaypalUnknown.
    """
    seen = paying.look(reference=order_id)
    payment = payment_for(order_id)
    end_read()
    if seen is None or payment is None:
        return
    if payment.state is PaymentState.SETTLED:
        apply(order_id=order_id, seen=seen)
    else:
        settling.settle(order_id=order_id, seen=seen)  # its capture tells what went back


@transactional
def follow(*, order_id: UUID, refund_id: UUID, told: Told) -> None:
    """Apply PayPal's answer on a refund, and what else its order tells."""
    order = _locked(order_id)
    moved = refunds.record(refund_id=refund_id, told=told)
    if moved is not None:
        _follow(order, moved)
    if told.order is not None:
        apply(order_id=order_id, seen=told.order)
    rebalance(order)
    if told.refusal in refunds.DISPUTED:
        emit(PaymentDisputed(order_id))


@transactional
def apply(*, order_id: UUID, seen: PaypalOrder) -> None:
    """Apply what PayPal's order says of its refunds, those made in PayPal's own pages included."""
    order = _locked(order_id)
    payment = payment_for(order_id)
    if payment is None or payment.state is not PaymentState.SETTLED:
        return  # what was never booked is told by its capture
    moved, strange = refunds.record_known(reference=order_id, order=seen)
    for one in moved:
        _follow(order, one)
    for told in strange:
        refunds.adopt(reference=order_id, told=told)
    rebalance(order)


def _locked(order_id: UUID) -> Order:
    order = locked_with_lines(order_id)
    if order is None:
        raise NoSuchOrder
    return order


# --- what PayPal says is followed by the goods ---


def _follow(order: Order, moved: Moved) -> None:
    """Have a locked order's lines, pieces and people follow a refund that has moved."""
    if moved.state is RefundState.FAILED:
        _take_off(order, moved)
        reopening.reopen(moved.refund_id)
        emit(RefundFailed(order.id, moved.refund_id))
        for paypal_id in asking.open_of(order.id):  # which may hold this money now
            emit(DisputeTold(paypal_id))
    elif moved.state is RefundState.COMPLETED:
        pieces.take_back(order, pieces.of_refund(moved.refund_id))
    if moved.newly_taken_on and moved.is_booked:
        emit(OrderRefunded(order.id, moved.refund_id))
    states.tell_pages(order)


def _take_off(order: Order, moved: Moved) -> None:
    """What was to go back stays the buyer's, to be opened, or asked back once more."""
    if not moved.was_counted:  # it has waited
        return
    lines = {line.id: line for line in order.lines}
    for part in refunds.parts_of(moved.refund_id):
        giving_back.leave(lines[part.line_id], part, pieces=0)
    pieces.leave(order, pieces.of_refund(moved.refund_id))
