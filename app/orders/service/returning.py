"""Refunds by those who may decide on them: a buyer on what is unopened, a seller, the staff."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
from app.payments.queries import refund_asked_for


@dataclass(frozen=True)
class Scope:
    """What of an order is to go back: all, or some lines, or of them some pieces, or an amount.

    `lines` has the numbers of a line's pieces, from 1 on; of a line without numbers all goes back,
    and without lines all of the order. An amount leaves the pieces to the buyer.
    """

    lines: Mapping[UUID, frozenset[int]] = field(default_factory=dict)
    amount_minor: int | None = None

    @classmethod
    def within(
        cls, line_id: UUID | None, pieces: Iterable[int] = (), amount_minor: int | None = None
    ) -> "Scope":
        """What programs name: at most one line. NoSuchPiece for pieces of none."""
        numbers = frozenset(pieces)
        if line_id is None:
            if numbers:
                raise NoSuchPiece
            return cls(amount_minor=amount_minor)
        return cls({line_id: numbers}, amount_minor)


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
        back = _wanted(order, list(order.lines), Scope())
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
def refund(
    *,
    actor_id: UUID,
    by_staff: bool,
    order_id: UUID,
    scope: Scope,
    reason: str,
    asked_key: str | None = None,
) -> UUID:
    """A seller gives back what they sold, or the shop's staff what anybody sold; the refund's id.

    Asked for again under the same key, nothing more goes back: the refund is the first one.

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
    key = f"{actor_id}:{asked_key}" if asked_key else None
    before = refund_asked_for(reference=order_id, asked_key=key) if key else None
    if before is not None:
        return before
    if not order.is_paid:
        raise NotRefundable
    refunding.insist_undisputed(order)
    if scope.lines:
        lines = [line for line in lines if line.id in scope.lines]
        if len(lines) < len(scope.lines):
            raise NoSuchPiece
    source = RefundSource.MODERATOR if by_staff else RefundSource.SELLER
    back = _wanted(order, lines, scope)
    return refunding.open_refund(order, back, Author(source, actor_id, reason, key))


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
    gone = refunded_positions(order.id)
    back = []
    for line in lines:
        if numbers := scope.lines.get(line.id):
            back.append(_some(line, numbers, gone))
        elif line.left_minor:
            back.append(_rest(line, gone))
    if not back:
        raise TooMuchBack
    return back


def pieces_of(line: OrderLine, numbers: frozenset[int]) -> GoesBack:
    """Some pieces of a line, by their numbers. Raises NoSuchPiece, PieceRefunded."""
    return _some(line, numbers, refunded_positions(line.order_id))


def _some(line: OrderLine, numbers: frozenset[int], gone: set[tuple[UUID, int]]) -> GoesBack:
    positions = sorted(number - 1 for number in numbers)
    if positions[0] < 0 or positions[-1] >= line.quantity:
        raise NoSuchPiece
    if any((line.id, at) in gone for at in positions):
        raise PieceRefunded
    return _pieces(line, positions)


def _pieces(line: OrderLine, positions: list[int]) -> GoesBack:
    return GoesBack(line, giving_back.price_of(line, len(positions)), tuple(positions))


def _rest(line: OrderLine, gone: set[tuple[UUID, int]]) -> GoesBack:
    """All that is left of a line, with its pieces."""
    others = (at for at in range(line.quantity) if (line.id, at) not in gone)
    return GoesBack(line, line.left_minor, tuple(others))
