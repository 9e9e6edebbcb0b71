"""Delivery: a paid order's pieces are put into the buyer's hands, once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

from app.kit.db import db_now, end_read, lock, session, transactional
from app.kit.ids import new_id
from app.kit.outbox import emit
from app.kit.sweeping import Swept, for_each
from app.orders.errors import NoSuchOrder
from app.orders.events import OrderDelivered
from app.orders.models import Delivery, DeliveryAct, Order, OrderLine, OrderState
from app.orders.queries.refunds import refunded_positions
from app.orders.queries.waiting import due_deliveries
from app.orders.service import evidence, states, units
from app.orders.service.locking import locked_with_lines
from app.payments.service import releasing
from app.products.errors import OutOfStock

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
LATE_LIMIT = 100


@transactional
def deliver(*, order_id: UUID) -> bool:
    """Assign every piece of a paid order to its buyer; False if that was done before.

    Raises OutOfStock while a late-paid order waits for stock.
    """
    order = locked_with_lines(order_id)
    if order is None:
        raise NoSuchOrder
    if order.state is OrderState.DELIVERED and order.next_delivery_at is not None:
        return _deliver_rest(order)
    if order.state is not OrderState.PAID or not any(line.pieces_left for line in order.lines):
        return False
    _assign(order, units.sell(order))
    order.delivered_at = func.clock_timestamp()
    order.next_delivery_at = None
    states.move(order, OrderState.DELIVERED)
    for days in {line.refund_days for line in order.lines}:
        releasing.deliver(
            line_ids=[line.id for line in order.lines if line.refund_days == days],
            returnable=timedelta(days=days),
        )
    emit(OrderDelivered(order.id))
    return True


def _deliver_rest(order: Order) -> bool:
    """Deliver the pieces of a delivered order that were not to be, or went back, at the time.

    A unit that went on sale again is replaced by another one where somebody has bought it.
    """
    gone = refunded_positions(order.id)
    there = {
        (one.line_id, one.position): one
        for one in session().scalars(
            select(Delivery)
            .where(Delivery.order_id == order.id)
            .execution_options(populate_existing=True)
        )
    }
    new: list[Delivery] = []
    again: list[Delivery] = []
    for line in sorted(order.lines, key=lambda line: line.product_id):
        at = [at for at in _positions(line, gone) if _is_missing(there.get((line.id, at)))]
        used = {
            one.unit_id
            for one in there.values()
            if one.line_id == line.id and one.unit_id and one.returned_at is None
        }
        none: list[UUID | None] = [None]
        unit_ids = none * len(at) if line.shared else units.sell_more(line, used, len(at))
        for position, unit_id in zip(at, unit_ids, strict=True):
            known = there.get((line.id, position))
            if known is None:
                new.append(_delivery(order, line, position, unit_id))
            else:
                known.unit_id, known.returned_at = unit_id, None
                again.append(known)
    session().add_all(new)
    session().flush()  # the record points at them by a plain foreign key
    for deliveries, act in ((new, DeliveryAct.ASSIGNED), (again, DeliveryAct.RESTORED)):
        evidence.append(order=order, delivery_ids=[one.id for one in deliveries], act=act)
    order.next_delivery_at = None
    states.tell_pages(order)
    return bool(new or again)


def _is_missing(delivery: Delivery | None) -> bool:
    return delivery is None or delivery.returned_at is not None


def _delivery(order: Order, line: OrderLine, position: int, unit_id: UUID | None) -> Delivery:
    return Delivery(
        id=new_id(),
        order_id=order.id,
        line_id=line.id,
        position=position,
        unit_id=unit_id,
        content_id=line.content_id,
    )


def _assign(order: Order, sold: Mapping[UUID, Sequence[UUID]]) -> None:
    """Make the deliveries of every line; `sold` has the units of those that are counted."""
    is_back = any(line.pieces_back for line in order.lines)
    back = refunded_positions(order.id) if is_back else set()
    none: list[UUID | None] = [None]  # where every buyer gets the same
    deliveries = [
        _delivery(order, line, position, unit_id)
        for line in order.lines
        for position, unit_id in zip(
            _positions(line, back), sold.get(line.id) or none * line.pieces_left, strict=True
        )
    ]
    session().add_all(deliveries)
    session().flush()  # the record points at them by a plain foreign key
    evidence.append(
        order=order,
        delivery_ids=[delivery.id for delivery in deliveries],
        act=DeliveryAct.ASSIGNED,
    )


def _positions(line: OrderLine, back: Collection[tuple[UUID, int]]) -> list[int]:
    """Which of a line's pieces are delivered: those that don't go back."""
    return [at for at in range(line.quantity) if (line.id, at) not in back]


def deliver_late() -> Swept:
    """Deliver what the queue has lost, or what waited for stock that is there now.

    What can't be delivered is tried again later, each time twice as late, so that it is never in
    the way of what can.
    """
    late = list(session().scalars(due_deliveries().limit(LATE_LIMIT)))
    end_read()
    return for_each(late, _try_to_deliver)


def _try_to_deliver(order_id: UUID) -> bool:
    if not _postpone(order_id=order_id):
        return False
    try:
        return deliver(order_id=order_id)
    except OutOfStock:
        return False  # it waits on


@transactional
def _postpone(*, order_id: UUID) -> bool:
    order = lock(Order, order_id, skip_locked=True)  # whoever has it delivers it
    if order is None or order.state not in {OrderState.PAID, OrderState.DELIVERED}:
        return False
    if order.next_delivery_at is None:
        return False
    order.delivery_tries += 1
    pause = min(FIRST_PAUSE * 2 ** min(order.delivery_tries - 1, 10), LONGEST_PAUSE)
    order.next_delivery_at = db_now() + pause
    return True
