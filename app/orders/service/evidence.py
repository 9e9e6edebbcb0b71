"""The record of what happened to each delivery: append-only, each row bound to the one before.

A row's hash is SHA-256 over its fields and the hash of the order's previous row, and the order
keeps how many rows there are and the last one's hash. So no row can be changed, dropped or inserted
unseen, be it the first, one between or the last: whoever does that has to write every later row and
the order anew.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Row, Select, select

from app.kit.db import db_now, session, transactional
from app.orders.models import DeliveryAct, DeliveryRecord, Order

GENESIS = bytes(32)
ORDERS_AT_ONCE = 500


@transactional
def append(
    *,
    order: Order,
    delivery_ids: Sequence[UUID],
    act: DeliveryAct,
    actor_id: UUID | None = None,
    address: str | None = None,
    agent: str = "",
) -> datetime:
    """Record `act` for each delivery of an order that the caller has locked; when that was."""
    now = db_now()
    for delivery_id in delivery_ids:
        row = DeliveryRecord(
            order_id=order.id,
            sequence=order.evidence_count + 1,
            delivery_id=delivery_id,
            act=act,
            actor_id=actor_id,
            address=address,
            agent=agent,
            at=now,
            previous_hash=order.evidence_hash or GENESIS,
        )
        row.hash = digest(row)
        order.evidence_count, order.evidence_hash = row.sequence, row.hash
        session().add(row)
    return now


def digest(row: DeliveryRecord) -> bytes:
    """The hash that a row must have."""
    fields = [
        str(row.order_id),
        row.sequence,
        str(row.delivery_id),
        row.act.value,
        str(row.actor_id or ""),
        str(row.address or ""),
        row.agent,
        row.at.astimezone(UTC).isoformat(),
    ]
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(row.previous_hash + text.encode()).digest()


def broken() -> Iterator[UUID]:
    """The orders whose record is not whole; read by a few hundred, however many there are."""
    last = UUID(int=0)
    while heads := session().execute(_heads().where(Order.id > last).limit(ORDERS_AT_ONCE)).all():
        yield from _broken(heads)
        last = heads[-1].id


def is_whole(order_id: UUID) -> bool:
    """Whether the record of one order is whole."""
    heads = session().execute(_heads().where(Order.id == order_id)).all()
    return not list(_broken(heads))


def _heads() -> Select[UUID, int, bytes | None]:
    return select(Order.id, Order.evidence_count, Order.evidence_hash).order_by(Order.id)


def _broken(heads: Sequence[Row[UUID, int, bytes | None]]) -> Iterator[UUID]:
    rows = session().scalars(
        select(DeliveryRecord)
        .where(DeliveryRecord.order_id.in_([head.id for head in heads]))
        .order_by(DeliveryRecord.order_id, DeliveryRecord.sequence)
        .execution_options(populate_existing=True, yield_per=1000)
    )
    found = itertools.groupby(rows, lambda row: row.order_id)
    chains = {order_id: _end_of(chain) for order_id, chain in found}
    for head in heads:
        if chains.get(head.id, (0, None)) != (head.evidence_count, head.evidence_hash):
            yield head.id


def _end_of(chain: Iterable[DeliveryRecord]) -> tuple[int, bytes] | None:
    """How many rows there are and the last one's hash; None if they don't follow each other."""
    previous, expected = GENESIS, 1
    for row in chain:
        if row.sequence != expected or row.previous_hash != previous or row.hash != digest(row):
            return None
        previous, expected = row.hash, expected + 1
    return expected - 1, previous
