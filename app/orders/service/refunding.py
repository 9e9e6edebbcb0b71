"""Refunds of orders: asked for, carried out at PayPal, and followed by goods, lines and people.

Whoever asks for one locks the order: of a refund and a reveal of the same piece the first wins.
From then on the pieces are nobody's to open. PayPal is asked once that is committed, by a job; what
it says comes by its answer, by webhook or by reading its order anew, and is applied once.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select

from app.kit import jobs
from app.kit.db import db_now, end_read, session, transactional
from app.kit.money import Money
from app.kit.outbox import emit
from app.kit.sweeping import Swept, for_each
from app.orders.errors import Disputed, NoSuchOrder
from app.orders.events import OrderRefunded, RefundAsked, RefundFailed
from app.orders.models import Delivery, DeliveryAct, Order, OrderLine, OrderState, RefundedPiece
from app.orders.queries.refunds import refunded_positions
from app.orders.service import evidence, giving_back, reopening, settling, states, units
from app.orders.service.giving_back import GoesBack
from app.orders.service.locking import locked_with_lines
from app.payments.events import DisputeTold
from app.payments.gateway import PaypalOrder, PaypalRefund, PaypalUnknown
from app.payments.models import PaymentState
from app.payments.models.refunds import RefundSource, RefundState
from app.payments.queries import payment_for
from app.payments.service import paying, refunds, shares
from app.payments.service.disputes import asking
from app.payments.service.refunds import Moved, Told
from app.products.service import low_stock, stock

log = logging.getLogger(__name__)


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
    _keep_pieces(order, refund_id, parts)
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


def _keep_pieces(order: Order, refund_id: UUID, parts: Sequence[GoesBack]) -> None:
    session().add_all(
        RefundedPiece(
            line_id=part.line.id, position=position, refund_id=refund_id, order_id=order.id
        )
        for part in parts
        for position in part.positions
    )


# --- PayPal is asked ---


def ask_due() -> Swept:
    """Have PayPal asked for, or about, each refund whose time has come, by a job or here."""
    due = refunds.due()
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
    wanted = refunds.take_up(refund_id=refund_id)
    if wanted is None:
        return False
    end_read()
    try:
        told = refunds.ask(wanted)
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
        _adopt(order, told)


def _locked(order_id: UUID) -> Order:
    order = locked_with_lines(order_id)
    if order is None:
        raise NoSuchOrder
    return order


def _adopt(order: Order, told: PaypalRefund) -> None:
    """Take over a refund that was made in PayPal's own pages.

    Where all that was left of the order went back, its pieces go with it; of a part nobody says
    what it was for, so it is spread over the lines and the pieces stay the buyer's.
    """
    if refunds.KNOWN_STATES.get(told.status) in {None, RefundState.FAILED}:
        return
    left = sum(line.left_minor for line in order.lines)
    if told.amount.currency != order.currency or told.amount.minor > left:
        # A refund of ours is on its way, too, and one of them will fail: PayPal decides which.
        log.error(
            "PayPal refunded more than is left", extra={"order": str(order.id), "refund": told.id}
        )
        return
    parts = giving_back.spread(order, told.amount.minor)
    if told.amount.minor == left:
        gone = refunded_positions(order.id)
        parts = [GoesBack(part.line, part.amount_minor, _others(part.line, gone)) for part in parts]
    taken = [giving_back.take(part) for part in parts]
    moved = refunds.adopt(reference=order.id, told=told, parts=taken)
    if moved is not None:
        _keep_pieces(order, moved.refund_id, parts)
        session().flush()  # read again below
        _follow(order, moved)


def _others(line: OrderLine, gone: set[tuple[UUID, int]]) -> tuple[int, ...]:
    return tuple(at for at in range(line.quantity) if (line.id, at) not in gone)


# --- what PayPal says is followed by the goods ---


def _follow(order: Order, moved: Moved) -> None:
    """Have a locked order's lines, pieces and people follow a refund that has moved."""
    pieces = _pieces_of(moved.refund_id)
    if moved.state is RefundState.FAILED:
        _take_off(order, moved.refund_id, pieces)
        if order.state is OrderState.PAID:
            order.next_delivery_at = db_now()
        reopening.reopen(moved.refund_id)
        emit(RefundFailed(order.id, moved.refund_id))
        for paypal_id in asking.open_of(order.id):  # which may hold this money now
            emit(DisputeTold(paypal_id))
    elif moved.state is RefundState.COMPLETED:
        take_back(order, pieces)
    if moved.newly_taken_on and moved.is_booked:
        emit(OrderRefunded(order.id, moved.refund_id))
    states.tell_pages(order)


def _pieces_of(refund_id: UUID) -> dict[UUID, list[int]]:
    """The positions that go back with a refund, by line."""
    rows = session().execute(
        select(RefundedPiece.line_id, RefundedPiece.position)
        .where(RefundedPiece.refund_id == refund_id)
        .order_by(RefundedPiece.line_id, RefundedPiece.position)
    )
    pieces: dict[UUID, list[int]] = {}
    for row in rows:
        pieces.setdefault(row.line_id, []).append(row.position)
    return pieces


def _take_off(order: Order, refund_id: UUID, pieces: dict[UUID, list[int]]) -> None:
    """What was to go back stays the buyer's, to be opened, or asked back once more."""
    lines = {line.id: line for line in order.lines}
    for part in refunds.parts_of(refund_id):
        giving_back.leave(lines[part.line_id], part, pieces=len(pieces.get(part.line_id, ())))
    session().execute(delete(RefundedPiece).where(RefundedPiece.refund_id == refund_id))


def take_back(order: Order, pieces: dict[UUID, list[int]]) -> None:
    """The pieces of a completed refund: unopened units are for sale again, others burned."""
    _take_back_delivered(order, pieces)
    if order.state is OrderState.PAID and not any(line.pieces_left for line in order.lines):
        units.free(order)
        if not refunds.is_under_way(reference=order.id):
            states.move(order, OrderState.REFUNDED)
    for line in sorted(order.lines, key=lambda line: line.product_id):
        if line.id in pieces:
            low_stock.count_return(product_id=line.product_id, quantity=len(pieces[line.id]))


def _take_back_delivered(order: Order, pieces: dict[UUID, list[int]]) -> None:
    deliveries = [
        delivery
        for delivery in session().scalars(
            select(Delivery)
            .where(Delivery.order_id == order.id, Delivery.line_id.in_(pieces))
            .order_by(Delivery.line_id, Delivery.position)
            .execution_options(populate_existing=True)
        )
        if delivery.position in pieces[delivery.line_id]
    ]
    if not deliveries:
        return
    now = evidence.append(
        order=order,
        delivery_ids=[delivery.id for delivery in deliveries],
        act=DeliveryAct.REFUNDED,
    )
    unopened = [one for one in deliveries if one.revealed_at is None and one.unit_id is not None]
    for delivery in unopened:
        delivery.returned_at = now
    session().flush()  # the unit may be delivered again from now on
    stock.take_back(unit_ids=[one.unit_id for one in unopened if one.unit_id is not None])
