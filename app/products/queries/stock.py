"""Stock as it is read: counts, batches, units. Never the clear text of a unit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, tuple_

from app.kit.db import session
from app.kit.paging import PAGE_SIZE, Moment, Page, count_of, cut, decode_cursor, with_total
from app.products.errors import NoSuchUnit
from app.products.models import Product, StockBatch, StockItem, UnitState
from app.products.queries.cards import units_of

TAG_BYTES = 3
UNDO_FOR = timedelta(hours=1)  # so long an import can be taken back


@dataclass(frozen=True)
class Counts:
    """Stock by state, in the order of UnitState; each at most one more than MOST_COUNTED."""

    free: int = 0
    reserved: int = 0
    sold: int = 0
    withdrawn: int = 0


@dataclass(frozen=True)
class BatchRow:
    """A batch and where its units stand now."""

    id: UUID
    source: str
    taken: int
    created_at: datetime
    counts: Counts
    undoable: bool


@dataclass(frozen=True)
class UnitRow:
    """A unit in its seller's list; `tag` stands for its text."""

    id: UUID
    tag: str
    state: UnitState
    taken_at: datetime
    reserved_until: datetime | None
    sold_at: datetime | None


def tag_of(fingerprint: bytes) -> str:
    """The short name of a unit in its seller's lists, from its fingerprint: `A1B2C3`."""
    return fingerprint[:TAG_BYTES].hex().upper()


def counts(product_id: UUID) -> Counts:
    """How many units of the product stand where, at this moment."""
    states = [units_of(state).label(state.value) for state in UnitState]
    row = session().execute(select(*states).where(Product.id == product_id)).one()
    return Counts(**row._asdict())


def batches(product_id: UUID, *, after: str | None = None, size: int = PAGE_SIZE) -> Page[BatchRow]:
    """The product's batches, newest first; Invalid for a bad cursor."""
    statement = (
        select(StockBatch, StockBatch.created_at > func.clock_timestamp() - UNDO_FOR)
        .where(StockBatch.product_id == product_id)
        .order_by(StockBatch.created_at.desc(), StockBatch.id.desc())
        .limit(size + 1)
    )
    if after:
        statement = statement.where(
            tuple_(StockBatch.created_at, StockBatch.id)
            < tuple_(*decode_cursor(after, tuple[Moment, UUID]))
        )
    page = cut(
        session().execute(statement).all(),
        size,
        lambda row: (row[0].created_at, row[0].id),
    )
    standing = _standing([batch.id for batch, _undoable in page.items])
    items = [
        BatchRow(
            batch.id,
            batch.source,
            batch.taken,
            batch.created_at,
            standing[batch.id],
            undoable,
        )
        for batch, undoable in page.items
    ]
    return Page(items, page.next_cursor)


def _standing(batch_ids: Sequence[UUID]) -> dict[UUID, Counts]:
    states = [
        count_of(
            select(StockItem.id)
            .where(StockItem.batch_id == StockBatch.id, StockItem.state == state)
            .correlate(StockBatch)
        )
        for state in UnitState
    ]
    rows = session().execute(select(StockBatch.id, *states).where(StockBatch.id.in_(batch_ids)))
    return {batch_id: Counts(*counted) for batch_id, *counted in rows}


def _unit_columns() -> Select[Any]:
    return select(
        StockItem.id,
        func.substring(StockItem.fingerprint, 1, TAG_BYTES).label("fingerprint"),
        StockItem.state,
        StockBatch.created_at,
        StockItem.reserved_until,
        StockItem.sold_at,
    ).join(StockBatch, StockBatch.id == StockItem.batch_id)


def _unit_row(row: Row[Any]) -> UnitRow:
    return UnitRow(
        row.id, tag_of(row.fingerprint), row.state, row.created_at, row.reserved_until, row.sold_at
    )


def unit(product_id: UUID, unit_id: UUID) -> UnitRow:
    """One unit of the product; NoSuchUnit if it has none of this id."""
    row = (
        session()
        .execute(_unit_columns().where(StockItem.product_id == product_id, StockItem.id == unit_id))
        .one_or_none()
    )
    if row is None:
        raise NoSuchUnit
    return _unit_row(row)


def units(
    product_id: UUID,
    *,
    state: UnitState,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[UnitRow]:
    """The product's units in one state, newest first; Invalid for a bad cursor."""
    every = _unit_columns().where(StockItem.product_id == product_id, StockItem.state == state)
    query = every
    if after:
        (last,) = decode_cursor(after, tuple[UUID])
        query = query.where(StockItem.id < last)
    rows = session().execute(query.order_by(StockItem.id.desc()).limit(size + 1)).all()
    page = cut(rows, size, lambda row: (row.id,))
    shown = Page([_unit_row(row) for row in page.items], page.next_cursor)
    return with_total(shown, every, after) if counted else shown


def known_units(fingerprints: Collection[bytes]) -> set[bytes]:
    """Which of these are fingerprints of units that somebody stocks, or has bought."""
    if not fingerprints:
        return set()
    found = StockItem.fingerprint.in_(fingerprints), StockItem.state != UnitState.WITHDRAWN
    return set(session().scalars(select(StockItem.fingerprint).where(*found)))
