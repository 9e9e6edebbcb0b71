"""Short words for what the stock's tests do again and again."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text

from app.extensions import db
from app.kit.db import db_now
from app.kit.ids import new_id
from app.products.models import Product, StockItem, UnitState
from app.products.service import importing, stock, uploads
from app.products.service.checking import Verdict
from app.products.service.importing import DryRun, Taken


def soon() -> datetime:
    """Quarter of an hour from now, by the database's clock."""
    return db_now() + timedelta(minutes=15)


def reserve(product: Product, quantity: int = 1, holder: UUID | None = None) -> list[UUID]:
    """Reserve units for a holder."""
    return stock.reserve(
        product_id=product.id, quantity=quantity, holder=holder or new_id(), until=soon()
    )


def sell(product: Product, quantity: int = 1) -> list[UUID]:
    """Reserve units and sell them."""
    holder = new_id()
    reserve(product, quantity, holder)
    return stock.sell(holder=holder, quantity=quantity)


def keep(product: Product, content: str | bytes | Iterable[str], **more: object) -> UUID:
    """Send lines, up to the check."""
    if not isinstance(content, str | bytes):
        content = "\n".join(content)
    return uploads.keep(product_id=product.id, seller_id=product.seller_id, content=content, **more)


def check(product: Product, upload_id: UUID) -> DryRun:
    """The dry run's answer."""
    return importing.dry_run(
        upload_id=upload_id, product_id=product.id, seller_id=product.seller_id
    )


def take_in(product: Product, upload_id: UUID, *, only_new: bool = False) -> Taken:
    """Take the kept lines in."""
    return importing.take_in(
        upload_id=upload_id,
        product_id=product.id,
        seller_id=product.seller_id,
        only_new=only_new,
    )


def stock_up(product: Product, content: str | Iterable[str]) -> UUID:
    """Send lines and take them in; the batch's id."""
    return take_in(product, keep(product, content)).batch_id


def lines_of(run: DryRun, verdict: Verdict) -> list[int]:
    """The numbers of the lines that got this verdict."""
    return [finding.line for finding in run.findings[verdict].shown]


def state_of(unit_id: UUID) -> UnitState:
    """Where a unit stands, as committed."""
    db.session.rollback()
    return db.session.execute(select(StockItem.state).where(StockItem.id == unit_id)).scalar_one()


def opened_units(unit_ids: Sequence[UUID]) -> list[str]:
    """The clear texts of units, in the order of their ids given."""
    opened = stock.open_units(unit_ids=unit_ids)
    return [opened[unit_id] for unit_id in unit_ids]


def values_of(product: Product) -> list[str]:
    """The clear text of all units of the product, oldest first."""
    ids = db.session.scalars(
        select(StockItem.id).where(StockItem.product_id == product.id).order_by(StockItem.id)
    ).all()
    return opened_units(ids)


def wait_for_waiting_statement() -> None:
    """Wait until some statement waits for another's lock."""
    deadline = time.monotonic() + 10
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not db.session.execute(waiting).scalar_one():
        db.session.rollback()
        assert time.monotonic() < deadline, "nobody waits for the lock"
        time.sleep(0.01)
    db.session.rollback()
