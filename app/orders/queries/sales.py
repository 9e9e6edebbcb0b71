"""What a seller has sold, with the money that came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from app.kit.db import read, session
from app.kit.ids import short_number
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.orders.models import SOLD, Order, OrderLine, OrderState
from app.payments.queries import Share, shares_of


@dataclass(frozen=True)
class Sale:
    """One sold line. Amounts are minor units of `currency`; gross = commission + share."""

    line_id: UUID
    order_id: UUID
    order_number: str
    title: str
    kind: str
    quantity: int
    gross_minor: int
    commission_minor: int
    given_back_minor: int
    disputed: bool
    commission_basis_points: int | None
    currency: str
    paid_at: datetime
    delivered: bool
    share: Share | None

    @property
    def share_minor(self) -> int:
        """The seller's part."""
        return self.gross_minor - self.commission_minor


_EVERY = (
    select(
        OrderLine.id,
        OrderLine.order_id,
        OrderLine.title,
        OrderLine.kind,
        OrderLine.quantity,
        OrderLine.unit_price_minor,
        OrderLine.commission_minor,
        OrderLine.given_back_minor,
        OrderLine.is_disputed,
        OrderLine.commission_basis_points,
        Order.currency,
        Order.paid_at,
        Order.state,
    )
    .join(Order, Order.id == OrderLine.order_id)
    .where(OrderLine.seller_id == bindparam("seller_id"), Order.state.in_(SOLD))
)
_FIRST_PAGE = _EVERY.order_by(OrderLine.id.desc()).limit(bindparam("size"))
_NEXT_PAGE = _FIRST_PAGE.where(OrderLine.id < bindparam("last_id"))


def sales_of(
    seller_id: UUID, *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[Sale]:
    """The seller's paid lines, newest order first; Invalid for a broken cursor."""
    values: dict[str, Any] = {"seller_id": seller_id, "size": size + 1}
    if after:
        [values["last_id"]] = decode_cursor(after, tuple[UUID])
    rows = read(_NEXT_PAGE if after else _FIRST_PAGE, values).all()
    shares = shares_of(seller_id=seller_id, line_ids=[row.id for row in rows[:size]])
    page = cut(
        [
            Sale(
                line_id=row.id,
                order_id=row.order_id,
                order_number=short_number(row.order_id),
                title=row.title,
                kind=row.kind,
                quantity=row.quantity,
                gross_minor=row.quantity * row.unit_price_minor,
                commission_minor=row.commission_minor,
                given_back_minor=row.given_back_minor,
                disputed=row.is_disputed,
                commission_basis_points=row.commission_basis_points,
                currency=row.currency,
                paid_at=row.paid_at,
                delivered=row.state is OrderState.DELIVERED,
                share=shares.get(row.id),
            )
            for row in rows
        ],
        size,
        lambda sale: (sale.line_id,),
    )
    return with_total(page, _EVERY.params(seller_id=seller_id), after) if counted else page


@dataclass(frozen=True)
class SoldLine:
    """A paid line for the services of its seller. Amounts are minor units of `currency`."""

    line_id: UUID
    order_number: str
    seller_id: UUID
    product_id: UUID
    title: str
    quantity: int
    unit_price_minor: int
    share_minor: int
    currency: str


def sold_lines(order_id: UUID) -> list[SoldLine]:
    """Every line of an order, each for its own seller."""
    rows = session().execute(
        select(OrderLine, Order.currency)
        .join(Order, Order.id == OrderLine.order_id)
        .where(OrderLine.order_id == order_id)
        .order_by(OrderLine.id)
    )
    return [
        SoldLine(
            line_id=line.id,
            order_number=short_number(order_id),
            seller_id=line.seller_id,
            product_id=line.product_id,
            title=line.title,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            share_minor=line.quantity * line.unit_price_minor - line.commission_minor,
            currency=currency,
        )
        for line, currency in rows
    ]
