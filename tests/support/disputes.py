"""Disputes as PayPal would tell of them, without a sandbox."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.kit.db import session
from app.kit.ids import new_id
from app.kit.money import Money
from app.orders.service import disputing
from app.payments.gateway import PaypalDispute
from app.payments.models import Payment
from app.payments.models.disputes import Dispute


def told(minor: int, **changes: Any) -> PaypalDispute:
    """A claim of so many cents, opened now; PayPal waits ten days for evidence."""
    now = datetime.now(UTC)
    claim = PaypalDispute(
        id=f"PP-R-{new_id().hex[-12:]}",
        updated_at=now,
        status="WAITING_FOR_SELLER_RESPONSE",
        stage="CHARGEBACK",
        reason="MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        amount=Money(minor, "EUR"),
        capture_ids=(),
        custom_ids=(),
        outcome=None,
        refunded_minor=None,
        settled_minor=None,
        fee_minor=0,
        movements=0,
        respond_by=now + timedelta(days=10),
        takes_evidence=True,
        note="I got nothing",
        evidence_notes=(),
    )
    return replace(claim, **changes)


def decided(claim: PaypalDispute, outcome: str) -> PaypalDispute:
    """The same, decided a moment later."""
    return replace(
        claim,
        status="RESOLVED",
        outcome=outcome,
        takes_evidence=False,
        respond_by=None,
        updated_at=claim.updated_at + timedelta(seconds=1),
    )


def disputed(order_id: UUID, claim: PaypalDispute) -> UUID:
    """Have the shop hear of it; its id here."""
    disputing.apply(order_id=order_id, seen=claim)
    query = select(Dispute.id).join(Payment).where(Payment.reference == order_id)
    return session().scalars(query.where(Dispute.paypal_id == claim.id)).one()
