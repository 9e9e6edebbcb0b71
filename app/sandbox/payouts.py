"""Payouts: money that the merchant sends, many items in a batch, and what becomes of each.

A batch is PENDING, then processed by the clock: each item succeeds, waits for its receiver or for
PayPal, or fails. Unclaimed money comes back after 30 days. Every function works inside the
caller's transaction.
https://developer.paypal.com/docs/api/payments.payouts-batch/v1/
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from app.sandbox import books, events
from app.sandbox.clock import iso
from app.sandbox.config import SandboxConfig
from app.sandbox.ids import payout_id, resource_id
from app.sandbox.money import Amount
from app.sandbox.payees import ERRORS, outcome_of
from app.sandbox.payout_errors import PayoutError
from app.sandbox.state import Sandbox
from app.sandbox.transactions import Code

DAY = 24 * 3600
KNOWN_DAYS = 30  # for so long a sender_batch_id is refused a second time
CLAIMED_DAYS = 30
FEE_BASIS_POINTS, BASIS_POINTS = 200, 10_000
MAX_PAGE = 1000
# Nothing more becomes of these.
OVER = ("FAILED", "BLOCKED", "RETURNED", "REFUNDED", "REVERSED")
# What a person may have happen to an item, and from which states: claimed by its receiver, let
# through or blocked by PayPal, sent back by the receiver, taken back by PayPal, not claimed.
ENDS = {
    "claim": (("UNCLAIMED",), "SUCCESS"),
    "release": (("ONHOLD",), "SUCCESS"),
    "block": (("ONHOLD",), "BLOCKED"),
    "return": (("UNCLAIMED", "ONHOLD"), "RETURNED"),
    "refund": (("SUCCESS",), "REFUNDED"),
    "reverse": (("SUCCESS",), "REVERSED"),
}
EVENTS = {
    "SUCCESS": "SUCCEEDED",
    "FAILED": "FAILED",
    "UNCLAIMED": "UNCLAIMED",
    "RETURNED": "RETURNED",
    "ONHOLD": "HELD",
    "BLOCKED": "BLOCKED",
    "REFUNDED": "REFUNDED",
    "REVERSED": "REFUNDED",  # of a reversal PayPal lists no event of its own
}
# The money has left the merchant.
SENT = ("SUCCESS", "UNCLAIMED")


class NotNow(Exception):
    """The item's state does not allow what a person asks for."""


@dataclass(frozen=True)
class Wanted:
    """One item as a request names it."""

    recipient_type: str
    receiver: str
    amount: Amount
    note: str | None
    sender_item_id: str | None

    @property
    def fee_minor(self) -> int:
        """2 % rounded half up, which the sender pays on top."""
        return (self.amount.minor * FEE_BASIS_POINTS + BASIS_POINTS // 2) // BASIS_POINTS


def create(
    db: sqlite3.Connection, sandbox: Sandbox, header: dict[str, str], items: list[Wanted]
) -> sqlite3.Row:
    """Take in a batch; PayoutError for a known sender_batch_id, or if the money does not reach."""
    now = sandbox.clock.now()
    known = db.execute(
        "SELECT id FROM payout_batch WHERE sender_batch_id = ? AND created_at > ?",
        (header.get("sender_batch_id"), now - KNOWN_DAYS * DAY),
    ).fetchone()
    if known is not None:
        raise PayoutError.known_batch(f"{_batches(sandbox.config)}/{known['id']}")
    currency = items[0].amount.currency
    cost = sum(item.amount.minor + item.fee_minor for item in items)
    if cost > books.merchant(db, currency) - _promised(db, currency):
        raise PayoutError.of("INSUFFICIENT_FUNDS")
    wait = sandbox.faults.take("payout_wait", operation="payout")
    denied = sandbox.faults.take("payout_denied", operation="payout")
    batch_id = payout_id()
    db.execute(
        "INSERT INTO payout_batch (id, sender_batch_id, header, status, currency, denied,"
        " created_at, due_at) VALUES (?, ?, ?, 'PENDING', ?, ?, ?, ?)",
        (
            batch_id,
            header.get("sender_batch_id"),
            json.dumps(header),
            currency,
            bool(denied),
            now,
            now + (wait["seconds"] if wait else 0),
        ),
    )
    db.executemany(
        "INSERT INTO payout_item (id, batch_id, status, currency, minor, fee, recipient_type,"
        " receiver, note, sender_item_id, updated_at)"
        " VALUES (?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                payout_id(),
                batch_id,
                currency,
                item.amount.minor,
                item.fee_minor,
                item.recipient_type,
                item.receiver,
                item.note,
                item.sender_item_id,
                now,
            )
            for item in items
        ],
    )
    return _batch(db, batch_id)


def _promised(db: sqlite3.Connection, currency: str) -> int:
    """What batches that are not processed yet, and items on hold, will take."""
    row = db.execute(
        "SELECT coalesce(sum(minor + fee), 0) AS minor FROM payout_item"
        " WHERE currency = ? AND status IN ('PENDING', 'ONHOLD')",
        (currency,),
    ).fetchone()
    return int(row["minor"])


def advance(db: sqlite3.Connection, sandbox: Sandbox) -> None:
    """Do what the clock brings: process batches, return what nobody has claimed."""
    now = sandbox.clock.now()
    for batch in db.execute(
        "SELECT * FROM payout_batch WHERE status = 'PENDING' AND due_at <= ? ORDER BY number",
        (now,),
    ).fetchall():
        _process(db, sandbox, batch)
    for row in db.execute(
        "SELECT id FROM payout_item WHERE status IN ('UNCLAIMED', 'ONHOLD') AND due_at <= ?",
        (now,),
    ).fetchall():
        _become(db, sandbox, row["id"], "RETURNED")


def _process(db: sqlite3.Connection, sandbox: Sandbox, batch: sqlite3.Row) -> None:
    _announce_batch(db, sandbox, batch["id"], "PROCESSING")
    items = db.execute(
        "SELECT * FROM payout_item WHERE batch_id = ? ORDER BY number", (batch["id"],)
    ).fetchall()
    for item in items:
        fault = sandbox.faults.take("payout_item", operation="payout")
        status = str(fault["state"]) if fault else outcome_of(item["receiver"])
        _become(db, sandbox, item["id"], "FAILED" if batch["denied"] else status)
    _announce_batch(db, sandbox, batch["id"], "DENIED" if batch["denied"] else "SUCCESS")


def _announce_batch(db: sqlite3.Connection, sandbox: Sandbox, batch_id: str, status: str) -> None:
    done_at = None if status == "PROCESSING" else sandbox.clock.now()
    db.execute(
        "UPDATE payout_batch SET status = ?, completed_at = ? WHERE id = ?",
        (status, done_at, batch_id),
    )
    resource = {"batch_header": _header(db, _batch(db, batch_id))}
    kind = f"PAYMENT.PAYOUTSBATCH.{status}"
    events.record(db, sandbox, kind, "payouts", resource, resource_id=batch_id)


def _become(
    db: sqlite3.Connection, sandbox: Sandbox, item_id: str, status: str, *, told_as: str = ""
) -> None:
    """Give an item another state, book what that moves, and announce it."""
    now, waits = sandbox.clock.now(), status in ("UNCLAIMED", "ONHOLD")
    was = _item(db, item_id)["status"]
    db.execute(
        "UPDATE payout_item SET status = ?, error = ?, updated_at = ?, due_at = ?,"
        " transaction_id = coalesce(transaction_id, ?) WHERE id = ?",
        (
            status,
            ERRORS.get(status, ("", ""))[0] or None,
            now,
            now + CLAIMED_DAYS * DAY if waits else None,
            None if status == "FAILED" else resource_id(),
            item_id,
        ),
    )
    item = _item(db, item_id)
    if status in SENT and was not in SENT:
        books.book_payout(db, item, to=_account(item, status), now=now)
    elif was in SENT and status not in SENT:
        code = Code.PAYOUT_REFUND if status == "REFUNDED" else Code.PAYOUT_REVERSAL
        books.book_payout_back(db, item, out_of=_account(item, was), code=code, now=now)
    elif was in SENT:
        books.book_claim(db, item, to=_account(item, status), now=now)
    kind = f"PAYMENT.PAYOUTS-ITEM.{told_as or EVENTS[status]}"
    resource = show_item(db, sandbox.config, item_id)
    events.record(db, sandbox, kind, "payouts_item", resource, resource_id=item_id)


def _account(item: sqlite3.Row, status: str) -> str:
    """Who holds the money of an item that was sent."""
    return f"payee:{item['receiver']}" if status == "SUCCESS" else books.UNCLAIMED


def cancel(db: sqlite3.Connection, sandbox: Sandbox, item_id: str) -> None:
    """Take back an item that nobody has claimed; PayoutError for any other."""
    status = _item(db, item_id)["status"]
    if status == "RETURNED":
        raise PayoutError.of("ITEM_ALREADY_CANCELLED")
    if status != "UNCLAIMED":
        raise PayoutError.of("ITEM_INCORRECT_STATUS")
    _become(db, sandbox, item_id, "RETURNED", told_as="CANCELED")


def end(db: sqlite3.Connection, sandbox: Sandbox, item_id: str, how: str) -> None:
    """Have something of `ENDS` happen to an item; NotNow if its state does not allow it."""
    allowed, status = ENDS[how]
    now = _item(db, item_id)["status"]
    if now not in allowed:
        raise NotNow(f"This item is {now}, not {' or '.join(allowed)}.")
    _become(db, sandbox, item_id, status)


def _batch(db: sqlite3.Connection, batch_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM payout_batch WHERE id = ?", (batch_id,)
    ).fetchone()
    if row is None:
        raise PayoutError.of("RESOURCE_NOT_FOUND")
    return row


def _item(db: sqlite3.Connection, item_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT payout_item.*, sender_batch_id FROM payout_item"
        " JOIN payout_batch ON payout_batch.id = batch_id WHERE payout_item.id = ?",
        (item_id,),
    ).fetchone()
    if row is None:
        raise PayoutError.of("RESOURCE_NOT_FOUND")
    return row


def _batches(config: SandboxConfig) -> str:
    return f"{config.public_url}/v1/payments/payouts"


def _money(minor: int, currency: str) -> dict[str, str]:
    return {"currency": currency, "value": Amount(minor, currency).value}


def _link(href: str, rel: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "method": "GET"}


def render_new(config: SandboxConfig, batch: sqlite3.Row) -> dict[str, Any]:
    """What a batch that was just taken in is answered with."""
    header = {
        "payout_batch_id": batch["id"],
        "batch_status": "PENDING",
        "sender_batch_header": json.loads(batch["header"]),
    }
    return {
        "batch_header": header,
        "links": [_link(f"{_batches(config)}/{batch['id']}", "self")],
    }


def show_batch(
    db: sqlite3.Connection, config: SandboxConfig, batch_id: str, *, page: int, page_size: int
) -> dict[str, Any]:
    """A batch with a page of its items; PayoutError 404 if there is none."""
    batch = _batch(db, batch_id)
    size = min(page_size, MAX_PAGE)
    total = db.execute(
        "SELECT count(*) AS n FROM payout_item WHERE batch_id = ?", (batch_id,)
    ).fetchone()["n"]
    rows = db.execute(
        "SELECT payout_item.*, ? AS sender_batch_id FROM payout_item WHERE batch_id = ?"
        " ORDER BY number LIMIT ? OFFSET ?",
        (batch["sender_batch_id"], batch_id, size, (page - 1) * size),
    ).fetchall()
    items = [_render(row, config) for row in rows]
    for item in items:
        item.pop("sender_batch_id", None)  # only an item by itself names it
    pages = -(-total // size)
    links = [_link(f"{_batches(config)}/{batch_id}", "self")]
    if page < pages:
        following = f"{_batches(config)}/{batch_id}?page={page + 1}&page_size={size}"
        links.append(_link(following, "next"))
    return {
        "total_items": total,
        "total_pages": pages,
        "batch_header": _header(db, batch),
        "items": items,
        "links": links,
    }


def _header(db: sqlite3.Connection, batch: sqlite3.Row) -> dict[str, Any]:
    sums = db.execute(
        "SELECT sum(minor) AS minor, sum(fee) AS fee FROM payout_item WHERE batch_id = ?",
        (batch["id"],),
    ).fetchone()
    fee = 0 if batch["status"] == "PENDING" else sums["fee"]
    header = {
        "payout_batch_id": batch["id"],
        "batch_status": batch["status"],
        "time_created": iso(batch["created_at"]),
        "sender_batch_header": json.loads(batch["header"]),
        "funding_source": "BALANCE",
        "amount": _money(sums["minor"], batch["currency"]),
        "fees": _money(fee, batch["currency"]),
    }
    if batch["completed_at"]:
        header["time_completed"] = iso(batch["completed_at"])
    return header


def show_item(db: sqlite3.Connection, config: SandboxConfig, item_id: str) -> dict[str, Any]:
    """An item by itself; PayoutError 404 if there is none."""
    return _render(_item(db, item_id), config)


def _render(row: sqlite3.Row, config: SandboxConfig) -> dict[str, Any]:
    body: dict[str, Any] = {
        "payout_item_id": row["id"],
        "transaction_status": row["status"],
        "payout_item_fee": _money(
            0 if row["status"] in ("PENDING", "FAILED") else row["fee"], row["currency"]
        ),
        "payout_batch_id": row["batch_id"],
        "payout_item": {
            "recipient_type": row["recipient_type"],
            "amount": _money(row["minor"], row["currency"]),
            "receiver": row["receiver"],
            "recipient_wallet": "PAYPAL",
        },
        "time_processed": iso(row["updated_at"]),
        "links": [
            _link(f"{config.public_url}/v1/payments/payouts-item/{row['id']}", "item"),
            _link(f"{_batches(config)}/{row['batch_id']}", "batch"),
        ],
    }
    for name in ("sender_batch_id", "transaction_id"):
        if row[name]:
            body[name] = row[name]
    for name in ("note", "sender_item_id"):
        if row[name]:
            body["payout_item"][name] = row[name]
    if row["error"]:
        name, message = ERRORS[row["status"]]
        body["errors"] = {"name": name, "message": message, "debug_id": row["id"]}
    return body
