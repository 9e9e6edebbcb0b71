"""Units of stock: claimed, given back, sold, withdrawn, opened.

A unit goes free → reserved → sold, or back to free; a free one may be withdrawn. Each move is one
statement that names the state it starts from, so whatever runs at the same time, a unit has one
holder. A reservation that ran out stays its holder's until `release` is called for it.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from app.kit import outbox
from app.kit.crypto import Sealed, UnsealError
from app.kit.db import db_now, lock, rows, session, transactional
from app.kit.live.publishing import announce
from app.products.errors import (
    NoSuchUnit,
    OutOfStock,
    StockMismatch,
    StockUnreadable,
    TooLateToUndo,
    UnitNotFree,
)
from app.products.events import StockChanged
from app.products.models import Product, SharedContent, StockBatch, StockItem, UnitState
from app.products.queries.stock import UNDO_FOR
from app.products.service import sealing

log = logging.getLogger(__name__)

# Claims never wait for each other: a row that another transaction is looking at is passed over.
# Under READ COMMITTED the locking SELECT re-checks the state of each row once it has the lock.
# https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
#
# The product is asked for as a range, for an order that the index of free units alone has: where
# most units are of one product, the planner would go by their ids, past all that are sold.
#
# Two claims for one holder come one after the other: the function waits for its turn, once, before
# any unit is looked at. Who has some already is left to the next statement; who wants to hear of it
# is asked in this one, since another would cost as much again. The number of units is written in as
# a number: with a parameter there, PostgreSQL would plan the statement anew each time.
CLAIM = """
    WITH claimable AS MATERIALIZED (
        SELECT id FROM stock_item
        WHERE product_id BETWEEN %(product_id)s AND %(product_id)s AND state = 'free'
        AND (SELECT NOT stock_held_in_turn(%(holder)s, %(product_id)s))
        ORDER BY product_id, id LIMIT {quantity}
        FOR UPDATE SKIP LOCKED
    )
    UPDATE stock_item SET state = 'reserved', holder = %(holder)s, reserved_until = %(until)s
    FROM claimable WHERE stock_item.id = claimable.id AND stock_item.state = 'free'
    RETURNING stock_item.id, {wanted_by}
    """
# For who has some, and when too few rows were unlocked, though enough are free: in turn, so that
# nobody is told "sold out" over units that the others then do not take.
CLAIM_IN_TURN = """
    WITH claimable AS MATERIALIZED (
        SELECT id FROM stock_item
        WHERE product_id BETWEEN %(product_id)s AND %(product_id)s AND state = 'free'
        ORDER BY product_id, id LIMIT {quantity}
        FOR UPDATE
    )
    UPDATE stock_item SET state = 'reserved', holder = %(holder)s, reserved_until = %(until)s
    FROM claimable WHERE stock_item.id = claimable.id AND stock_item.state = 'free'
    RETURNING stock_item.id, {wanted_by}
    """
RELEASE = text(
    """
    WITH held AS MATERIALIZED (
        SELECT id FROM stock_item
        WHERE holder = ANY(:holders) AND state = 'reserved'
        ORDER BY id
        FOR UPDATE
    )
    UPDATE stock_item SET state = 'free', holder = NULL, reserved_until = NULL
    FROM held WHERE stock_item.id = held.id
    RETURNING stock_item.product_id
    """
)


@transactional
def reserve(*, product_id: UUID, quantity: int, holder: UUID, until: datetime) -> list[UUID]:
    """Take `quantity` free units, oldest first, for `holder` up to `until` (the database's clock).

    All or none: OutOfStock with `params["left"]`. Units that the holder has already count, so
    that a second call takes nothing more. Returns the ids of all the holder has.
    """
    own: list[UUID] = []
    claimed = _claim(CLAIM, product_id, quantity, holder, until)
    if not claimed:
        own = _units_of(holder, product_id)
        wanted = quantity - len(own)
        if wanted <= 0:
            return own
        if free_now(product_id) >= wanted:
            claimed = _claim(CLAIM_IN_TURN, product_id, wanted, holder, until)
        if not claimed:
            raise OutOfStock(product_id, free_now(product_id) + len(own))
    tell_change(product_id, wanted_by=claimed[0][1])
    return sorted(own + [unit for unit, _wanted_by in claimed])


def _units_of(holder: UUID, product_id: UUID) -> list[UUID]:
    return list(
        session().scalars(
            select(StockItem.id)
            .where(StockItem.holder == holder, StockItem.product_id == product_id)
            .order_by(StockItem.id)
        )
    )


def tell_change(product_id: UUID, *, wanted_by: Collection[str] | None = None) -> None:
    """Announce that another number of units is free; open pages of the product show it.

    `wanted_by` as in `outbox.emit`.
    """
    announce(f"product:{product_id}", "stock")
    outbox.emit(StockChanged(product_id), wanted_by=wanted_by)


def _claim(
    statement: str, product_id: UUID, quantity: int, holder: UUID, until: datetime
) -> list[tuple[UUID, list[str]]]:
    """Exactly `quantity` units, each with who wants to hear of it, or none and no row locked."""
    # One unit is all or none by itself.
    savepoint = session().begin_nested() if quantity > 1 else None
    written = statement.format(quantity=int(quantity), wanted_by=outbox.wanted_by(StockChanged))
    found = rows(written, product_id=product_id, holder=holder, until=until)
    if savepoint is None or len(found) == quantity:
        if savepoint is not None:
            savepoint.commit()
        return [(unit, names) for unit, names in found]
    savepoint.rollback()
    return []


def free_now(product_id: UUID) -> int:
    """How many units of the product are free, as far as others have committed."""
    return (
        session()
        .execute(
            select(func.count())
            .select_from(StockItem)
            .where(StockItem.product_id == product_id, StockItem.state == UnitState.FREE)
        )
        .scalar_one()
    )


@transactional
def release(*, holders: Sequence[UUID]) -> int:
    """Give back what the holders have reserved (never what was sold); returns how many units."""
    freed = list(session().scalars(RELEASE, {"holders": list(holders)}))
    for product_id in sorted(set(freed)):
        tell_change(product_id)
    return len(freed)


@transactional
def extend(*, holders: Sequence[UUID], until: datetime) -> int:
    """Prolong the holders' reservations, never shorten them; returns how many units they hold."""
    extended = session().execute(
        update(StockItem)
        .where(StockItem.holder.in_(holders), StockItem.state == UnitState.RESERVED)
        .values(reserved_until=func.greatest(StockItem.reserved_until, until))
        .returning(StockItem.id)
        .execution_options(synchronize_session=False)
    )
    return len(extended.all())


@transactional
def sell(*, holder: UUID, quantity: int) -> list[UUID]:
    """Make the holder's `quantity` reserved units sold; returns their ids in order.

    Selling what is sold already gives the same ids again. StockMismatch if the holder has
    another number of units: nothing is changed then.
    """
    units = (
        session()
        .execute(
            select(StockItem.id, StockItem.state)
            .where(StockItem.holder == holder)
            .order_by(StockItem.id)
            .with_for_update()
        )
        .all()
    )
    if len(units) != quantity:
        raise StockMismatch(f"holder {holder} has {len(units)} units, not {quantity}")
    reserved = [unit.id for unit in units if unit.state is UnitState.RESERVED]
    if reserved:
        session().execute(
            update(StockItem)
            .where(StockItem.id.in_(reserved))
            .values(state=UnitState.SOLD, sold_at=func.clock_timestamp(), reserved_until=None)
            .execution_options(synchronize_session=False)
        )
    return [unit.id for unit in units]


@transactional
def take_back(*, unit_ids: Collection[UUID]) -> None:
    """Put sold units, which nobody has opened, on sale again."""
    _take_back(StockItem.id.in_(unit_ids))


@transactional
def take_back_from(*, holder: UUID, quantity: int) -> None:
    """Put so many of a holder's units on sale again, sold or reserved, as far as it has them."""
    held = (
        select(StockItem.id).where(StockItem.holder == holder).order_by(StockItem.id.desc())
    ).limit(quantity)
    _take_back(StockItem.id.in_(held))


def _take_back(which: ColumnElement[bool]) -> None:
    freed = session().scalars(
        update(StockItem)
        .where(which, StockItem.state.in_([UnitState.SOLD, UnitState.RESERVED]))
        .values(state=UnitState.FREE, holder=None, reserved_until=None, sold_at=None)
        .returning(StockItem.product_id)
        .execution_options(synchronize_session=False)
    )
    for product_id in sorted(set(freed)):
        tell_change(product_id)


@transactional
def withdraw_unit(*, seller_id: UUID, product_id: UUID, unit_id: UUID) -> None:
    """Take a free unit off sale for good; nothing more to do if it is.

    NoSuchUnit unless the seller's product has it; UnitNotFree if it is reserved or sold.
    """
    _own_unit(seller_id, product_id, StockItem.id == unit_id)
    if _withdraw(product_id, StockItem.id == unit_id):
        return
    state = session().execute(select(StockItem.state).where(StockItem.id == unit_id)).scalar_one()
    if state is not UnitState.WITHDRAWN:
        raise UnitNotFree


@transactional
def withdraw_batch(*, seller_id: UUID, product_id: UUID, batch_id: UUID) -> int:
    """Take all free units of a batch off sale for good; returns how many there were.

    NoSuchUnit unless the batch is one of the seller's product.
    """
    _own_unit(seller_id, product_id, StockItem.batch_id == batch_id)
    return _withdraw(product_id, StockItem.batch_id == batch_id)


@transactional
def undo_import(*, seller_id: UUID, product_id: UUID, batch_id: UUID) -> int:
    """Take back an import of the last hour: its free units, as if they had never come in.

    Returns how many. What is reserved, sold or withdrawn stays; a batch that is left with nothing
    goes, too. Of a batch with a unit that was sold and given back, the free ones are withdrawn: its
    delivery still names it. NoSuchUnit unless the batch is one of the seller's product;
    TooLateToUndo.
    """
    batch = lock(StockBatch, batch_id)
    owner = session().execute(select(Product.seller_id).where(Product.id == product_id)).scalar()
    if batch is None or batch.product_id != product_id or owner != seller_id:
        raise NoSuchUnit
    if batch.created_at <= db_now() - UNDO_FOR:
        raise TooLateToUndo
    free = list(
        session().scalars(
            select(StockItem.id)
            .where(StockItem.batch_id == batch_id, StockItem.state == UnitState.FREE)
            .order_by(StockItem.id)
            .with_for_update()
        )
    )
    if free:
        try:
            with session().begin_nested():
                session().execute(
                    delete(StockItem)
                    .where(StockItem.batch_id == batch_id, StockItem.id.in_(free))
                    .execution_options(synchronize_session=False)
                )
        except IntegrityError:
            return _withdraw(product_id, StockItem.id.in_(free))
        tell_change(product_id)
    batch.taken -= len(free)
    if not batch.taken:
        session().delete(batch)
    return len(free)


def _own_unit(seller_id: UUID, product_id: UUID, which: ColumnElement[bool]) -> None:
    found = (
        session()
        .execute(
            select(StockItem.id)
            .join(Product, Product.id == StockItem.product_id)
            .where(Product.seller_id == seller_id, StockItem.product_id == product_id, which)
            .limit(1)
        )
        .first()
    )
    if found is None:
        raise NoSuchUnit


def _withdraw(product_id: UUID, which: ColumnElement[bool]) -> int:
    free = (
        select(StockItem.id)
        .where(StockItem.product_id == product_id, StockItem.state == UnitState.FREE, which)
        .order_by(StockItem.id)
        .with_for_update()
        .cte("free")
    )
    withdrawn = (
        session()
        .execute(
            update(StockItem)
            .where(StockItem.id == free.c.id, StockItem.state == UnitState.FREE)
            .values(state=UnitState.WITHDRAWN)
            .returning(StockItem.id)
            .execution_options(synchronize_session=False)
        )
        .all()
    )
    if withdrawn:
        tell_change(product_id)
    return len(withdrawn)


def open_units(*, unit_ids: Collection[UUID]) -> dict[UUID, str]:
    """The clear texts of units, for the person they were delivered to and nobody else; one query.

    NoSuchUnit if one of them is none; StockUnreadable if one can't be opened.
    """
    return _open_all(StockItem, unit_ids)


def open_contents(*, content_ids: Collection[UUID]) -> dict[UUID, str]:
    """The clear texts of versions of shared products' contents; otherwise as `open_units`."""
    return _open_all(SharedContent, content_ids)


def _open_all(table: type[StockItem | SharedContent], ids: Collection[UUID]) -> dict[UUID, str]:
    if not ids:
        return {}
    rows = session().execute(
        select(table.id, table.product_id, table.sealed, table.key_version).where(table.id.in_(ids))
    )
    opened = {row.id: _open(row.product_id, row.id, row.sealed, row.key_version) for row in rows}
    if opened.keys() != set(ids):
        raise NoSuchUnit
    return opened


def _open(product_id: UUID, item_id: UUID, sealed: bytes, key_version: int) -> str:
    try:
        return sealing.unseal(Sealed(sealed, key_version), product_id=product_id, item_id=item_id)
    except UnsealError as error:
        log.error("stock can't be opened", extra={"item": str(item_id)})  # noqa: TRY400 # no trace
        raise StockUnreadable from error
