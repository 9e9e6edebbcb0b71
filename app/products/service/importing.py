"""Kept stock is looked through, then taken in all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.exc import IntegrityError

from app.kit.crypto import Sealed
from app.kit.db import Array, end_read, in_transaction, session, transactional, violated
from app.kit.ids import new_id
from app.products.errors import (
    NotAllNew,
    NothingNew,
    TakenMeanwhile,
    UploadGone,
)
from app.products.models import Product, StockBatch, StockUpload
from app.products.queries.cards import own_card
from app.products.service import layouts, reading, sealing
from app.products.service.checking import Findings, Verdict, chunks, look_through
from app.products.service.layouts import Layout, Parts
from app.products.service.low_stock import note_restocked
from app.products.service.reading import Reading
from app.products.service.stock import tell_change
from app.products.service.uploads import hold_product, load, own_upload, stocked

PREVIEWED = 3  # units of which the seller is shown the ends of each line

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
    layout: Layout
    columns: list[str]
    encoding: str
    preview: list[list[str]]
    units_by_parts: dict[Parts, int]

    @property
    def is_open(self) -> bool:
        """Whether the seller must say first which columns make a unit."""
        return layouts.is_open(self.layout)

    @property
    def new(self) -> int:
        """How many lines would be taken in."""
        return self.findings[Verdict.NEW].count

    @property
    def all_new(self) -> bool:
        """Whether every line would be."""
        return self.new == self.lines > 0


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


def dry_run(*, upload_id: UUID, product_id: UUID, seller_id: UUID) -> DryRun:
    """Look through the kept lines; changes nothing. UploadGone, StockUnreadable."""
    upload = load(upload_id, product_id, seller_id)
    product = own_card(product_id=product_id, seller_id=seller_id)
    kept = upload.kept
    rows = reading.rows_of(kept.text)
    lines = (
        Reading([], [], layouts.has_heading(rows, kept.layout))
        if layouts.is_open(kept.layout)
        else reading.read(kept.text, kind=product.kind, layout=kept.layout)
    )
    _, findings = look_through(lines, seller_id)
    return DryRun(
        upload_id=upload_id,
        source=upload.source,
        lines=len(lines.lines) + len(lines.faulty),
        heading=lines.heading,
        expires_at=upload.expires_at,
        findings=findings,
        layout=kept.layout,
        columns=layouts.columns_of(rows, replace(kept.layout, parts=Parts.TABLE)),
        encoding=kept.encoding,
        preview=[
            [reading.hint(part) for part in line.value.split("\n")]
            for line in lines.lines[:PREVIEWED]
        ],
        units_by_parts={
            parts: sum(
                1 for _, value in layouts.units(rows, Layout(parts)) if (value or "").strip()
            )
            for parts in (Parts.LINE, Parts.BLANK, Parts.DASHES)
        },
    )


def take_in(*, upload_id: UUID, product_id: UUID, seller_id: UUID, only_new: bool = False) -> Taken:
    """Make the kept lines units on sale: all of them, or all that are new, or none.

    A second call for the same upload answers as the first. NotAllNew unless every line is new or
    `only_new`; ColumnsUnclear; NothingNew; TakenMeanwhile when another import was quicker;
    UploadGone; NotStocked.
    """
    try:
        return _try_to_take_in(upload_id, product_id, seller_id, only_new=only_new)
    except (NotAllNew, NothingNew, TakenMeanwhile, UploadGone):
        done = _taken(upload_id, product_id, seller_id)
        if done is None:
            raise
        return done


def _try_to_take_in(upload_id: UUID, product_id: UUID, seller_id: UUID, *, only_new: bool) -> Taken:
    product = stocked(product_id, seller_id)
    upload = load(upload_id, product_id, seller_id)
    lines = reading.read(upload.kept.text, kind=product.kind, layout=upload.kept.layout)
    new, _findings = look_through(lines, seller_id)
    if not new:
        raise NothingNew
    if len(new) < len(lines.lines) + len(lines.faulty) and not only_new:
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
    hold_product(product_id, seller_id)
    waiting = session().execute(
        delete(StockUpload)
        .where(*own_upload(upload_id, product_id, seller_id))
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
    note_restocked(product_id=product_id)
    tell_change(product_id)
    return Taken(upload_id, len(units))


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
