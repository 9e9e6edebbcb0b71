"""Refunds by those who may decide on them: a buyer on what is unopened, a seller, the staff."""

from dataclasses import dataclass
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select

from app.kit.db import db_now, session, transactional
from app.orders.errors import (
    NoReason,
    NoSuchOrder,
    NoSuchPiece,
    NotReturnable,
    OwnMatter,
    PieceRefunded,
    TooMuchBack,
)
from app.orders.models import Delivery, Order, OrderLine, OrderState
from app.orders.policy import REASON_MAX, REASON_MIN, may_return
from app.orders.queries.refunds import refunded_positions
from app.orders.service import giving_back, refunding
from app.orders.service.giving_back import GoesBack
from app.orders.service.locking import locked_with_lines
from app.orders.service.refunding import Author
from app.payments.errors import NotRefundable
from app.payments.models.refunds import RefundSource


@dataclass(frozen=True)
class Scope:
    """What of an order is to go back: all, or a line, or of it some pieces, or an amount.

    `pieces` are numbered from 1 within the line. An amount leaves the pieces to the buyer.
    """

    line_id: UUID | None = None
    pieces: frozenset[int] = frozenset()
    amount_minor: int | None = None


@transactional
def return_unopened(*, buyer_id: UUID, order_id: UUID, delivery_id: UUID | None = None) -> UUID:
    """The buyer gives back what they have not opened, one piece or all; the refund's id.

    A race with the reveal is decided by the order's lock. Raises NoSuchOrder for a stranger's
    order, NoSuchPiece, NotReturnable, PieceRefunded, Disputed, TooMuchBack.
    """
    order = locked_with_lines(order_id)
    if order is None or order.buyer_id != buyer_id:
        raise NoSuchOrder
    refunding.insist_undisputed(order)
    if order.state is OrderState.DELIVERED:
        back = _unopened(order, delivery_id)
    elif order.state is OrderState.PAID and delivery_id is None:
        back = _all(order, list(order.lines))
    else:
        raise NotReturnable(_("There is nothing to return."))
    return refunding.open_refund(order, back, Author(RefundSource.BUYER, buyer_id, ""))


def _unopened(order: Order, delivery_id: UUID | None) -> list[GoesBack]:
    query = select(Delivery).where(Delivery.order_id == order.id)
    if delivery_id is not None:
        query = query.where(Delivery.id == delivery_id)
    deliveries = session().scalars(query.execution_options(populate_existing=True)).all()
    if not deliveries:
        raise NoSuchPiece
    gone, now = refunded_positions(order.id), db_now()
    lines = {line.id: line for line in order.lines}
    positions: dict[UUID, list[int]] = {}
    for delivery in deliveries:
        is_open = delivery.revealed_at is not None
        in_time = may_return(lines[delivery.line_id].refund_days, order.delivered_at, now)
        if (delivery.line_id, delivery.position) in gone or is_open or not in_time:
            if delivery_id is not None:
                _refuse(is_open=is_open, in_time=in_time)
            continue
        positions.setdefault(delivery.line_id, []).append(delivery.position)
    if not positions:
        raise NotReturnable(_("There is nothing to return."))
    return [_pieces(lines[line_id], found) for line_id, found in positions.items()]


def _refuse(*, is_open: bool, in_time: bool) -> None:
    """Say why one piece can't be returned."""
    if is_open:
        raise NotReturnable(_("This item was revealed. You can ask the seller for a refund."))
    if not in_time:
        raise NotReturnable(_("The time to return this item is over."))
    raise PieceRefunded


@transactional
def refund(*, actor_id: UUID, by_staff: bool, order_id: UUID, scope: Scope, reason: str) -> UUID:
    """A seller gives back what they sold, or the shop's staff what anybody sold; the refund's id.

    Raises NoSuchOrder for an order without lines of the seller's, OwnMatter for staff who bought
    or sold some of it, NoReason, NotRefundable, NoSuchPiece, PieceRefunded, Disputed, TooMuchBack.
    """
    reason = reason_of(reason)
    order = locked_with_lines(order_id)
    if order is None:
        raise NoSuchOrder
    if by_staff and actor_id in {order.buyer_id, *(line.seller_id for line in order.lines)}:
        raise OwnMatter
    lines = [line for line in order.lines if by_staff or line.seller_id == actor_id]
    if not lines:
        raise NoSuchOrder
    if not order.is_paid:
        raise NotRefundable
    refunding.insist_undisputed(order)
    if scope.line_id is not None:
        lines = [line for line in lines if line.id == scope.line_id]
        if not lines:
            raise NoSuchPiece
    source = RefundSource.MODERATOR if by_staff else RefundSource.SELLER
    back = _wanted(order, lines, scope)
    return refunding.open_refund(order, back, Author(source, actor_id, reason))


def reason_of(text: str) -> str:
    """The reason as it is kept; NoReason for one that says nothing, or too much."""
    reason = text.strip()
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise NoReason(
            _("Say why, in %(least)s to %(most)s characters.", least=REASON_MIN, most=REASON_MAX)
        )
    return reason


def _wanted(order: Order, lines: list[OrderLine], scope: Scope) -> list[GoesBack]:
    if scope.amount_minor is not None:
        return giving_back.spread_over(
            [line for line in lines if line.left_minor], scope.amount_minor
        )
    if scope.pieces:
        if scope.line_id is None:
            raise NoSuchPiece
        [line] = lines
        return [pieces_of(line, scope.pieces)]
    return _all(order, lines)


def pieces_of(line: OrderLine, numbers: frozenset[int]) -> GoesBack:
    """Some pieces of a line, by their numbers. Raises NoSuchPiece, PieceRefunded."""
    positions = sorted(number - 1 for number in numbers)
    if positions[0] < 0 or positions[-1] >= line.quantity:
        raise NoSuchPiece
    gone = refunded_positions(line.order_id)
    if any((line.id, at) in gone for at in positions):
        raise PieceRefunded
    return _pieces(line, positions)


def _pieces(line: OrderLine, positions: list[int]) -> GoesBack:
    return GoesBack(line, giving_back.price_of(line, len(positions)), tuple(positions))


def _all(order: Order, lines: list[OrderLine]) -> list[GoesBack]:
    """All that is left of these lines, with their pieces."""
    gone = refunded_positions(order.id)
    back = [
        GoesBack(
            line,
            line.left_minor,
            tuple(at for at in range(line.quantity) if (line.id, at) not in gone),
        )
        for line in lines
        if line.left_minor
    ]
    if not back:
        raise TooMuchBack
    return back
