"""Disputes: a payer wants money back, and PayPal decides. The life of Customer Disputes v1.

INQUIRY → CHARGEBACK → PRE_ARBITRATION → ARBITRATION, RESOLVED from any of them. What is disputed is
held, out of the merchant's balance, until then. PayPal charges for what goes further than an
inquiry, and gives that back to a merchant who is found right.
"""

import json
import secrets
import sqlite3
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.sandbox import books, dispute_shapes, events
from app.sandbox.config import SandboxConfig
from app.sandbox.errors import PaypalError, not_found
from app.sandbox.ids import LETTERS, resource_id
from app.sandbox.money import CURRENCIES, Amount
from app.sandbox.state import Sandbox
from app.sandbox.transactions import Code, Entry

STAGES = ("INQUIRY", "CHARGEBACK", "PRE_ARBITRATION", "ARBITRATION")
REASONS = (
    "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
    "MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED",
    "UNAUTHORISED",
    "CREDIT_NOT_PROCESSED",
    "DUPLICATE_TRANSACTION",
    "INCORRECT_AMOUNT",
    "PAYMENT_BY_OTHER_MEANS",
    "CANCELED_RECURRING_BILLING",
    "PROBLEM_WITH_REMITTANCE",
    "OTHER",
)
WAITING, REVIEW, RESOLVED = "WAITING_FOR_SELLER_RESPONSE", "UNDER_REVIEW", "RESOLVED"
BUYER, SELLER, PAYOUT = "RESOLVED_BUYER_FAVOUR", "RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT"
CANCELED, ACCEPTED = "CANCELED_BY_BUYER", "ACCEPTED"
# Outcomes by which the payer's money comes from the merchant.
LOST = frozenset({BUYER, ACCEPTED})
OUTCOMES = {"buyer": BUYER, "seller": SELLER, "payout": PAYOUT, "cancel": CANCELED}
DAY = 24 * 3600
# https://www.paypal.com/us/cshelp/article/help330: 20 days in an inquiry, 10 in a claim.
SECONDS_TO_ANSWER = {"INQUIRY": 20 * DAY}
SECONDS_TO_ANSWER_LATER = 10 * DAY
FEE_TIMES = 30  # of the fixed part of a payment's fee: near PayPal's own tariff
UNPROCESSABLE = 422


class NotNow(Exception):
    """The dispute, or what it is to be about, is not in a state for that."""


@dataclass(frozen=True)
class Document:
    """A file that came with evidence."""

    name: str
    kind: str
    content: bytes


def open_one(
    db: sqlite3.Connection,
    sandbox: Sandbox,
    capture_id: str,
    *,
    reason: str,
    amount: Amount | None = None,
    stage: str = STAGES[0],
    note: str = "",
) -> str:
    """A payer disputes a payment, or `amount` of it; the dispute's id.

    A chargeback begins where an inquiry leads to. Raises PaypalError 404 for an unknown capture,
    NotNow for one that has no money to dispute.
    """
    capture = capture_of(db, capture_id)
    left = left_of(db, capture)
    amount = amount or Amount(left, capture["currency"])
    if amount.currency != capture["currency"] or not 0 < amount.minor <= left:
        raise NotNow(f"Of this payment {Amount(left, capture['currency']).value} can be disputed.")
    now = sandbox.clock.now()
    letters = "".join(secrets.choice(LETTERS) for _ in range(3))
    digits = "".join(secrets.choice(string.digits) for _ in range(8))
    new_id = f"PP-R-{letters}-{digits}"
    db.execute(
        "INSERT INTO dispute (id, capture_id, reason, stage, status, currency, minor, note,"
        " due_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new_id,
            capture_id,
            reason,
            stage,
            "OPEN" if stage == STAGES[0] else WAITING,
            amount.currency,
            amount.minor,
            note,
            now + SECONDS_TO_ANSWER.get(stage, SECONDS_TO_ANSWER_LATER),
            now,
            now,
        ),
    )
    hold = _entry(find(db, new_id), Code.DISPUTE_HOLD, -amount.minor)
    books.book_listed(db, hold, other=books.HELD, now=now)
    if stage != STAGES[0]:
        _charge(db, sandbox, find(db, new_id))
    _announce(db, sandbox, new_id, "CREATED")
    return new_id


def escalate(db: sqlite3.Connection, sandbox: Sandbox, dispute_id: str) -> None:
    """Take an open dispute to its next stage, where the merchant is asked for evidence anew."""
    dispute = _open(db, dispute_id)
    if dispute["stage"] == STAGES[-1]:
        raise NotNow("This dispute is at its last stage.")
    stage = STAGES[STAGES.index(dispute["stage"]) + 1]
    due = sandbox.clock.now() + SECONDS_TO_ANSWER_LATER
    _update(db, sandbox, dispute_id, stage=stage, status=WAITING, due_at=due)
    if dispute["stage"] == STAGES[0]:
        _charge(db, sandbox, dispute)
    _announce(db, sandbox, dispute_id, "UPDATED")


def provide_evidence(
    db: sqlite3.Connection,
    sandbox: Sandbox,
    dispute_id: str,
    *,
    evidences: Sequence[dict[str, Any]],
    documents: Sequence[Document],
) -> None:
    """The merchant's evidence comes in; PaypalError 422 unless PayPal waits for some."""
    dispute = find(db, dispute_id)
    if dispute["status"] != WAITING:
        raise _not_allowed()
    now = sandbox.clock.now()
    for index, evidence in enumerate(evidences):
        cursor = db.execute(
            "INSERT INTO dispute_evidence (dispute_id, stage, kind, info, notes, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                dispute_id,
                dispute["stage"],
                evidence.get("evidence_type", "OTHER"),
                json.dumps(evidence.get("evidence_info")),
                evidence.get("notes", ""),
                now,
            ),
        )
        if index == 0:  # files come beside the list, not with one of it
            db.executemany(
                "INSERT INTO dispute_document (evidence, name, kind, content) VALUES (?, ?, ?, ?)",
                [(cursor.lastrowid, file.name, file.kind, file.content) for file in documents],
            )
    _update(db, sandbox, dispute_id, status=REVIEW, due_at=None)
    _announce(db, sandbox, dispute_id, "UPDATED")


def accept_claim(
    db: sqlite3.Connection, sandbox: Sandbox, dispute_id: str, *, amount: Amount | None
) -> None:
    """The merchant gives in; PaypalError 422 if there is nothing to give in to."""
    dispute = find(db, dispute_id)
    whole = Amount(dispute["minor"], dispute["currency"])
    amount = amount or whole
    if dispute["status"] == RESOLVED or amount.currency != whole.currency:
        raise _not_allowed()
    if not 0 < amount.minor <= whole.minor:
        raise _not_allowed()
    _resolve(db, sandbox, dispute, ACCEPTED, amount.minor)


def resolve(
    db: sqlite3.Connection,
    sandbox: Sandbox,
    dispute_id: str,
    *,
    outcome: str,
    amount: Amount | None = None,
) -> None:
    """End an open dispute; `amount` is what the payer gets where that is not all of it."""
    dispute = _open(db, dispute_id)
    lost = dispute["minor"] if outcome in LOST else 0
    if amount is not None:
        if outcome not in LOST or amount.currency != dispute["currency"] or amount.minor > lost:
            raise NotNow("So much can't go to the buyer by this outcome.")
        lost = amount.minor
    _resolve(db, sandbox, dispute, outcome, lost)


def close_overdue(db: sqlite3.Connection, sandbox: Sandbox) -> None:
    """A merchant who does not answer in time has lost."""
    overdue = db.execute(
        "SELECT id FROM dispute WHERE status IN ('OPEN', ?) AND due_at < ?",
        (WAITING, sandbox.clock.now()),
    ).fetchall()
    for row in overdue:
        resolve(db, sandbox, row["id"], outcome=BUYER)


def _resolve(
    db: sqlite3.Connection, sandbox: Sandbox, dispute: sqlite3.Row, outcome: str, lost: int
) -> None:
    now = sandbox.clock.now()
    freed = _entry(dispute, Code.DISPUTE_HOLD_END, dispute["minor"])
    books.book_listed(db, freed, other=books.HELD, now=now)
    if lost:
        payer = capture_of(db, dispute["capture_id"])["payer"]
        books.pay_out(db, _entry(dispute, Code.REVERSAL, -lost), payer=payer, now=now)
        _move(db, dispute["id"], ("SELLER", "DEBIT", "DISPUTE_SETTLEMENT"), lost, now)
        _move(db, dispute["id"], ("BUYER", "CREDIT", "DISPUTE_SETTLEMENT"), lost, now)
    if outcome == PAYOUT:  # PayPal pays out of its own pocket
        _move(db, dispute["id"], ("BUYER", "CREDIT", "DISPUTE_SETTLEMENT"), dispute["minor"], now)
    if outcome not in LOST and dispute["fee"]:
        returned = _entry(dispute, Code.FEE_REFUND, dispute["fee"])
        books.book_listed(db, returned, other=books.FEES, now=now)
        _move(db, dispute["id"], ("SELLER", "CREDIT", "DISPUTE_FEE"), dispute["fee"], now)
        _update(db, sandbox, dispute["id"], fee=0)
    refunded = dispute["minor"] if outcome == PAYOUT else lost
    _update(
        db,
        sandbox,
        dispute["id"],
        status=RESOLVED,
        outcome=outcome,
        refunded=refunded,
        due_at=None,
    )
    _announce(db, sandbox, dispute["id"], "RESOLVED")


def _charge(db: sqlite3.Connection, sandbox: Sandbox, dispute: sqlite3.Row) -> None:
    """PayPal's fee for a dispute that it has to decide."""
    minor, now = FEE_TIMES * CURRENCIES[dispute["currency"]][1], sandbox.clock.now()
    books.book_listed(db, _entry(dispute, Code.CHARGEBACK_FEE, -minor), other=books.FEES, now=now)
    _move(db, dispute["id"], ("SELLER", "DEBIT", "DISPUTE_FEE"), minor, now)
    _update(db, sandbox, dispute["id"], fee=minor)


def _entry(dispute: sqlite3.Row, code: Code, minor: int) -> Entry:
    return Entry(
        id=resource_id(),
        code=code,
        currency=dispute["currency"],
        minor=minor,
        reference_id=dispute["capture_id"],
    )


def _move(
    db: sqlite3.Connection,
    dispute_id: str,
    movement: tuple[str, str, str],
    minor: int,
    now: float,
) -> None:
    """Note a movement: whose, which way, and why."""
    db.execute(
        "INSERT INTO dispute_movement (dispute_id, party, kind, reason, minor, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (dispute_id, *movement, minor, now),
    )


def find(db: sqlite3.Connection, dispute_id: str) -> sqlite3.Row:
    """The dispute's row; PaypalError 404 if there is none."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM dispute WHERE id = ?", (dispute_id,)
    ).fetchone()
    if row is None:
        raise not_found()
    return row


def show(db: sqlite3.Connection, config: SandboxConfig, dispute_id: str) -> dict[str, Any]:
    """A dispute as PayPal shows it to the merchant; PaypalError 404 if there is none."""
    dispute = find(db, dispute_id)
    return dispute_shapes.whole(db, config, dispute, capture_of(db, dispute["capture_id"]))


def _open(db: sqlite3.Connection, dispute_id: str) -> sqlite3.Row:
    dispute = find(db, dispute_id)
    if dispute["status"] == RESOLVED:
        raise NotNow("This dispute is resolved already.")
    return dispute


def capture_of(db: sqlite3.Connection, capture_id: str) -> sqlite3.Row:
    """The capture's row; PaypalError 404 if there is none."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM capture WHERE id = ?", (capture_id,)
    ).fetchone()
    if row is None:
        raise not_found()
    return row


def left_of(db: sqlite3.Connection, capture: sqlite3.Row) -> int:
    """How much of a capture the merchant still has, undisputed."""
    if capture["status"] in {"PENDING", "DECLINED"}:
        raise NotNow(f"This capture is {capture['status']}: nothing of it can be disputed.")
    refunded = db.execute(
        "SELECT coalesce(sum(gross), 0) FROM refund WHERE capture_id = ? AND status <> 'FAILED'",
        (capture["id"],),
    ).fetchone()[0]
    return int(capture["gross"] - refunded - taken_back(db, capture["id"]))


def has_open(db: sqlite3.Connection, capture_id: str) -> bool:
    """Whether a dispute about a capture is not decided yet."""
    query = "SELECT 1 FROM dispute WHERE capture_id = ? AND status <> ?"
    return db.execute(query, (capture_id, RESOLVED)).fetchone() is not None


def taken_back(db: sqlite3.Connection, capture_id: str) -> int:
    """How much of a capture disputes hold, or they and reversals gave back, in minor units."""
    return int(
        db.execute(
            "SELECT coalesce(sum(CASE WHEN status <> ? THEN minor WHEN outcome IN (?, ?)"
            " THEN refunded ELSE 0 END), 0)"
            " + (SELECT coalesce(sum(minor), 0) FROM reversal WHERE capture_id = ?)"
            " FROM dispute WHERE capture_id = ?",
            (RESOLVED, *sorted(LOST), capture_id, capture_id),
        ).fetchone()[0]
    )


def _update(
    db: sqlite3.Connection, sandbox: Sandbox, dispute_id: str, **changes: str | float | None
) -> None:
    names = ", ".join(f"{name} = ?" for name in changes)
    db.execute(
        f"UPDATE dispute SET {names}, updated_at = ? WHERE id = ?",  # noqa: S608  # names of ours
        (*changes.values(), sandbox.clock.now(), dispute_id),
    )


def _announce(db: sqlite3.Connection, sandbox: Sandbox, dispute_id: str, what: str) -> None:
    resource = show(db, sandbox.config, dispute_id)
    events.record(db, sandbox, f"CUSTOMER.DISPUTE.{what}", "dispute", resource)


def _not_allowed() -> PaypalError:
    """What PayPal says to an act that no link of the dispute names; its description has no word."""
    return PaypalError(
        UNPROCESSABLE,
        [
            {
                "issue": "ACTION_NOT_ALLOWED",
                "description": "The dispute's status does not allow this action.",
            }
        ],
    )
