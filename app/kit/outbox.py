"""The outbox: side effects are rows written with the change, done afterwards, never lost.

`emit` writes one row per listener that wants the event, in the caller's transaction. After the
commit a job is put into RQ as a nudge; the clock's sweeper nudges again whatever is still open, so
a lost queue or a killed worker costs seconds, not a delivery. Listeners may be run twice and must
bear it.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Index, Text, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit import jobs
from app.kit.db import (
    Model,
    after_commit,
    db_now,
    end_read,
    in_transaction,
    rows,
    session,
    transactional,
    undo,
)
from app.kit.events import Listener, Reach, registry
from app.kit.ids import ids_from, new_id
from app.kit.promises import promise

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
PATIENCE = timedelta(seconds=3)  # the sweeper leaves younger rows to their first nudge
MAX_ATTEMPTS = 12
# A mail server may be away for days: RFC 5321, section 4.5.4.1, gives up after four or five.
PATIENT_FOR = timedelta(days=4)
_PATIENT_ATTEMPTS = 9  # keeps tries of its own for what goes wrong once the other side is back
SWEEP_LIMIT = 500


_in_hand: ContextVar[UUID] = ContextVar("outbox_row_in_hand")


def row_in_hand() -> UUID:
    """The row that the outside listener now running is for: the same at each of its tries.

    LookupError where no such listener runs.
    """
    return _in_hand.get()


_noting: ContextVar[list[UUID] | None] = ContextVar("outbox_rows_noted", default=None)


@contextmanager
def noting() -> Iterator[list[UUID]]:
    """Note the rows that are written for what is announced in here."""
    rows_noted: list[UUID] = []
    token = _noting.set(rows_noted)
    try:
        yield rows_noted
    finally:
        _noting.reset(token)


class TryLater(Exception):
    """A listener's word that what it needs is away: no fault of the event, so it may take days."""


class OutboxRow(Model):
    """One listener's share of one event. Done rows stay for a week as a record."""

    __tablename__ = "outbox"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    listener: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    available_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    parked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_error: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        Index(
            "ix_outbox_open",
            "available_at",
            postgresql_where="done_at IS NULL AND parked_at IS NULL",
        ),
        Index(
            "ix_outbox_parked", "id", postgresql_where="parked_at IS NOT NULL AND done_at IS NULL"
        ),
    )


def is_open() -> ColumnElement[bool]:
    """Whether a row is to be done, or tried again."""
    return and_(OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None))


def is_parked() -> ColumnElement[bool]:
    """Whether a row was tried in vain for the last time, and waits for a person."""
    return and_(OutboxRow.parked_at.is_not(None), OutboxRow.done_at.is_(None))


def wanted_by(event: type[object]) -> str:
    """SQL for the names of the listeners that want such an event, as far as they are asked.

    For the statement that brings the event about, to hand what it says to `emit`. The event's
    fields stand in it as `%(name)s`.
    """
    return registry().wanted_by.get(event) or "ARRAY[]::text[]"


def emit(event: object, *, wanted_by: Collection[str] | None = None) -> None:
    """Announce `event` to those of its listeners that want it, within the transaction now open.

    `wanted_by` are those of the listeners to be asked that do, where a statement before has asked
    them; the SQL of that is what the function `wanted_by` gives.
    """
    if not in_transaction():
        raise RuntimeError("events are announced inside a transaction")
    table = registry()
    if wanted_by is None and (question := table.wanted_by.get(type(event))):
        [(wanted_by,)] = rows(f"SELECT {question}", **vars(event))
    for listener in table.by_event.get(type(event), []):
        if listener.wanted_if is not None and listener.name not in (wanted_by or ()):
            continue
        payload = table.adapters[listener.event].dump_python(event, mode="json")
        row = OutboxRow(id=new_id(), listener=listener.name, payload=payload)
        session().add(row)
        if (noted := _noting.get()) is not None:
            noted.append(row.id)
        _nudge_after_commit(row.id, listener)


def _nudge_after_commit(row_id: UUID, listener: Listener) -> None:
    after_commit(lambda: _nudge(row_id, listener))


def _nudge(row_id: UUID, listener: Listener) -> bool:
    return jobs.enqueue(deliver, row_id, listener.name, queue=listener.queue, job_id=str(row_id))


def deliver(row_id: UUID, name: str) -> None:
    """Run the listener that a row is for, at most once at a time; RQ's entry point.

    Safe to run twice; a listener that this process does not know is left to one that does.
    """
    listener = registry().by_name.get(name)
    if listener is None:
        return
    try:
        if listener.reach is Reach.LOCAL:
            _run_local(row_id, listener)
        else:
            _run_outside(row_id, listener)
    except Exception as error:
        log.exception("listener failed", extra={"listener": listener.name, "row": str(row_id)})
        undo()  # whatever it left half done
        _back_off(
            row_id, type(error.__cause__ or error).__name__, patient=isinstance(error, TryLater)
        )


@transactional
def _run_local(row_id: UUID, listener: Listener) -> None:
    free = (
        select(OutboxRow.id)
        .where(OutboxRow.id == row_id, OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None))
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    payload = session().scalar(
        update(OutboxRow)
        .where(OutboxRow.id == free)
        .values(attempts=OutboxRow.attempts + 1, done_at=func.clock_timestamp())
        .returning(OutboxRow.payload)
        .execution_options(synchronize_session=False)
    )
    if payload is not None:
        listener.handler(_event(listener, payload))


def _event(listener: Listener, payload: dict[str, Any]) -> Any:
    return registry().adapters[listener.event].validate_python(payload)


def _run_outside(row_id: UUID, listener: Listener) -> None:
    payload = _claim(row_id)
    if payload is None:
        return
    end_read()
    token = _in_hand.set(row_id)
    try:
        listener.handler(_event(listener, payload))
    finally:
        _in_hand.reset(token)
    _mark_done(row_id)


@transactional
def _claim(row_id: UUID) -> dict[str, Any] | None:
    """Take the row for the length of a lease, if it is free and due."""
    claimed = session().execute(
        update(OutboxRow)
        .where(
            OutboxRow.id == row_id,
            OutboxRow.done_at.is_(None),
            OutboxRow.parked_at.is_(None),
            OutboxRow.available_at <= func.statement_timestamp(),
        )
        .values(available_at=func.clock_timestamp() + LEASE, attempts=OutboxRow.attempts + 1)
        .returning(OutboxRow.payload)
        .execution_options(synchronize_session=False)
    )
    return claimed.scalar_one_or_none()


@transactional
def _mark_done(row_id: UUID) -> None:
    session().execute(
        update(OutboxRow)
        .where(OutboxRow.id == row_id)
        .values(done_at=func.clock_timestamp(), last_error=None)
        .execution_options(synchronize_session=False)
    )


@transactional
def _back_off(row_id: UUID, error: str, *, patient: bool) -> None:
    """Try again later, ever later; after the last try the row is parked for a person to see.

    The tries of a `patient` row are not counted out before its days are over.
    """
    row = session().get(OutboxRow, row_id, with_for_update=True, populate_existing=True)
    if row is None or row.done_at is not None:
        return
    listener = registry().by_name[row.listener]
    if listener.reach is Reach.LOCAL:
        row.attempts += 1  # the one counted in its own transaction was rolled back with it
    row.last_error = error
    if patient and db_now() < row.created_at + PATIENT_FOR:
        row.attempts = min(row.attempts, _PATIENT_ATTEMPTS)
    if row.attempts >= MAX_ATTEMPTS:
        row.parked_at = func.clock_timestamp()
        log.error("listener parked", extra={"listener": row.listener, "row": str(row_id)})
    else:
        delay = timedelta(seconds=min(2**row.attempts, 600))
        row.available_at = func.clock_timestamp() + delay


def sweep() -> int:
    """Nudge every open row that is due and not in its queue any more; returns how many are due.

    Rows of a listener that this process does not know are left to one that does, or to the
    check of the outbox's age.
    """
    known = registry().by_name
    due = list(
        session().execute(
            select(OutboxRow.id, OutboxRow.listener)
            .where(
                OutboxRow.done_at.is_(None),
                OutboxRow.parked_at.is_(None),
                OutboxRow.listener.in_(known),
                OutboxRow.available_at <= func.statement_timestamp(),
                or_(
                    OutboxRow.attempts > 0,
                    OutboxRow.created_at <= func.statement_timestamp() - PATIENCE,
                ),
            )
            .order_by(OutboxRow.available_at)
            .limit(SWEEP_LIMIT)
        )
    )
    end_read()
    waiting = jobs.waiting([str(row_id) for row_id, _name in due])
    for row_id, name in due:
        if waiting is None or not (str(row_id) in waiting or _nudge(row_id, known[name])):
            deliver(row_id, name)  # the queue is down: the sweeper does the work itself
    return len(due)


def is_over(before: datetime) -> ColumnElement[bool]:
    """Whether a row's event is older and done; parked rows stay for a person."""
    # By the key, whose order is that of time: no index of its own, no look at younger rows.
    return and_(OutboxRow.id < ids_from(before), OutboxRow.done_at.is_not(None))


PROMISES = [
    promise(
        "no row of the outbox is older than a minute",
        """
        SELECT id FROM outbox WHERE done_at IS NULL
        AND created_at < clock_timestamp() - interval '1 minute'""",
    ),
]
