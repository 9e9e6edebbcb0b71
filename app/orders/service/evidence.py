"""The record of what happened to each delivery: append-only, each row bound to the one before.

A row's hash is SHA-256 over its fields and the hash of the order's previous row, so nobody can
change, drop or insert a row without breaking every later one.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC
from uuid import UUID

from sqlalchemy import select

from app.kit.db import db_now, session, transactional
from app.orders.models import DeliveryAct, DeliveryRecord

GENESIS = bytes(32)


@transactional
def append(
    *,
    order_id: UUID,
    delivery_ids: Sequence[UUID],
    act: DeliveryAct,
    actor_id: UUID | None = None,
    address: str | None = None,
    agent: str = "",
) -> None:
    """Record `act` for each delivery. The caller holds the lock of the order's row."""
    last = (
        session()
        .execute(
            select(DeliveryRecord.sequence, DeliveryRecord.hash)
            .where(DeliveryRecord.order_id == order_id)
            .order_by(DeliveryRecord.sequence.desc())
            .limit(1)
        )
        .one_or_none()
    )
    sequence, previous = (last.sequence, last.hash) if last else (0, GENESIS)
    now = db_now()
    for delivery_id in delivery_ids:
        sequence += 1
        row = DeliveryRecord(
            order_id=order_id,
            sequence=sequence,
            delivery_id=delivery_id,
            act=act,
            actor_id=actor_id,
            address=address,
            agent=agent,
            at=now,
            previous_hash=previous,
        )
        row.hash = previous = digest(row)
        session().add(row)
    session().flush()  # a second call in this transaction reads the last row


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


def is_intact(order_id: UUID) -> bool:
    """Whether the record of an order is whole and unchanged."""
    previous, expected = GENESIS, 1
    rows = session().scalars(
        select(DeliveryRecord)
        .where(DeliveryRecord.order_id == order_id)
        .order_by(DeliveryRecord.sequence)
        .execution_options(populate_existing=True)
    )
    for row in rows:
        if row.sequence != expected or row.previous_hash != previous or row.hash != digest(row):
            return False
        previous, expected = row.hash, expected + 1
    return True
