"""The units of an order's lines: held while it is paid for, sold with the money, or given back."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from flask import current_app

from app.kit.db import db_now
from app.orders.models import Order, OrderLine
from app.products.errors import StockMismatch
from app.products.service import stock


def hold_end() -> datetime:
    """When units taken now are given back, by the database's clock."""
    minutes: int = current_app.extensions["settings"].reservation_minutes
    return db_now() + timedelta(minutes=minutes)


def hold(order: Order, until: datetime) -> None:
    """Have every unit of the order reserved until then; OutOfStock if that can't be.

    Products are locked in the order of their ids, so that two orders never wait for each other.
    """
    counted = [line for line in order.lines if not line.shared and line.pieces_left]
    held = stock.extend(holders=[line.id for line in counted], until=until)
    if held < sum(line.pieces_left for line in counted):
        for line in sorted(counted, key=lambda line: line.product_id):
            stock.reserve(
                product_id=line.product_id, quantity=line.pieces_left, holder=line.id, until=until
            )
    order.expires_at = until


def sell(order: Order) -> dict[UUID, list[UUID]]:
    """Make every unit of a paid order sold; the units of each line.

    Takes other units for those that were given back; OutOfStock if none is left.
    """
    try:
        return _sell_held(order)
    except StockMismatch:
        hold(order, hold_end())
        return _sell_held(order)


def _sell_held(order: Order) -> dict[UUID, list[UUID]]:
    return {
        line.id: stock.sell(holder=line.id, quantity=line.pieces_left)
        for line in sorted(order.lines, key=lambda line: line.product_id)
        if not line.shared and line.pieces_left
    }


def sell_more(line: OrderLine, used: Collection[UUID], quantity: int) -> list[UUID]:
    """Make so many more units sold to a line than it has used; OutOfStock if there are none."""
    if not quantity:
        return []
    every = len(used) + quantity
    stock.reserve(product_id=line.product_id, quantity=every, holder=line.id, until=hold_end())
    found = stock.sell(holder=line.id, quantity=every)
    return [unit_id for unit_id in found if unit_id not in used]


def give_back(order: Order, pieces: dict[UUID, int]) -> None:
    """Give back so many units of these lines of a paid order that is not delivered, if it has them.

    An order that waits for stock has none.
    """
    for line in sorted(order.lines, key=lambda line: line.product_id):
        if line.id in pieces and not line.shared:
            stock.take_back_from(holder=line.id, quantity=pieces[line.id])


def free(order: Order) -> None:
    """Give back the units that the order holds."""
    stock.release(holders=[line.id for line in order.lines if not line.shared])
