"""Refunds: captured money that goes back to its payer, at once, later, or not after all.

A refund takes its money off the merchant's balance when it is made. PENDING → COMPLETED gives it
to the payer; PENDING → FAILED gives it back to the merchant. PayPal keeps the fee of the capture:
https://www.paypal.com/us/cshelp/article/help143
"""

import sqlite3
from typing import Any

from app.sandbox import books, disputes, events
from app.sandbox.clock import iso
from app.sandbox.config import SandboxConfig
from app.sandbox.errors import not_found, unprocessable
from app.sandbox.ids import resource_id
from app.sandbox.money import Amount, read_amount
from app.sandbox.state import Sandbox
from app.sandbox.validation import read_text

DAYS = 180
DAY_SECONDS = 24 * 3600
REFUND = "refund"
# Of a capture; other states have no money to give back.
TAKEN = ("COMPLETED", "PARTIALLY_REFUNDED")
TEXTS = {"custom_id": 127, "invoice_id": 127, "note_to_payer": 255}


class NotPending(Exception):
    """The refund is not waiting for that."""


def make(db: sqlite3.Connection, sandbox: Sandbox, capture_id: str, body: Any) -> dict[str, Any]:
    """Refund what a request asks for, all that is left without an amount; the refund as shown.

    Raises PaypalError for an unknown capture and for what PayPal refuses.
    """
    capture = _capture(db, capture_id)
    left = _left(db, sandbox, capture)
    amount = Amount(left, capture["currency"])
    if "amount" in body:
        amount = read_amount(body["amount"], "/amount", currency=None, zero=False, operation=REFUND)
    if amount.currency != capture["currency"]:
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", "/amount", operation=REFUND)
    if amount.minor > left:
        raise unprocessable("REFUND_AMOUNT_EXCEEDED", "/amount/value", amount.value, REFUND)
    texts = {
        name: read_text(body, name, "", most, REFUND, least=1)
        for name, most in TEXTS.items()
        if name in body
    }
    if "invoice_id" in texts and _is_used(db, texts["invoice_id"]):
        raise unprocessable("DUPLICATE_INVOICE_ID", "/invoice_id", operation=REFUND)
    if fault := sandbox.faults.take("refuse_refund", operation=REFUND):
        raise unprocessable(str(fault["refusal"]), operation=REFUND)
    return _make(db, sandbox, capture, amount, texts)


def _left(db: sqlite3.Connection, sandbox: Sandbox, capture: sqlite3.Row) -> int:
    """How much of a capture can be refunded; PaypalError where nothing can be."""
    given = _given_back(db, capture["id"]) + disputes.taken_back(db, capture["id"])
    left: int = capture["gross"] - given
    issue = None
    if disputes.has_open(db, capture["id"]):
        issue = "TRANSACTION_DISPUTED"
    elif capture["status"] == "PENDING":
        issue = "PENDING_CAPTURE"
    elif capture["status"] == "REFUNDED" or (capture["status"] in TAKEN and not left):
        issue = "CAPTURE_FULLY_REFUNDED"
    elif capture["status"] not in TAKEN:
        issue = "REFUND_NOT_ALLOWED"
    elif sandbox.clock.now() > capture["created_at"] + DAYS * DAY_SECONDS:
        issue = "REFUND_TIME_LIMIT_EXCEEDED"
    if issue:
        raise unprocessable(issue, operation=REFUND)
    return left


def _make(
    db: sqlite3.Connection,
    sandbox: Sandbox,
    capture: sqlite3.Row,
    amount: Amount,
    texts: dict[str, str],
) -> dict[str, Any]:
    status = "COMPLETED"
    if sandbox.faults.take("pending_refund", operation=REFUND):
        status = "PENDING"
    elif sandbox.faults.take("failed_refund", operation=REFUND):
        status = "FAILED"
    refund_id, now = resource_id(), sandbox.clock.now()
    db.execute(
        "INSERT INTO refund (id, capture_id, status, currency, gross, custom_id, invoice_id, note,"
        " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            refund_id,
            capture["id"],
            status,
            amount.currency,
            amount.minor,
            texts.get("custom_id", capture["custom_id"]),
            texts.get("invoice_id"),
            texts.get("note_to_payer"),
            now,
            now,
        ),
    )
    row = _row(db, refund_id)
    if status != "FAILED":
        books.book_refund(db, row, now=now)
    _follow(db, sandbox, row, capture)
    return show(db, sandbox.config, refund_id)


def complete(db: sqlite3.Connection, sandbox: Sandbox, refund_id: str) -> None:
    """The money of a pending refund reaches its payer; NotPending if it is not under way."""
    _end(db, sandbox, refund_id, "COMPLETED")


def fail(db: sqlite3.Connection, sandbox: Sandbox, refund_id: str) -> None:
    """The money of a pending refund comes back; NotPending if it is not under way."""
    _end(db, sandbox, refund_id, "FAILED")


def _end(db: sqlite3.Connection, sandbox: Sandbox, refund_id: str, status: str) -> None:
    row = _row(db, refund_id)
    if row["status"] != "PENDING":
        raise NotPending(f"This refund is {row['status']}, not PENDING.")
    now = sandbox.clock.now()
    db.execute(
        "UPDATE refund SET status = ?, updated_at = ? WHERE id = ?", (status, now, refund_id)
    )
    if status == "FAILED":
        books.return_refund(db, row, now=now)
    _follow(db, sandbox, _row(db, refund_id), _capture(db, row["capture_id"]))


def _follow(
    db: sqlite3.Connection, sandbox: Sandbox, row: sqlite3.Row, capture: sqlite3.Row
) -> None:
    """Book a completed refund with its payer and its capture, and announce what became of it."""
    if row["status"] == "COMPLETED":
        books.pay_refund(db, row, payer=capture["payer"], now=sandbox.clock.now())
        back = _given_back(db, capture["id"], "COMPLETED")
        back += disputes.taken_back(db, capture["id"])
        db.execute(
            "UPDATE capture SET status = ?, updated_at = ? WHERE id = ?",
            (
                "REFUNDED" if back == capture["gross"] else "PARTIALLY_REFUNDED",
                sandbox.clock.now(),
                capture["id"],
            ),
        )
    names = {
        "COMPLETED": "CAPTURE.REFUNDED",
        "PENDING": "REFUND.PENDING",
        "FAILED": "REFUND.FAILED",
    }
    resource = show(db, sandbox.config, row["id"])
    events.record(db, sandbox, f"PAYMENT.{names[row['status']]}", REFUND, resource)


def _capture(db: sqlite3.Connection, capture_id: str) -> sqlite3.Row:
    return _one(db, "SELECT * FROM capture WHERE id = ?", capture_id)


def _row(db: sqlite3.Connection, refund_id: str) -> sqlite3.Row:
    return _one(db, "SELECT * FROM refund WHERE id = ?", refund_id)


def _one(db: sqlite3.Connection, query: str, wanted: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(query, (wanted,)).fetchone()
    if row is None:
        raise not_found()
    return row


def _given_back(db: sqlite3.Connection, capture_id: str, *statuses: str) -> int:
    """How much of a capture is refunded, what is under way included unless only `statuses`."""
    wanted = statuses or ("COMPLETED", "PENDING")
    marks = ", ".join("?" * len(wanted))
    query = "SELECT coalesce(sum(gross), 0) FROM refund WHERE capture_id = ?"
    return int(db.execute(f"{query} AND status IN ({marks})", (capture_id, *wanted)).fetchone()[0])


def _is_used(db: sqlite3.Connection, invoice_id: str) -> bool:
    """Whether an earlier refund bears this invoice number."""
    query = "SELECT 1 FROM refund WHERE invoice_id = ? AND status <> 'FAILED'"
    return db.execute(query, (invoice_id,)).fetchone() is not None


def of_order(
    db: sqlite3.Connection, config: SandboxConfig, order_id: str
) -> dict[int, list[dict[str, Any]]]:
    """The refunds of an order by the number of their purchase unit."""
    rows = db.execute(
        "SELECT refund.*, capture.unit FROM refund JOIN capture ON capture.id = capture_id"
        " WHERE order_id = ? ORDER BY refund.number",
        (order_id,),
    ).fetchall()
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["unit"], []).append(_render(db, row, config))
    return found


def show(db: sqlite3.Connection, config: SandboxConfig, refund_id: str) -> dict[str, Any]:
    """A refund; PaypalError 404 if there is none."""
    return _render(db, _row(db, refund_id), config)


def show_minimal(refund: dict[str, Any]) -> dict[str, Any]:
    """What `Prefer: return=minimal` answers."""
    return {name: refund[name] for name in ("id", "status", "links")}


def _render(db: sqlite3.Connection, row: sqlite3.Row, config: SandboxConfig) -> dict[str, Any]:
    gross = Amount(row["gross"], row["currency"])
    # Up to this one, as PayPal counts it.
    total = db.execute(
        "SELECT coalesce(sum(gross), 0) FROM refund"
        " WHERE capture_id = ? AND status <> 'FAILED' AND number <= ?",
        (row["capture_id"], row["number"]),
    ).fetchone()[0]
    payments = f"{config.public_url}/v2/payments"
    body: dict[str, Any] = {
        "id": row["id"],
        "status": row["status"],
        "amount": gross.to_json(),
        "seller_payable_breakdown": {
            "gross_amount": gross.to_json(),
            "paypal_fee": Amount(0, row["currency"]).to_json(),
            "net_amount": gross.to_json(),
            "total_refunded_amount": Amount(total, row["currency"]).to_json(),
        },
        "create_time": iso(row["created_at"]),
        "update_time": iso(row["updated_at"]),
        "links": [
            {"href": f"{payments}/refunds/{row['id']}", "rel": "self", "method": "GET"},
            {"href": f"{payments}/captures/{row['capture_id']}", "rel": "up", "method": "GET"},
        ],
    }
    for name, column in (
        ("custom_id", "custom_id"),
        ("invoice_id", "invoice_id"),
        ("note_to_payer", "note"),
    ):
        if row[column] is not None:
            body[name] = row[column]
    if row["status"] != "COMPLETED":
        body["status_details"] = {"reason": "ECHECK"}
    return body
