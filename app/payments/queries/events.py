"""PayPal's events as administrators see them: what came, how, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select, union

from app.auth.models import User
from app.kit.db import session
from app.kit.outbox import OutboxRow, is_open, is_parked
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.payments.errors import NoSuchEvent
from app.payments.models import (
    AccountKind,
    CameBy,
    InboundEvent,
    InboundHandling,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    Outcome,
    Payment,
    PaymentState,
)


class HandlingState(StrEnum):
    """How a handling of an event stands."""

    NOTHING = "nothing"
    KNOWN = "known"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"  # tried, in vain up to now; after the last try it waits for a person


@dataclass(frozen=True)
class Handling:
    """One handling. `listener` is who acts on the event; `done_at` is gone a week later."""

    at: datetime
    by_name: str | None
    state: HandlingState
    listener: str | None
    attempts: int
    done_at: datetime | None
    error: str | None
    is_given_up: bool


@dataclass(frozen=True)
class Event:
    """An event; `state` is that of its last handling, None where that was not kept."""

    id: UUID
    event_id: str
    event_type: str
    came_by: CameBy
    received_at: datetime
    resource_id: str | None
    reference: UUID | None
    state: HandlingState | None


@dataclass(frozen=True)
class Booked:
    """A movement of the ledger that came of a payment; what it did to PayPal's cash."""

    kind: Movement
    at: datetime
    cash_minor: int


@dataclass(frozen=True)
class PaymentNow:
    """A payment as it stands now. Amounts are minor units of `currency`."""

    state: PaymentState
    amount_minor: int
    fee_minor: int | None
    currency: str
    paypal_order_id: str | None
    paypal_capture_id: str | None
    booked: list[Booked]


@dataclass(frozen=True)
class Story:
    """All there is to tell of an event."""

    event: Event
    body: dict[str, Any]
    handlings: list[Handling]
    payment: PaymentNow | None


_EVERY = select(
    InboundEvent.id,
    InboundEvent.event_id,
    InboundEvent.event_type,
    InboundEvent.came_by,
    InboundEvent.received_at,
    InboundEvent.resource_id,
    InboundEvent.reference,
)


def events(
    *,
    event_type: str = "",
    words: str = "",
    unfinished: bool = False,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[Event]:
    """A page of events, the newest first; Invalid for a broken cursor.

    `words` is an id of PayPal's, of an event or what it is about, or that of an order of ours;
    `unfinished` leaves those whose handling is not done.
    """
    every = _EVERY.where(*_conditions(event_type, words.strip(), unfinished=unfinished))
    query = every
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(InboundEvent.id < last)
    rows = session().execute(query.order_by(InboundEvent.id.desc()).limit(size + 1)).all()
    handlings = _handlings([row.id for row in rows])
    found = [_event(row, handlings.get(row.id, [])) for row in rows]
    page = cut(found, size, lambda event: (event.id,))
    return with_total(page, every, after) if counted else page


def story_of(event_id: UUID) -> Story:
    """An event with what became of it. Raises NoSuchEvent."""
    row = (
        session()
        .execute(_EVERY.add_columns(InboundEvent.body).where(InboundEvent.id == event_id))
        .one_or_none()
    )
    if row is None:
        raise NoSuchEvent
    handlings = _handlings([event_id]).get(event_id, [])
    payment = _payment_now(row.reference) if row.reference else None
    return Story(_event(row, handlings), row.body, handlings, payment)


def _conditions(event_type: str, words: str, *, unfinished: bool) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if event_type:
        conditions.append(InboundEvent.event_type == event_type)
    if words:
        about = select(Payment.reference).where(
            or_(Payment.paypal_order_id == words, Payment.paypal_capture_id == words)
        )
        named = [
            select(InboundEvent.id).where(InboundEvent.event_id == words),
            select(InboundEvent.id).where(InboundEvent.resource_id == words),
            select(InboundEvent.id).where(InboundEvent.reference.in_(about)),
        ]
        if (reference := _uuid(words)) is not None:
            named.append(select(InboundEvent.id).where(InboundEvent.reference == reference))
        conditions.append(InboundEvent.id.in_(union(*named)))
    if unfinished:
        rows = (select(OutboxRow.id).where(is_so) for is_so in (is_open(), is_parked()))
        of_those = select(InboundHandling.inbound_id).where(
            InboundHandling.outbox_id.in_(union(*rows))
        )
        conditions.append(InboundEvent.id.in_(of_those))
    return conditions


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _event(row: Any, handlings: Sequence[Handling]) -> Event:
    last = [one for one in handlings if one.at == handlings[0].at]
    states = {one.state for one in last}
    state = next((one for one in _WORST_FIRST if one in states), None)
    return Event(
        row.id,
        row.event_id,
        row.event_type,
        row.came_by,
        row.received_at,
        row.resource_id,
        row.reference,
        state,
    )


_WORST_FIRST = (
    HandlingState.FAILED,
    HandlingState.WAITING,
    HandlingState.DONE,
    HandlingState.KNOWN,
    HandlingState.NOTHING,
)


def _handlings(event_ids: Sequence[UUID]) -> dict[UUID, list[Handling]]:
    """The handlings of each event, the newest first."""
    rows = session().execute(
        select(
            InboundHandling.inbound_id,
            InboundHandling.at,
            InboundHandling.outcome,
            User.display_name,
            OutboxRow.id.label("row_id"),
            OutboxRow.listener,
            OutboxRow.attempts,
            OutboxRow.done_at,
            OutboxRow.parked_at,
            OutboxRow.last_error,
        )
        .outerjoin(OutboxRow, OutboxRow.id == InboundHandling.outbox_id)
        .outerjoin(User, User.id == InboundHandling.by_id)
        .where(InboundHandling.inbound_id.in_(event_ids))
        .order_by(InboundHandling.id.desc())
    )
    found: dict[UUID, list[Handling]] = {}
    for row in rows:
        found.setdefault(row.inbound_id, []).append(
            Handling(
                at=row.at,
                by_name=row.display_name,
                state=_state(row),
                listener=row.listener,
                attempts=row.attempts or 0,
                done_at=row.done_at,
                error=row.last_error if row.done_at is None else None,
                is_given_up=row.parked_at is not None and row.done_at is None,
            )
        )
    return found


def _state(row: Any) -> HandlingState:
    if row.outcome is not Outcome.HANDED_ON:
        return HandlingState(row.outcome)
    if row.row_id is None or row.done_at is not None:  # what is done is forgotten after a week
        return HandlingState.DONE
    return HandlingState.FAILED if row.last_error or row.parked_at else HandlingState.WAITING


def _payment_now(reference: UUID) -> PaymentNow | None:
    payment = session().scalar(select(Payment).where(Payment.reference == reference))
    if payment is None:
        return None
    return PaymentNow(
        payment.state,
        payment.amount_minor,
        payment.fee_minor,
        payment.currency,
        payment.paypal_order_id,
        payment.paypal_capture_id,
        [Booked(row.kind, row.created_at, row.cash) for row in session().execute(_booked(payment))],
    )


def _booked(payment: Payment) -> Select[*tuple[Any, ...]]:
    cash = func.coalesce(
        func.sum(LedgerEntry.amount_minor).filter(LedgerAccount.kind == AccountKind.PAYPAL_CASH), 0
    )
    return (
        select(LedgerTransaction.kind, LedgerTransaction.created_at, cash.label("cash"))
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(
            LedgerTransaction.kind.in_([Movement.SALE, Movement.FEE]),
            LedgerTransaction.reference == payment.id,
        )
        .group_by(LedgerTransaction.id)
        .order_by(LedgerTransaction.id)
    )
