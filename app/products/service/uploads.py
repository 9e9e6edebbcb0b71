"""Stock that waits for its seller's word: kept sealed, read in the layout it is said to have.

Between the look and the taking in a text waits as one sealed row, never in clear, for an hour at
most.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, delete, func, insert, select, update

from app.kit.crypto import Sealed, UnsealError
from app.kit.db import session, transactional
from app.kit.ids import new_id
from app.products.errors import NotStocked, StockUnreadable, UploadGone
from app.products.models import Kind, Product, StockUpload
from app.products.queries.cards import ProductCard, own_card
from app.products.service import layouts, reading, sealing
from app.products.service.layouts import Layout

KEPT = timedelta(hours=1)
MAX_SOURCE = 120
IMPORT_LIMIT = "60/hour"  # of one seller


@dataclass(frozen=True)
class Kept:
    """What waits, sealed: the text as it came, and how it is read."""

    text: str = field(repr=False)
    layout: Layout
    encoding: str = ""


_KEPT = TypeAdapter(Kept)


@dataclass(frozen=True)
class Upload:
    """A text that waits, where it came from, and until when it is kept."""

    source: str
    expires_at: datetime
    kept: Kept = field(repr=False)


def keep(
    *,
    product_id: UUID,
    seller_id: UUID,
    content: str | bytes,
    source: str = "",
    is_table: bool = False,
    layout: Layout | None = None,
) -> UUID:
    """Read pasted text or an uploaded file and keep it sealed; returns the upload's id.

    Without a layout it gets the one that it seems to have, which `dry_run` shows and `lay_out`
    changes. What the product's seller had waiting before is dropped. Raises NoSuchProduct,
    NotStocked, UnreadableStock, TooMuchStock, and with a layout ColumnsUnclear.
    """
    product = stocked(product_id, seller_id)
    decoded = None if isinstance(content, str) else reading.decode(content)
    clear = content if isinstance(content, str) else decoded.text if decoded else ""
    rows = reading.rows_of(clear)
    if layout is None:
        found = layouts.guess(rows, is_table=is_table)
        units = 0 if layouts.is_open(found) else _count(clear, product.kind, found)
    else:
        found = layouts.complete(rows, layout)
        units = _count(clear, product.kind, found)
    upload_id = new_id()
    kept = Kept(clear, found, decoded.encoding if decoded else "")
    _keep(
        product_id,
        seller_id,
        product.kind,
        {
            "id": upload_id,
            "source": _clean_source(source),
            "lines": units,
            **_sealed(kept, product_id, upload_id),
        },
    )
    return upload_id


def _count(text: str, kind: Kind, layout: Layout) -> int:
    result = reading.read(text, kind=kind, layout=layout)
    return len(result.lines) + len(result.faulty)


def _sealed(kept: Kept, product_id: UUID, upload_id: UUID) -> dict[str, Any]:
    sealed = sealing.seal(_KEPT.dump_json(kept).decode(), product_id=product_id, item_id=upload_id)
    return {"sealed": sealed.data, "key_version": sealed.key_version}


def lay_out(*, upload_id: UUID, product_id: UUID, seller_id: UUID, layout: Layout) -> None:
    """Read the kept text in another way. As `keep`, and UploadGone; StockUnreadable."""
    product = stocked(product_id, seller_id)
    kept = load(upload_id, product_id, seller_id).kept
    layout = layouts.complete(reading.rows_of(kept.text), layout)
    units = _count(kept.text, product.kind, layout)
    values = _sealed(replace(kept, layout=layout), product_id, upload_id)
    _lay_out(upload_id, product_id, seller_id, {"lines": units, **values})


@transactional
def _lay_out(upload_id: UUID, product_id: UUID, seller_id: UUID, values: dict[str, Any]) -> None:
    changed = session().execute(
        update(StockUpload)
        .where(*own_upload(upload_id, product_id, seller_id))
        .values(**values)
        .returning(StockUpload.id)
        .execution_options(synchronize_session=False)
    )
    if changed.one_or_none() is None:
        raise UploadGone


def stocked(product_id: UUID, seller_id: UUID) -> ProductCard:
    """The seller's product; NoSuchProduct, NotStocked where it takes in no units."""
    product = own_card(product_id=product_id, seller_id=seller_id)
    if product.removed or product.shared:
        raise NotStocked
    return product


def hold_product(product_id: UUID, seller_id: UUID, kind: Kind | None = None) -> None:
    """Keep the product as it is until the commit; NotStocked if it became another one meanwhile.

    Its seller's changes lock the row for update and wait; a sale, which only counts, does not.
    """
    session().execute(
        select(Product.id)
        .where(Product.id == product_id)
        .with_for_update(read=True, key_share=True)
    )
    product = stocked(product_id, seller_id)
    if kind is not None and product.kind is not kind:
        raise NotStocked


def _clean_source(source: str) -> str:
    return "".join(char for char in source if char.isprintable()).strip()[:MAX_SOURCE]


@transactional
def _keep(product_id: UUID, seller_id: UUID, kind: Kind, values: dict[str, Any]) -> None:
    hold_product(product_id, seller_id, kind)
    session().execute(
        delete(StockUpload).where(
            StockUpload.product_id == product_id, StockUpload.seller_id == seller_id
        )
    )
    session().execute(
        insert(StockUpload).values(
            product_id=product_id,
            seller_id=seller_id,
            expires_at=func.clock_timestamp() + KEPT,
            **values,
        )
    )


@transactional
def cancel(*, upload_id: UUID, product_id: UUID, seller_id: UUID) -> None:
    """Drop the kept lines; no matter if they are gone already."""
    session().execute(delete(StockUpload).where(*own_upload(upload_id, product_id, seller_id)))


@transactional
def drop_expired() -> int:
    """Drop kept lines whose hour is over; returns how many uploads."""
    dropped = session().execute(
        delete(StockUpload)
        .where(StockUpload.expires_at <= func.statement_timestamp())
        .returning(StockUpload.id)
    )
    return len(dropped.all())


def own_upload(
    upload_id: UUID, product_id: UUID, seller_id: UUID
) -> tuple[ColumnElement[bool], ...]:
    """The condition that picks an upload, if it is this seller's for this product."""
    return (
        StockUpload.id == upload_id,
        StockUpload.product_id == product_id,
        StockUpload.seller_id == seller_id,
    )


def load(upload_id: UUID, product_id: UUID, seller_id: UUID) -> Upload:
    """What waits, in clear; UploadGone, StockUnreadable."""
    row = (
        session()
        .execute(
            select(
                StockUpload.source,
                StockUpload.sealed,
                StockUpload.key_version,
                StockUpload.expires_at,
            ).where(
                *own_upload(upload_id, product_id, seller_id),
                StockUpload.expires_at > func.clock_timestamp(),
            )
        )
        .one_or_none()
    )
    if row is None:
        raise UploadGone
    try:
        clear = sealing.unseal(
            Sealed(row.sealed, row.key_version), product_id=product_id, item_id=upload_id
        )
    except UnsealError as error:
        raise StockUnreadable from error
    return Upload(row.source, row.expires_at, _KEPT.validate_json(clear))
