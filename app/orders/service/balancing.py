"""What PayPal tells of an order's money is booked, as far as what is left of the order allows.

Refunds under way, refunds made in PayPal's own pages, disputes and reversals all take of the same
money. Whoever comes second finds too little and waits; as soon as the first lets go, or whenever
anything else has changed, `rebalance` books what waits. What PayPal has taken for good comes before
what it only holds.
"""

import logging
from uuid import UUID

from sqlalchemy import select

from app.kit.db import session
from app.kit.outbox import emit
from app.orders.events import OrderRefunded
from app.orders.models import SOLD, Delivery, Order, OrderLine
from app.orders.queries.refunds import refunded_positions
from app.orders.service import giving_back, pieces, states
from app.orders.service.giving_back import GoesBack
from app.payments.models.refunds import RefundSource, RefundState
from app.payments.service import refunds
from app.payments.service.disputes import booking
from app.payments.service.disputes.booking import Told
from app.payments.service.refunds import Waiting
from app.payments.service.shares import Part

log = logging.getLogger(__name__)


def rebalance(order: Order) -> None:
    """Book what PayPal has told of a locked order and what is not booked yet, as far as it goes.

    And lock its lines while a dispute is open, whatever that holds. To be called after all that
    changes what is told, or what is left, in the same transaction.
    """
    standing = booking.standing(reference=order.id)
    for line in order.lines:
        line.is_disputed = standing.is_disputed
    if not standing.is_settled or order.state not in SOLD:
        return
    lets_go = [one for one in standing.disputes if _let_go(order, one)]
    if lets_go:
        standing = booking.standing(reference=order.id)
    for one in standing.disputes:
        if one.to_lose_minor > one.lost_minor:
            _take(order, one)
    for refund in refunds.waiting(reference=order.id):
        _book(order, refund)
    for one in standing.disputes:
        if one.to_hold_minor > one.held_minor:
            _hold(order, one)
    session().flush()


def _left(order: Order) -> int:
    return sum(line.left_minor for line in order.lines)


def _let_go(order: Order, told: Told) -> bool:
    """Book what came back, and what a dispute no longer holds; whether there was anything."""
    lines = {line.id: line for line in order.lines}
    back = max(told.lost_minor - told.to_lose_minor, 0)
    lost = min(told.held_minor, max(told.to_lose_minor - told.lost_minor, 0))
    freed = max(told.held_minor - lost - told.to_hold_minor, 0)
    if back:
        for part in booking.restore(dispute_id=told.dispute_id, minor=back):
            giving_back.leave(lines[part.line_id], part, pieces=0)
    if lost:
        for part in booking.lose(dispute_id=told.dispute_id, minor=lost):
            giving_back.end_dispute(lines[part.line_id], lost=part, freed=_nothing(part))
    if freed:
        for part in booking.free(dispute_id=told.dispute_id, minor=freed):
            giving_back.end_dispute(lines[part.line_id], lost=_nothing(part), freed=part)
    if back or lost:
        _follow(order, told.dispute_id)
    return bool(back or lost or freed)


def _nothing(part: Part) -> Part:
    return Part(part.line_id, part.seller_id, 0, 0)


def _take(order: Order, told: Told) -> None:
    """Book what was lost, and was not held before, of what is left."""
    amount = min(told.to_lose_minor - told.lost_minor, _left(order))
    if amount:
        parts = [giving_back.take(part) for part in giving_back.spread(order, amount)]
        booking.take(dispute_id=told.dispute_id, parts=parts)
        _follow(order, told.dispute_id)


def _hold(order: Order, told: Told) -> None:
    """Hold what is disputed of what is left: what went back before can't be had twice."""
    amount = min(told.to_hold_minor - told.held_minor, _left(order))
    if amount:
        parts = [giving_back.dispute(part) for part in giving_back.spread(order, amount)]
        booking.hold(dispute_id=told.dispute_id, parts=parts)


# --- pieces follow what was lost ---


def _follow(order: Order, dispute_id: UUID) -> None:
    """Take back the pieces that went with what a dispute has lost, or leave them to the buyer.

    Of a part that was lost those are as many unopened pieces as it would have paid for, rounded
    down, the last ones first; of all of a line, all of them.
    """
    session().flush()
    lost = booking.lost_by_line(dispute_id)
    gone = pieces.of_dispute(dispute_id)
    every, opened = refunded_positions(order.id), _opened(order)
    goes: dict[UUID, list[int]] = {}
    stays: dict[UUID, list[int]] = {}
    for line in order.lines:
        theirs = gone.get(line.id, [])
        left = [at for at in range(line.quantity) if (line.id, at) not in every]
        count = lost.get(line.id, 0) // line.unit_price_minor
        if line.given_back_minor == line.total_minor and lost.get(line.id):
            goes[line.id] = left
        elif count >= len(theirs):
            unopened = [at for at in left if (line.id, at) not in opened]
            goes[line.id] = unopened[max(len(unopened) - (count - len(theirs)), 0) :]
        else:
            stays[line.id] = theirs[: len(theirs) - count]
    if any(stays.values()):
        pieces.leave(order, stays)
    goes = {line_id: found for line_id, found in goes.items() if found}
    if goes:
        pieces.keep_lost(order, dispute_id, goes)


def _opened(order: Order) -> set[tuple[UUID, int]]:
    query = select(Delivery.line_id, Delivery.position).where(
        Delivery.order_id == order.id, Delivery.revealed_at.is_not(None)
    )
    return {(row.line_id, row.position) for row in session().execute(query)}


# --- refunds that nobody here has asked for, or that were made in spite of a refusal ---


def _book(order: Order, waiting: Waiting) -> None:
    """Book a refund that PayPal has made, if so much is left.

    Where all that was left of the order went back, its pieces go with it; of a part nobody says
    what it was for, so it is spread over the lines and the pieces stay the buyer's. One that a
    buyer had asked for is of as many unopened pieces as it pays for.
    """
    left = _left(order)
    if waiting.amount.currency != order.currency or waiting.amount.minor > left:
        log.error(
            "PayPal refunded more than is left",
            extra={"order": str(order.id), "refund": str(waiting.refund_id)},
        )
        return
    lines = {line.id: line for line in order.lines}
    if waiting.parts:
        parts = [GoesBack(lines[one.line_id], one.gross_minor) for one in waiting.parts]
        if any(part.amount_minor > part.line.left_minor for part in parts):
            return
    else:
        parts = giving_back.spread(order, waiting.amount.minor)
    gone = refunded_positions(order.id)
    if waiting.amount.minor == left:
        parts = [GoesBack(part.line, part.amount_minor, _rest(part.line, gone)) for part in parts]
    elif waiting.source is RefundSource.BUYER:
        gone |= _opened(order)
        parts = [
            GoesBack(
                part.line,
                part.amount_minor,
                _rest(part.line, gone)[: part.amount_minor // part.line.unit_price_minor],
            )
            for part in parts
        ]
    taken = [giving_back.take(part) for part in parts]
    refunds.book_waiting(refund_id=waiting.refund_id, parts=taken)
    pieces.keep(order, waiting.refund_id, parts)
    session().flush()  # read again
    if waiting.state is RefundState.COMPLETED:
        pieces.take_back(order, pieces.of_refund(waiting.refund_id))
    emit(OrderRefunded(order.id, waiting.refund_id))
    states.tell_pages(order)


def _rest(line: OrderLine, gone: set[tuple[UUID, int]]) -> tuple[int, ...]:
    return tuple(at for at in range(line.quantity) if (line.id, at) not in gone)
