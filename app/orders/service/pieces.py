"""The pieces that go back with money, and those that become the buyer's again."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select

from app.kit.db import db_now, session
from app.orders.models import (
    Delivery,
    DeliveryAct,
    DeliveryRecord,
    Order,
    OrderState,
    RefundedPiece,
)
from app.orders.service import evidence, states, units
from app.orders.service.giving_back import GoesBack
from app.payments.service import refunds
from app.products.service import low_stock, stock

Pieces = Mapping[UUID, Sequence[int]]  # the positions, by line


def keep(order: Order, refund_id: UUID, parts: Iterable[GoesBack]) -> None:
    """Keep which pieces go back with a refund; nobody opens them from now on."""
    session().add_all(
        RefundedPiece(
            line_id=part.line.id, position=position, refund_id=refund_id, order_id=order.id
        )
        for part in parts
        for position in part.positions
    )


def keep_lost(order: Order, dispute_id: UUID, pieces: Pieces) -> None:
    """Keep which pieces went with what a dispute has lost, and take them back."""
    session().add_all(
        RefundedPiece(line_id=line_id, position=position, dispute_id=dispute_id, order_id=order.id)
        for line_id, positions in pieces.items()
        for position in positions
    )
    for line in order.lines:
        line.pieces_back += len(pieces.get(line.id, ()))
    if order.state is OrderState.PAID:  # nobody has seen them
        units.give_back(order, {line_id: len(found) for line_id, found in pieces.items()})
    session().flush()
    take_back(order, pieces)


def of_refund(refund_id: UUID) -> dict[UUID, list[int]]:
    """The pieces that go back with a refund."""
    return _pieces(RefundedPiece.refund_id == refund_id)


def of_dispute(dispute_id: UUID) -> dict[UUID, list[int]]:
    """The pieces that went with what a dispute has lost."""
    return _pieces(RefundedPiece.dispute_id == dispute_id)


def _pieces(which: ColumnElement[bool]) -> dict[UUID, list[int]]:
    rows = session().execute(
        select(RefundedPiece.line_id, RefundedPiece.position)
        .where(which)
        .order_by(RefundedPiece.line_id, RefundedPiece.position)
    )
    pieces: dict[UUID, list[int]] = {}
    for row in rows:
        pieces.setdefault(row.line_id, []).append(row.position)
    return pieces


def take_back(order: Order, pieces: Pieces) -> None:
    """The pieces of a completed refund: unopened units are for sale again, others burned."""
    _take_back_delivered(order, pieces)
    if order.state is OrderState.PAID and not any(line.pieces_left for line in order.lines):
        units.free(order)
        if not refunds.is_under_way(reference=order.id):
            states.move(order, OrderState.REFUNDED)
    for line in sorted(order.lines, key=lambda line: line.product_id):
        if line.id in pieces:
            low_stock.count_return(product_id=line.product_id, quantity=len(pieces[line.id]))


def _take_back_delivered(order: Order, pieces: Pieces) -> None:
    deliveries = deliveries_of(order.id, pieces)
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


def deliveries_of(order_id: UUID, pieces: Pieces) -> list[Delivery]:
    """The deliveries of these pieces, of those that were delivered."""
    return [
        delivery
        for delivery in session().scalars(
            select(Delivery)
            .where(Delivery.order_id == order_id, Delivery.line_id.in_(pieces))
            .order_by(Delivery.line_id, Delivery.position)
            .execution_options(populate_existing=True)
        )
        if delivery.position in pieces[delivery.line_id]
    ]


def leave(order: Order, pieces: Pieces) -> None:
    """These pieces don't go back after all: what was never delivered of them is delivered now.

    What the buyer has in hands they may open again, by a new entry in the record.
    """
    for line in order.lines:
        at = pieces.get(line.id, ())
        line.pieces_back -= len(at)
        session().execute(
            delete(RefundedPiece).where(
                RefundedPiece.line_id == line.id, RefundedPiece.position.in_(at)
            )
        )
    if order.state is OrderState.REFUNDED:
        states.move(order, OrderState.PAID)
    there = deliveries_of(order.id, pieces)
    refunded = _refunded(order.id)
    evidence.append(
        order=order,
        delivery_ids=[one.id for one in there if one.id in refunded and one.returned_at is None],
        act=DeliveryAct.RESTORED,
    )
    is_missing = len(there) < sum(map(len, pieces.values()))
    is_missing = is_missing or any(one.returned_at for one in there)
    if order.state is OrderState.PAID or is_missing:
        order.next_delivery_at = db_now()


def _refunded(order_id: UUID) -> set[UUID]:
    """The deliveries of an order of which the record says last that they were refunded."""
    rows = session().execute(
        select(DeliveryRecord.delivery_id, DeliveryRecord.act)
        .where(
            DeliveryRecord.order_id == order_id,
            DeliveryRecord.act.in_((DeliveryAct.REFUNDED, DeliveryAct.RESTORED)),
        )
        .order_by(DeliveryRecord.sequence)
    )
    last = {row.delivery_id: row.act for row in rows}
    return {one for one, act in last.items() if act is DeliveryAct.REFUNDED}
