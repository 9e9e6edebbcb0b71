"""Reversals: PayPal takes a payment's money back by itself, as for a chargeback at a bank.

PayPal shows them as refunds that nobody has asked for; an order does not list them.
"""

import sqlite3
from typing import Any

from app.sandbox import books, disputes, events
from app.sandbox.clock import iso
from app.sandbox.config import SandboxConfig
from app.sandbox.disputes import NotNow
from app.sandbox.errors import not_found
from app.sandbox.ids import resource_id
from app.sandbox.money import Amount
from app.sandbox.state import Sandbox
from app.sandbox.transactions import Code, Entry


def reverse(
    db: sqlite3.Connection, sandbox: Sandbox, capture_id: str, *, amount: Amount | None
) -> str:
    """Take back a payment, or `amount` of it; the reversal's id.

    Raises PaypalError 404 for an unknown capture, NotNow where so much is not left of it.
    """
    capture = disputes.capture_of(db, capture_id)
    left = disputes.left_of(db, capture)
    amount = amount or Amount(left, capture["currency"])
    if not 0 < amount.minor <= left:
        raise NotNow(f"Of this payment {Amount(left, capture['currency']).value} is left.")
    new_id, now = resource_id(), sandbox.clock.now()
    db.execute(
        "INSERT INTO reversal (id, capture_id, currency, minor, created_at) VALUES (?, ?, ?, ?, ?)",
        (new_id, capture_id, amount.currency, amount.minor, now),
    )
    entry = Entry(
        id=new_id,
        code=Code.CHARGEBACK,
        currency=amount.currency,
        minor=-amount.minor,
        reference_id=capture_id,
        custom_id=capture["custom_id"],
    )
    books.pay_out(db, entry, payer=capture["payer"], now=now)
    resource = show(db, sandbox.config, new_id)
    events.record(db, sandbox, "PAYMENT.CAPTURE.REVERSED", "refund", resource)
    return new_id


def is_known(db: sqlite3.Connection, reversal_id: str) -> bool:
    """Whether there is such a reversal."""
    query = "SELECT 1 FROM reversal WHERE id = ?"
    return db.execute(query, (reversal_id,)).fetchone() is not None


def show(db: sqlite3.Connection, config: SandboxConfig, reversal_id: str) -> dict[str, Any]:
    """A reversal in the form of a refund; PaypalError 404 if there is none."""
    row = db.execute(
        "SELECT reversal.*, capture.custom_id FROM reversal"
        " JOIN capture ON capture.id = capture_id WHERE reversal.id = ?",
        (reversal_id,),
    ).fetchone()
    if row is None:
        raise not_found()
    payments = f"{config.public_url}/v2/payments"
    body: dict[str, Any] = {
        "id": row["id"],
        "status": "COMPLETED",
        "amount": Amount(row["minor"], row["currency"]).to_json(),
        "create_time": iso(row["created_at"]),
        "update_time": iso(row["created_at"]),
        "links": [
            {"href": f"{payments}/refunds/{row['id']}", "rel": "self", "method": "GET"},
            {"href": f"{payments}/captures/{row['capture_id']}", "rel": "up", "method": "GET"},
        ],
    }
    if row["custom_id"] is not None:
        body["custom_id"] = row["custom_id"]
    return body
