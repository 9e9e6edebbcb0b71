"""Stock is taken in: read and kept sealed, looked through, then taken in all or nothing.

Between the look and the taking in the lines wait as one sealed row, never in clear text, for an
hour at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, delete, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from app.kit.crypto import Sealed, UnsealError
from app.kit.db import Array, end_read, in_transaction, session, transactional, violated
from app.kit.ids import new_id
from app.products.errors import (
    NotAllNew,
    NothingNew,
    NotStocked,
    StockUnreadable,
    TakenMeanwhile,
    UploadGone,
)
from app.products.models import Kind, Product, StockBatch, StockUpload
from app.products.queries.cards import ProductCard, own_card
from app.products.service import reading, sealing
from app.products.service.checking import Findings, Verdict, chunks, look_through
from app.products.service.reading import Reading
from app.products.service.stock import tell_change

KEPT = timedelta(hours=1)
MAX_SOURCE = 120
IMPORT_LIMIT = "60/hour"  # of one seller

_READING = TypeAdapter(Reading)
_FINGERPRINT = "uq_stock_item_fingerprint"

TAKE_IN = text(
    """
    INSERT INTO stock_item (id, product_id, batch_id, sealed, key_version, fingerprint, state)
    SELECT unit.id, :product_id, :batch_id, unit.sealed, unit.key_version, unit.fingerprint, 'free'
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:sealed AS bytea[]),
        CAST(:key_versions AS integer[]), CAST(:fingerprints AS bytea[])
    ) AS unit (id, sealed, key_version, fingerprint)
    """
)


@dataclass(frozen=True)
class DryRun:
    """What taking in an upload would come to, as things are now."""

    upload_id: UUID
    source: str
    lines: int
    heading: bool
    expires_at: datetime
    findings: dict[Verdict, Findings]

    @property
    def new(self) -> int:
        """How many lines would be taken in."""
        return self.findings[Verdict.NEW].count

    @property
    def all_new(self) -> bool:
        """Whether every line would be."""
        return self.new == self.lines


@dataclass(frozen=True)
class Taken:
    """A batch that was added to stock."""

    batch_id: UUID
    units: int


@dataclass(frozen=True)
class _Unit:
    """A unit ready to be stored."""

    id: UUID
    sealed: Sealed = field(repr=False)
    fingerprint: bytes


@dataclass(frozen=True)
class _Upload:
    source: str
    lines: int
    expires_at: datetime
    reading: Reading = field(repr=False)


def keep(
    *,
    product_id: UUID,
    seller_id: UUID,
    content: str | bytes,
    source: str = "",
    is_csv: bool = False,
) -> UUID:
    """Read pasted text or an uploaded file and keep its lines sealed; returns the upload's id.

    What the product's seller had waiting before is dropped. Raises NoSuchProduct, NotStocked,
    UnreadableStock, TooMuchStock.
    """
    product = _stocked(product_id, seller_id)
    clear = content if isinstance(content, str) else reading.decode(content)
    result = reading.read(clear, kind=product.kind, is_csv=is_csv)
    upload_id = new_id()
    sealed = sealing.seal(
        _READING.dump_json(result).decode(), product_id=product_id, item_id=upload_id
    )
    _keep(
        product_id,
        seller_id,
        product.kind,
        {
            "id": upload_id,
            "source": _clean_source(source),
            "lines": len(result.lines) + len(result.faulty),
            "sealed": sealed.data,
            "key_version": sealed.key_version,
        },
    )
    return upload_id


def _stocked(product_id: UUID, seller_id: UUID) -> ProductCard:
    product = own_card(product_id=product_id, seller_id=seller_id)
    if product.removed or product.shared:
        raise NotStocked
    return product


def _hold_product(product_id: UUID, seller_id: UUID, kind: Kind | None = None) -> None:
    """Keep the product as it is until the commit; NotStocked if it became another one meanwhile.

    Its seller's changes lock the row for update and wait; a sale, which only counts, does not.
    """
    session().execute(
        select(Product.id)
        .where(Product.id == product_id)
        .with_for_update(read=True, key_share=True)
    )
    product = _stocked(product_id, seller_id)
    if kind is not None and product.kind is not kind:
        raise NotStocked


def _clean_source(source: str) -> str:
    return "".join(char for char in source if char.isprintable()).strip()[:MAX_SOURCE]


@transactional
def _keep(product_id: UUID, seller_id: UUID, kind: Kind, values: dict[str, Any]) -> None:
    _hold_product(product_id, seller_id, kind)
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


def dry_run(*, upload_id: UUID, product_id: UUID, seller_id: UUID) -> DryRun:
    """Look through the kept lines; changes nothing. UploadGone, StockUnreadable."""
    upload = _load(upload_id, product_id, seller_id)
    _, findings = look_through(upload.reading, seller_id)
    return DryRun(
        upload_id=upload_id,
        source=upload.source,
        lines=upload.lines,
        heading=upload.reading.heading,
        expires_at=upload.expires_at,
        findings=findings,
    )


def take_in(*, upload_id: UUID, product_id: UUID, seller_id: UUID, only_new: bool = False) -> Taken:
    """Make the kept lines units on sale: all of them, or all that are new, or none.

    A second call for the same upload answers as the first. NotAllNew unless every line is new or
    `only_new`; NothingNew; TakenMeanwhile when another import was quicker; UploadGone; NotStocked.
    """
    try:
        return _try_to_take_in(upload_id, product_id, seller_id, only_new=only_new)
    except (NotAllNew, NothingNew, TakenMeanwhile, UploadGone):
        done = _taken(upload_id, product_id, seller_id)
        if done is None:
            raise
        return done


def _try_to_take_in(upload_id: UUID, product_id: UUID, seller_id: UUID, *, only_new: bool) -> Taken:
    _stocked(product_id, seller_id)
    upload = _load(upload_id, product_id, seller_id)
    new, _findings = look_through(upload.reading, seller_id)
    if not new:
        raise NothingNew
    if len(new) < upload.lines and not only_new:
        raise NotAllNew
    if not in_transaction():
        end_read()  # sealing takes its time
    units = [_seal_unit(value, fingerprint, product_id) for value, fingerprint in new]
    try:
        return _store(
            upload_id=upload_id,
            product_id=product_id,
            seller_id=seller_id,
            source=upload.source,
            units=units,
        )
    except IntegrityError as error:
        if violated(error) == _FINGERPRINT:
            raise TakenMeanwhile from None
        raise


def _seal_unit(value: str, fingerprint: bytes, product_id: UUID) -> _Unit:
    unit_id = new_id()
    return _Unit(unit_id, sealing.seal(value, product_id=product_id, item_id=unit_id), fingerprint)


@transactional
def _store(
    *, upload_id: UUID, product_id: UUID, seller_id: UUID, source: str, units: Sequence[_Unit]
) -> Taken:
    """Insert the batch; the upload's row is the lock that two clicks meet at."""
    _hold_product(product_id, seller_id)
    waiting = session().execute(
        delete(StockUpload)
        .where(*_own_upload(upload_id, product_id, seller_id))
        .returning(StockUpload.id)
    )
    if waiting.one_or_none() is None:
        raise UploadGone
    session().add(StockBatch(id=upload_id, product_id=product_id, source=source, taken=len(units)))
    session().flush()
    # In one order for everybody, so that two imports of the same values can't wait for each other.
    for chunk in chunks(sorted(units, key=lambda unit: unit.fingerprint)):
        session().execute(
            TAKE_IN,
            {
                "product_id": product_id,
                "batch_id": upload_id,
                "ids": Array(unit.id for unit in chunk),
                "sealed": Array(unit.sealed.data for unit in chunk),
                "key_versions": Array(unit.sealed.key_version for unit in chunk),
                "fingerprints": Array(unit.fingerprint for unit in chunk),
            },
        )
    tell_change(product_id)
    return Taken(upload_id, len(units))


@transactional
def cancel(*, upload_id: UUID, product_id: UUID, seller_id: UUID) -> None:
    """Drop the kept lines; no matter if they are gone already."""
    session().execute(delete(StockUpload).where(*_own_upload(upload_id, product_id, seller_id)))


@transactional
def drop_expired() -> int:
    """Drop kept lines whose hour is over; returns how many uploads."""
    dropped = session().execute(
        delete(StockUpload)
        .where(StockUpload.expires_at <= func.clock_timestamp())
        .returning(StockUpload.id)
    )
    return len(dropped.all())


def _own_upload(
    upload_id: UUID, product_id: UUID, seller_id: UUID
) -> tuple[ColumnElement[bool], ...]:
    return (
        StockUpload.id == upload_id,
        StockUpload.product_id == product_id,
        StockUpload.seller_id == seller_id,
    )


def _load(upload_id: UUID, product_id: UUID, seller_id: UUID) -> _Upload:
    row = (
        session()
        .execute(
            select(
                StockUpload.source,
                StockUpload.lines,
                StockUpload.sealed,
                StockUpload.key_version,
                StockUpload.expires_at,
            ).where(
                *_own_upload(upload_id, product_id, seller_id),
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
    return _Upload(row.source, row.lines, row.expires_at, _READING.validate_json(clear))


def _taken(upload_id: UUID, product_id: UUID, seller_id: UUID) -> Taken | None:
    row = (
        session()
        .execute(
            select(StockBatch.id, StockBatch.taken)
            .join(Product, Product.id == StockBatch.product_id)
            .where(
                StockBatch.id == upload_id,
                StockBatch.product_id == product_id,
                Product.seller_id == seller_id,
            )
        )
        .one_or_none()
    )
    return Taken(row.id, row.taken) if row else None
