"""Paid orders that wait for their delivery."""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from app.orders.models import Order, OrderLine, OrderState
from app.products.models import StockItem, UnitState


def due_deliveries() -> Select[UUID]:
    """The orders to deliver now: those whose time has come, and those whose stock has."""
    return (
        select(Order.id)
        .where(
            or_(
                and_(
                    Order.state == OrderState.PAID,
                    or_(
                        Order.next_delivery_at <= func.statement_timestamp(),
                        and_(Order.delivery_tries > 0, ~_lacks_stock()),
                    ),
                ),
                and_(  # pieces that were to go back, and don't
                    Order.state == OrderState.DELIVERED,
                    Order.next_delivery_at.is_not(None),
                    Order.next_delivery_at <= func.statement_timestamp(),
                ),
            ),
        )
        .order_by(Order.next_delivery_at)
    )


def _lacks_stock() -> ColumnElement[bool]:
    """Whether fewer units are free than a line needs; no more of them are counted than it does."""
    free = (
        select(StockItem.id)
        .where(StockItem.product_id == OrderLine.product_id, StockItem.state == UnitState.FREE)
        .limit(OrderLine.quantity - OrderLine.pieces_back)
        .correlate(OrderLine)
        .subquery()
        .lateral()
    )
    return exists().where(
        OrderLine.order_id == Order.id,
        OrderLine.shared.is_(False),
        OrderLine.quantity - OrderLine.pieces_back
        > select(func.count()).select_from(free).scalar_subquery(),
    )
