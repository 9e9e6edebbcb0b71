"""Disputes of orders as staff, sellers and buyers see them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, select

from app.kit.db import session
from app.kit.ids import short_number
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.orders.models import Order, OrderLine
from app.payments.errors import NoSuchDispute
from app.payments.models import Payment
from app.payments.models.disputes import (
    Dispute,
    DisputeEvidence,
    DisputePart,
    DisputeSource,
    DisputeStage,
    DisputeState,
)

Found = Row[Dispute, UUID, UUID]


@dataclass(frozen=True)
class DisputedLine:
    """What a dispute holds, or has lost, of one line. Amounts are minor units."""

    line_id: UUID
    title: str
    seller_id: UUID
    seller_name: str
    quantity: int
    gross_minor: int
    commission_minor: int
    lost_gross_minor: int
    lost_commission_minor: int

    @property
    def share_minor(self) -> int:
        """The seller's part of what is held."""
        return self.gross_minor - self.commission_minor

    @property
    def lost_share_minor(self) -> int:
        """The seller's part of what is lost."""
        return self.lost_gross_minor - self.lost_commission_minor


@dataclass(frozen=True)
class SentEvidence:
    """What was said to PayPal at a stage, or is about to be; `issue`: PayPal's word against it."""

    id: UUID
    stage: DisputeStage
    asked_by: UUID | None
    notes: str
    created_at: datetime
    sent_at: datetime | None
    issue: str | None


@dataclass(frozen=True)
class DisputeOf:
    """A dispute with its order. Amounts are minor units of `currency`."""

    id: UUID
    order_id: UUID
    number: str
    buyer_id: UUID
    paypal_id: str
    source: DisputeSource
    state: DisputeState
    stage: DisputeStage
    paypal_status: str
    reason: str
    outcome: str | None
    note: str
    amount_minor: int
    held_minor: int
    lost_minor: int
    fee_minor: int
    currency: str
    respond_by: datetime | None
    awaits_evidence: bool
    opened_at: datetime
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether PayPal has not decided it yet."""
        return self.state is DisputeState.OPEN


@dataclass(frozen=True)
class DisputeWhole(DisputeOf):
    """A dispute with its lines, and what was said to it, the first stage first."""

    lines: tuple[DisputedLine, ...] = ()
    evidence: tuple[SentEvidence, ...] = ()

    @property
    def sellers(self) -> frozenset[UUID]:
        """Whose sales it is about."""
        return frozenset(line.seller_id for line in self.lines)

    def answer_at(self, stage: DisputeStage) -> SentEvidence | None:
        """What was said at a stage."""
        return next((one for one in self.evidence if one.stage is stage), None)

    @property
    def can_answer(self) -> bool:
        """Whether evidence can be sent, and none was at this stage."""
        return self.is_open and self.awaits_evidence and self.answer_at(self.stage) is None


def _every() -> Select[Dispute, UUID, UUID]:
    return (
        select(Dispute, Order.id.label("order_id"), Order.buyer_id)
        .join(Payment, Payment.id == Dispute.payment_id)
        .join(Order, Order.id == Payment.reference)
        .execution_options(populate_existing=True)
    )


def _is_told() -> ColumnElement[bool]:
    """Whether it is not the same money as a dispute's, told of once more as a reversal."""
    return Dispute.covered_minor < Dispute.amount_minor


def dispute_of(dispute_id: UUID, *, seller_id: UUID | None = None) -> DisputeWhole:
    """A dispute whole; a seller's, only what is theirs of it. NoSuchDispute."""
    row = session().execute(_every().where(Dispute.id == dispute_id)).one_or_none()
    lines = _lines(dispute_id, seller_id) if row else ()
    if row is None or (seller_id is not None and not lines):
        raise NoSuchDispute
    rows = session().scalars(
        select(DisputeEvidence)
        .where(DisputeEvidence.dispute_id == dispute_id)
        .order_by(DisputeEvidence.id)
        .execution_options(populate_existing=True)
    )
    evidence = tuple(
        SentEvidence(
            one.id, one.stage, one.asked_by, one.notes, one.created_at, one.sent_at, one.issue
        )
        for one in rows
    )
    return DisputeWhole(**_fields(row), lines=lines, evidence=evidence)


def disputes_of_order(order_id: UUID) -> list[DisputeOf]:
    """The disputes of an order, the newest first."""
    query = _every().where(Payment.reference == order_id, _is_told()).order_by(Dispute.id.desc())
    return [DisputeOf(**_fields(row)) for row in session().execute(query)]


def is_disputed(order_id: UUID) -> bool:
    """Whether there is, or was, a dispute of this order."""
    query = (
        select(Dispute.id)
        .join(Payment, Payment.id == Dispute.payment_id)
        .where(Payment.reference == order_id)
    )
    return session().execute(query.limit(1)).first() is not None


def disputes(
    *,
    state: DisputeState | None = None,
    seller_id: UUID | None = None,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[DisputeOf]:
    """A page of disputes, the newest first; Invalid for a broken cursor."""
    every = _every().where(_is_told())
    if state is not None:
        every = every.where(Dispute.state == state)
    if seller_id is not None:
        theirs = select(DisputePart.dispute_id).where(DisputePart.seller_id == seller_id)
        every = every.where(Dispute.id.in_(theirs))
    query = every
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(Dispute.id < last)
    rows = session().execute(query.order_by(Dispute.id.desc()).limit(size + 1)).all()
    found = [DisputeOf(**_fields(row)) for row in rows]
    page = cut(found, size, lambda one: (one.id,))
    return with_total(page, every, after) if counted else page


def open_count() -> int:
    """How many disputes PayPal has not decided yet."""
    query = select(func.count()).where(Dispute.state == DisputeState.OPEN)
    return int(session().scalar(query) or 0)


def shares_in(dispute_ids: Collection[UUID], seller_id: UUID) -> dict[UUID, tuple[int, int]]:
    """The seller's part of what each of these disputes holds or held, and of what it lost."""
    rows = session().execute(
        select(
            DisputePart.dispute_id,
            func.sum(DisputePart.gross_minor - DisputePart.commission_minor),
            func.sum(DisputePart.lost_gross_minor - DisputePart.lost_commission_minor),
        )
        .where(DisputePart.dispute_id.in_(dispute_ids), DisputePart.seller_id == seller_id)
        .group_by(DisputePart.dispute_id)
    )
    return {dispute_id: (int(held), int(lost)) for dispute_id, held, lost in rows}


def _lines(dispute_id: UUID, seller_id: UUID | None) -> tuple[DisputedLine, ...]:
    query = (
        select(
            OrderLine.id,
            OrderLine.title,
            OrderLine.seller_id,
            OrderLine.seller_name,
            OrderLine.quantity,
            DisputePart.gross_minor,
            DisputePart.commission_minor,
            DisputePart.lost_gross_minor,
            DisputePart.lost_commission_minor,
        )
        .join(DisputePart, DisputePart.line_id == OrderLine.id)
        .where(DisputePart.dispute_id == dispute_id)
        .order_by(DisputePart.position)
    )
    if seller_id is not None:
        query = query.where(DisputePart.seller_id == seller_id)
    return tuple(DisputedLine(*row) for row in session().execute(query))


def _fields(row: Found) -> dict[str, Any]:
    dispute = row[0]
    return {
        "id": dispute.id,
        "order_id": row[1],
        "number": short_number(row[1]),
        "buyer_id": row[2],
        "paypal_id": dispute.paypal_id,
        "source": dispute.source,
        "state": dispute.state,
        "stage": dispute.stage,
        "paypal_status": dispute.paypal_status,
        "reason": dispute.reason,
        "outcome": dispute.outcome,
        "note": dispute.note,
        "amount_minor": dispute.amount_minor,
        "held_minor": dispute.held_minor,
        "lost_minor": dispute.lost_minor,
        "fee_minor": dispute.fee_minor,
        "currency": dispute.currency,
        "respond_by": dispute.respond_by,
        "awaits_evidence": dispute.awaits_evidence,
        "opened_at": dispute.opened_at,
        "ended_at": dispute.ended_at,
    }


def document_of(dispute_id: UUID, evidence_id: UUID) -> bytes:
    """The document that was sent with this evidence; NoSuchDispute if there is none."""
    found = session().scalar(
        select(DisputeEvidence.document).where(
            DisputeEvidence.id == evidence_id, DisputeEvidence.dispute_id == dispute_id
        )
    )
    if found is None:
        raise NoSuchDispute
    return found
