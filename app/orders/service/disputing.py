"""Disputes of orders: money held, pieces locked, and both followed by what PayPal decides.

PayPal's webhooks only make us read the dispute; what it says is applied under the order's lock,
once, in whatever order it comes. While a dispute lasts, nothing unopened of the order is opened.

A refund that was asked for here, and of which PayPal has not said yet whether it makes it, may be
of the same money. PayPal refunds nothing that is disputed or gone. So what is told of more than is
left waits for its word.

Where it is won, all is as before. Where it is lost, the pieces that went with the money are gone:
units that nobody has seen are for sale again, opened ones are burned. Of a part that was lost,
those are as many unopened pieces as it would have paid for, rounded down, the last ones first.
"""

import logging
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.kit import jobs
from app.kit.db import end_read, session, transactional
from app.kit.outbox import emit
from app.kit.sweeping import Swept, for_each
from app.orders.errors import NoSuchOrder
from app.orders.events import DisputeEnded, DisputeMoved, OrderDisputed
from app.orders.models import Delivery, Order, OrderLine, OrderState, RefundedPiece
from app.orders.queries.refunds import refunded_positions
from app.orders.service import giving_back, refunding, states, units
from app.orders.service.locking import locked_with_lines
from app.payments.gateway import PaypalDispute, PaypalRefund, PaypalUnknown
from app.payments.service import refunds
from app.payments.service.disputes import asking, recording
from app.payments.service.shares import Part

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


def look_at_reversal(*, order_id: UUID, reversal_id: str) -> bool:
    """Read what PayPal took back by itself, and apply it; False if it can't be booked yet.

    Raises PaypalUnknown, PaypalRefused.
    """
    seen = recording.ask_reversal(reversal_id)
    return apply_reversal(order_id=order_id, seen=seen)


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


@transactional
def apply(*, order_id: UUID, seen: PaypalDispute) -> None:
    """Apply what PayPal says of a dispute, once, however often and in whatever order it comes."""
    order = _locked(order_id)
    step = recording.record(reference=order_id, seen=seen)
    if step is None:
        return
    waits = _crosses_refund(order, step.wants_minor)
    if waits:
        asking.put_off(dispute_id=step.dispute_id)
    elif step.wants_minor:
        _hold(order, step.dispute_id, step.wants_minor)
    if step.is_new:
        emit(OrderDisputed(order.id, step.dispute_id))
    if step.loses_minor is not None and not waits:
        _end(order, step.dispute_id, step.loses_minor)
        emit(DisputeEnded(order.id, step.dispute_id))
    elif step.is_news and not step.is_new:
        emit(DisputeMoved(order.id, step.dispute_id))
    if step.is_news:
        states.tell_pages(order)


def _locked(order_id: UUID) -> Order:
    order = locked_with_lines(order_id)
    if order is None:
        raise NoSuchOrder
    return order


def _crosses_refund(order: Order, wants_minor: int) -> bool:
    """Whether more is wanted than is left, since a refund that PayPal may refuse was asked for."""
    left = sum(line.left_minor for line in order.lines)
    return wants_minor > left and refunds.is_unanswered(reference=order.id)


def _hold(order: Order, dispute_id: UUID, wants_minor: int) -> None:
    """Hold what is disputed of what is left: what went back before can't be had twice."""
    left = sum(line.left_minor for line in order.lines)
    amount = min(wants_minor, left)
    if not amount:
        return
    parts = [giving_back.dispute(part) for part in giving_back.spread(order, amount)]
    recording.hold(dispute_id=dispute_id, parts=parts)


def _end(order: Order, dispute_id: UUID, lost_minor: int) -> None:
    lines = {line.id: line for line in order.lines}
    ends = recording.end(dispute_id=dispute_id, lost_minor=lost_minor)
    for end in ends:
        giving_back.end_dispute(lines[end.line_id], lost=end.lost, freed=end.freed)
    _take_pieces(order, dispute_id, [end.lost for end in ends if end.lost.gross_minor])


@transactional
def apply_reversal(*, order_id: UUID, seen: PaypalRefund) -> bool:
    """Book what PayPal took back by itself, as far as no dispute or refund tells of it, once.

    False if it can't be booked yet: the payment is not, or a refund of the same money may fail.
    """
    order = _locked(order_id)
    wants = recording.wants_reversal(reference=order_id, seen=seen)
    if wants is None or _crosses_refund(order, wants):
        return False
    amount = min(wants, sum(line.left_minor for line in order.lines))
    if not amount:
        return True
    parts = [giving_back.take(part) for part in giving_back.spread(order, amount)]
    dispute_id = recording.reverse(reference=order_id, seen=seen, parts=parts)
    _take_pieces(order, dispute_id, parts)
    emit(OrderDisputed(order.id, dispute_id))
    emit(DisputeEnded(order.id, dispute_id))
    states.tell_pages(order)
    return True


def _take_pieces(order: Order, dispute_id: UUID, lost: Sequence[Part]) -> None:
    """Take back the pieces that went with the money."""
    gone = refunded_positions(order.id)
    opened = _opened(order)
    lines = {line.id: line for line in order.lines}
    pieces = {
        part.line_id: found
        for part in lost
        if (found := _lost_pieces(lines[part.line_id], part.gross_minor, gone, opened))
    }
    session().add_all(
        RefundedPiece(line_id=line_id, position=position, dispute_id=dispute_id, order_id=order.id)
        for line_id, positions in pieces.items()
        for position in positions
    )
    for line_id, positions in pieces.items():
        lines[line_id].pieces_back += len(positions)
    if order.state is OrderState.PAID:  # nobody has seen them
        units.give_back(order, {line_id: len(found) for line_id, found in pieces.items()})
    refunding.take_back(order, pieces)


def _lost_pieces(
    line: OrderLine,
    lost_minor: int,
    gone: set[tuple[UUID, int]],
    opened: set[tuple[UUID, int]],
) -> list[int]:
    there = [at for at in range(line.quantity) if (line.id, at) not in gone]
    if line.given_back_minor == line.total_minor:
        return there
    unopened = [at for at in there if (line.id, at) not in opened]
    count = lost_minor // line.unit_price_minor
    return unopened[len(unopened) - min(count, len(unopened)) :]


def _opened(order: Order) -> set[tuple[UUID, int]]:
    query = select(Delivery.line_id, Delivery.position).where(
        Delivery.order_id == order.id, Delivery.revealed_at.is_not(None)
    )
    return {(row.line_id, row.position) for row in session().execute(query)}
