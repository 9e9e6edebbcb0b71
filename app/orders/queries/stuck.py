"""Payments that are stuck, as operators see them: what is wrong, and what was decided about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Subquery, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import distinct_on

from app.auth.models import User
from app.kit.db import session
from app.kit.ids import short_number
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.orders.models import OperatorAct, OperatorDecision, Order, OrderLine, OrderState
from app.payments.models import Payment
from app.payments.queries import completed_unsettled, mismatched

# How long a paid order may be without its goods before it is an operator's.
UNDELIVERED_AFTER = timedelta(minutes=10)


class StuckKind(StrEnum):
    """In which way a payment is stuck."""

    MISMATCHED = "mismatched"  # PayPal took, or holds, what was not asked for
    UNSETTLED = "unsettled"  # PayPal calls it completed, and it isn't booked
    UNDELIVERED = "undelivered"  # paid, but the goods are not there


@dataclass(frozen=True)
class Decision:
    """What an operator decided about it, and why."""

    act: OperatorAct
    reason: str
    actor_name: str
    at: datetime


@dataclass(frozen=True)
class StuckPayment:
    """A payment that waits for a person. Amounts are minor units; `taken` is what PayPal has."""

    order_id: UUID
    number: str
    kind: StuckKind
    buyer_id: UUID
    buyer_name: str
    buyer_email: str
    total_minor: int
    currency: str
    taken_minor: int | None
    taken_currency: str | None
    issue: str | None
    paypal_order_id: str | None
    paypal_capture_id: str | None
    since: datetime
    decision: Decision | None

    @property
    def acts(self) -> tuple[OperatorAct, ...]:
        """What may be done about it."""
        if self.kind is StuckKind.UNDELIVERED:
            return (
                OperatorAct.BOOK_AND_DELIVER,
                OperatorAct.WAIT_FOR_STOCK,
                OperatorAct.REFUND_WHOLE,
            )
        if self.kind is StuckKind.UNSETTLED:
            return (OperatorAct.BOOK_AND_DELIVER,)
        is_ours = self.taken_currency in {None, self.currency}
        return (
            *((OperatorAct.BOOK_AND_DELIVER,) if is_ours else ()),
            *((OperatorAct.REFUND_WHOLE,) if self.paypal_capture_id else ()),
        )


def stuck_payments(
    *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[StuckPayment]:
    """A page of what is stuck, the newest order first; Invalid for a broken cursor."""
    stuck = _stuck()
    every = _rows(stuck)
    query = every.order_by(stuck.c.order_id.desc()).limit(size + 1)
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(stuck.c.order_id < last)
    page = cut(_read(query), size, lambda one: (one.order_id,))
    return with_total(page, every, after) if counted else page


def stuck_payment(order_id: UUID) -> StuckPayment | None:
    """What is stuck about an order; None if nothing is."""
    stuck = _stuck(order_id)
    found = _read(_rows(stuck))
    return found[0] if found else None


def decisions_on(order_id: UUID) -> list[Decision]:
    """All that operators decided about an order, the newest first."""
    query = _DECISIONS.where(OperatorDecision.order_id == order_id)
    rows = session().execute(query.order_by(OperatorDecision.id.desc()).limit(PAGE_SIZE))
    return [Decision(row.act, row.reason, row.actor, row.at) for row in rows]


_DECISIONS = select(
    OperatorDecision.order_id,
    OperatorDecision.act,
    OperatorDecision.reason,
    User.display_name.label("actor"),
    OperatorDecision.at,
).join(User, User.id == OperatorDecision.actor_id)


def _stuck(order_id: UUID | None = None) -> Subquery:
    """The orders that are stuck, each once, by what is indexed for it."""
    undelivered = select(
        Order.id.label("order_id"),
        literal(StuckKind.UNDELIVERED.value).label("kind"),
        Order.paid_at.label("since"),
    ).where(
        Order.state == OrderState.PAID,
        Order.lines.any(
            OrderLine.pieces_back < OrderLine.quantity
        ),  # else it only waits for PayPal
        Order.paid_at < func.statement_timestamp() - UNDELIVERED_AFTER,
    )
    parts: list[Select[*tuple[Any, ...]]] = [
        select(
            Payment.reference.label("order_id"),
            literal(kind.value).label("kind"),
            since.label("since"),
        ).where(is_so)
        for kind, since, is_so in (
            (StuckKind.MISMATCHED, Payment.created_at, mismatched()),
            (StuckKind.UNSETTLED, Payment.told_completed_at, completed_unsettled()),
        )
    ]
    if order_id is not None:
        undelivered = undelivered.where(Order.id == order_id)
        parts = [part.where(Payment.reference == order_id) for part in parts]
    return union_all(*parts, undelivered).subquery("stuck")


def _rows(stuck: Subquery) -> Select[*tuple[Any, ...]]:
    return (
        select(
            stuck.c.order_id,
            stuck.c.kind,
            stuck.c.since,
            Order.buyer_id,
            User.display_name,
            User.email,
            Order.total_minor,
            Order.currency,
            Payment.taken_minor,
            Payment.taken_currency,
            Payment.issue,
            Payment.paypal_order_id,
            Payment.paypal_capture_id,
        )
        .join(Order, Order.id == stuck.c.order_id)
        .join(Payment, Payment.reference == Order.id)
        .join(User, User.id == Order.buyer_id)
    )


def _read(query: Select[*tuple[Any, ...]]) -> list[StuckPayment]:
    rows = session().execute(query).all()
    decisions = _last_decisions([row.order_id for row in rows])
    return [
        StuckPayment(
            order_id=row.order_id,
            number=short_number(row.order_id),
            kind=StuckKind(row.kind),
            buyer_id=row.buyer_id,
            buyer_name=row.display_name,
            buyer_email=row.email,
            total_minor=row.total_minor,
            currency=row.currency,
            taken_minor=row.taken_minor,
            taken_currency=row.taken_currency,
            issue=row.issue,
            paypal_order_id=row.paypal_order_id,
            paypal_capture_id=row.paypal_capture_id,
            since=row.since,
            decision=decisions.get(row.order_id),
        )
        for row in rows
    ]


def _last_decisions(order_ids: Sequence[UUID]) -> dict[UUID, Decision]:
    query = (
        _DECISIONS.ext(distinct_on(OperatorDecision.order_id))
        .where(OperatorDecision.order_id.in_(order_ids))
        .order_by(OperatorDecision.order_id, OperatorDecision.id.desc())
    )
    return {
        row.order_id: Decision(row.act, row.reason, row.actor, row.at)
        for row in session().execute(query)
    }
