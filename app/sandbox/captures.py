"""Captures: money taken from an approved order, at once or later."""

import sqlite3
from typing import Any

from app.sandbox import books, events, transactions
from app.sandbox.clock import iso
from app.sandbox.config import SandboxConfig
from app.sandbox.errors import not_found
from app.sandbox.ids import resource_id
from app.sandbox.money import CURRENCIES, Amount, fee
from app.sandbox.payers import Payer
from app.sandbox.state import Sandbox
from app.sandbox.transactions import DENIED, DONE, PENDING, Code

# How the list of transactions has a capture's states.
_LISTED = {"COMPLETED": DONE, "PENDING": PENDING, "DECLINED": DENIED}

# The states in which the money has come, whether it went back since or not.
MONEY_CAME = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")


class NotPending(Exception):
    """The capture is not waiting for that."""


def invoice_taken(db: sqlite3.Connection, order: dict[str, Any]) -> bool:
    """Whether another payment carries an invoice number of this order."""
    numbers = [unit["invoice_id"] for unit in order["purchase_units"] if "invoice_id" in unit]
    if len(set(numbers)) < len(numbers):
        return True
    return any(
        db.execute(
            "SELECT 1 FROM capture WHERE invoice_id = ? AND status NOT IN ('DECLINED', 'FAILED')",
            (number,),
        ).fetchone()
        for number in numbers
    )


def take(db: sqlite3.Connection, sandbox: Sandbox, order: dict[str, Any], payer: Payer) -> None:
    """Make the captures of an order, one per purchase unit, and announce them."""
    status, reason = "COMPLETED", None
    if sandbox.faults.take("declined_capture", operation="capture"):
        status, reason = "DECLINED", "OTHER"
    elif fault := sandbox.faults.take("pending", operation="capture"):
        status, reason = "PENDING", str(fault["reason"])
    elif payer.pays_later:
        status, reason = "PENDING", "ECHECK"
    now = sandbox.clock.now()
    for index, unit in enumerate(order["purchase_units"]):
        gross = _amount(unit["amount"])
        capture_id = resource_id()
        db.execute(
            "INSERT INTO capture (id, order_id, unit, payer, status, reason, currency, gross,"
            " custom_id, invoice_id, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                capture_id,
                order["id"],
                index,
                payer.key,
                status,
                reason,
                gross.currency,
                gross.minor,
                unit.get("custom_id"),
                unit.get("invoice_id"),
                now,
                now,
            ),
        )
        transactions.note(
            db,
            transactions.Entry(
                id=capture_id,
                code=Code.PAYMENT,
                currency=gross.currency,
                minor=gross.minor,
                status=_LISTED[status],
                custom_id=unit.get("custom_id"),
                invoice_id=unit.get("invoice_id"),
                payer_id=payer.payer_id,
            ),
            now=now,
        )
        if status == "COMPLETED":
            _book(db, sandbox, capture_id)
        _announce(db, sandbox, capture_id, status)


def complete(db: sqlite3.Connection, sandbox: Sandbox, capture_id: str) -> None:
    """The money of a pending capture arrives; NotPending if it waits for none."""
    _check_pending(db, capture_id)
    db.execute(
        "UPDATE capture SET status = 'COMPLETED', reason = NULL, updated_at = ? WHERE id = ?",
        (sandbox.clock.now(), capture_id),
    )
    transactions.set_status(db, capture_id, DONE, now=sandbox.clock.now())
    _book(db, sandbox, capture_id)
    _announce(db, sandbox, capture_id, "COMPLETED")


def deny(db: sqlite3.Connection, sandbox: Sandbox, capture_id: str) -> None:
    """The money of a pending capture will never come; NotPending if it waits for none."""
    _check_pending(db, capture_id)
    db.execute(
        "UPDATE capture SET status = 'DECLINED', reason = 'OTHER', updated_at = ? WHERE id = ?",
        (sandbox.clock.now(), capture_id),
    )
    transactions.set_status(db, capture_id, DENIED, now=sandbox.clock.now())
    _announce(db, sandbox, capture_id, "DENIED")


def tell_fee(db: sqlite3.Connection, sandbox: Sandbox, capture_id: str) -> None:
    """Take the fee of a capture that was completed without; NotPending if it waits for none."""
    row = _row(db, capture_id)
    if row["status"] not in MONEY_CAME or row["fee"] is not None:
        raise NotPending(f"This capture is {row['status']}, and no fee of it is to come.")
    _charge(db, sandbox, row)
    _announce(db, sandbox, capture_id, "COMPLETED")


def _book(db: sqlite3.Connection, sandbox: Sandbox, capture_id: str) -> None:
    """The money is there, and PayPal takes its fee of it, mostly at once."""
    row = _row(db, capture_id)
    books.book_capture(db, row, now=sandbox.clock.now())
    if not sandbox.faults.take("fee_later", operation="capture"):
        _charge(db, sandbox, row)


def _charge(db: sqlite3.Connection, sandbox: Sandbox, row: sqlite3.Row) -> None:
    charge = fee(Amount(row["gross"], row["currency"]))
    db.execute(
        "UPDATE capture SET fee = ?, updated_at = ? WHERE id = ?",
        (charge.minor, sandbox.clock.now(), row["id"]),
    )
    books.book_fee(db, row, fee=charge, now=sandbox.clock.now())
    transactions.charge(db, row["id"], charge, now=sandbox.clock.now())


def _check_pending(db: sqlite3.Connection, capture_id: str) -> None:
    row = _row(db, capture_id)
    if row["status"] != "PENDING":
        raise NotPending(f"This capture is {row['status']}, not PENDING.")


def _row(db: sqlite3.Connection, capture_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM capture WHERE id = ?", (capture_id,)
    ).fetchone()
    if row is None:
        raise not_found()
    return row


def _announce(db: sqlite3.Connection, sandbox: Sandbox, capture_id: str, what: str) -> None:
    resource = show(db, sandbox.config, capture_id)
    events.record(db, sandbox, f"PAYMENT.CAPTURE.{what}", "capture", resource)


def of_order(
    db: sqlite3.Connection, config: SandboxConfig, order_id: str
) -> dict[int, dict[str, Any]]:
    """The captures of an order by the number of their purchase unit."""
    rows = db.execute("SELECT * FROM capture WHERE order_id = ? ORDER BY number", (order_id,))
    return {row["unit"]: _render(row, config) for row in rows}


def show(db: sqlite3.Connection, config: SandboxConfig, capture_id: str) -> dict[str, Any]:
    """A capture with its payee and order; PaypalError 404 if there is none."""
    row = _row(db, capture_id)
    return _render(row, config) | {
        "payee": {"email_address": config.merchant_email, "merchant_id": config.merchant_id},
        "supplementary_data": {"related_ids": {"order_id": row["order_id"]}},
    }


def _render(row: sqlite3.Row, config: SandboxConfig) -> dict[str, Any]:
    gross = Amount(row["gross"], row["currency"])
    api = config.public_url
    body: dict[str, Any] = {
        "id": row["id"],
        "status": row["status"],
        "amount": gross.to_json(),
        "final_capture": True,
        "seller_protection": {"status": "NOT_ELIGIBLE"},
        "create_time": iso(row["created_at"]),
        "update_time": iso(row["updated_at"]),
        "links": [
            {"href": f"{api}/v2/payments/captures/{row['id']}", "rel": "self", "method": "GET"},
            {"href": f"{api}/v2/checkout/orders/{row['order_id']}", "rel": "up", "method": "GET"},
        ],
    }
    for name in ("custom_id", "invoice_id"):
        if row[name] is not None:
            body[name] = row[name]
    if row["reason"]:
        body["status_details"] = {"reason": row["reason"]}
    if row["fee"] is not None:
        body["seller_receivable_breakdown"] = {
            "gross_amount": gross.to_json(),
            "paypal_fee": Amount(row["fee"], row["currency"]).to_json(),
            "net_amount": Amount(row["gross"] - row["fee"], row["currency"]).to_json(),
        }
    elif row["status"] in MONEY_CAME:
        body["seller_receivable_breakdown"] = {"gross_amount": gross.to_json()}
    return body


def _amount(body: dict[str, str]) -> Amount:
    decimals = CURRENCIES[body["currency_code"]][0]
    whole, _, fraction = body["value"].partition(".")
    return Amount(int(whole + fraction.ljust(decimals, "0")), body["currency_code"])
