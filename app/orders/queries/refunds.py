"""Refunds of orders, as those see them whom they are about."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from app.kit.db import session
from app.kit.ids import short_number
from app.orders.models import Order, RefundedPiece
from app.payments.models import Payment
from app.payments.models.refunds import Refund, RefundPart, RefundSource, RefundState


@dataclass(frozen=True)
class RefundOf:
    """A refund of an order, or a seller's part of it. The amount is minor units of `currency`.

    `reason` is in the words of whoever refunds, "" where a buyer returned what is unopened;
    `issue` is PayPal's word for why it failed.
    """

    id: UUID
    state: RefundState
    amount_minor: int
    currency: str
    source: RefundSource
    reason: str
    issue: str | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def is_under_way(self) -> bool:
        """Whether PayPal still has to say what becomes of it."""
        return self.ended_at is None


def refunds_of(order_id: UUID, *, seller_id: UUID | None = None) -> list[RefundOf]:
    """The refunds of an order, the newest first; only one seller's part of them, if named."""
    refunds = (
        session()
        .scalars(
            select(Refund)
            .join(Payment, Payment.id == Refund.payment_id)
            .where(Payment.reference == order_id)
            .order_by(Refund.id.desc())
            .execution_options(populate_existing=True)
        )
        .all()
    )
    parts = _parts_of([refund.id for refund in refunds], RefundPart.seller_id == seller_id)
    return [
        RefundOf(
            refund.id,
            refund.state,
            refund.amount_minor if seller_id is None else parts[refund.id],
            refund.currency,
            refund.source,
            refund.reason,
            refund.issue,
            refund.created_at,
            refund.ended_at,
        )
        for refund in refunds
        if seller_id is None or refund.id in parts
    ]


@dataclass(frozen=True)
class RefundToTell:
    """A refund for those who tell of it; `sellers` have what goes back of theirs."""

    refund: RefundOf
    order_id: UUID
    number: str
    buyer_id: UUID
    sellers: dict[UUID, int]


def refund_to_tell(order_id: UUID, refund_id: UUID) -> RefundToTell | None:
    """One refund of an order; None if there is none."""
    buyer_id = session().scalar(select(Order.buyer_id).where(Order.id == order_id))
    found = [refund for refund in refunds_of(order_id) if refund.id == refund_id]
    if buyer_id is None or not found:
        return None
    rows = session().execute(
        select(RefundPart.seller_id, func.sum(RefundPart.gross_minor))
        .where(RefundPart.refund_id == refund_id)
        .group_by(RefundPart.seller_id)
    )
    sellers = {seller_id: int(gross) for seller_id, gross in rows}
    return RefundToTell(found[0], order_id, short_number(order_id), buyer_id, sellers)


def _parts_of(refund_ids: list[UUID], whose: ColumnElement[bool]) -> dict[UUID, int]:
    """What one seller's lines give back with each of these refunds, in minor units."""
    if not refund_ids:
        return {}
    rows = session().execute(
        select(RefundPart.refund_id, RefundPart.gross_minor).where(
            RefundPart.refund_id.in_(refund_ids), whose
        )
    )
    sums: dict[UUID, int] = {}
    for row in rows:
        sums[row.refund_id] = sums.get(row.refund_id, 0) + row.gross_minor
    return sums


def refunded_positions(order_id: UUID) -> set[tuple[UUID, int]]:
    """The pieces of an order that go back, or went: their lines and positions."""
    rows = session().execute(
        select(RefundedPiece.line_id, RefundedPiece.position).where(
            RefundedPiece.order_id == order_id
        )
    )
    return {(row.line_id, row.position) for row in rows}
