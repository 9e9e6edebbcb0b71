"""What PayPal lists of the merchant's account: each movement of money, under a T-code.

Whoever books a movement notes it here as well, so that the list adds up to the merchant's balance.
https://developer.paypal.com/reports/reference/t-codes
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.sandbox.clock import iso
from app.sandbox.money import Amount


class Code(StrEnum):
    """What kind of movement a transaction is."""

    PAYMENT = "T0006"  # PayPal Checkout APIs
    PAYOUT = "T0001"
    PAYOUT_FEE = "T0104"
    CHARGEBACK_FEE = "T0106"
    GENERAL_FEE = "T0100"
    WITHDRAWAL = "T0400"  # to the merchant's bank
    GENERAL_REVERSAL = "T1100"
    REVERSAL = "T1106"  # by PayPal
    REFUND = "T1107"  # by the merchant
    FEE_REFUND = "T1109"
    DISPUTE_HOLD = "T1110"
    DISPUTE_HOLD_END = "T1111"
    PAYOUT_REVERSAL = "T1114"
    PAYOUT_REFUND = "T1115"
    CHARGEBACK = "T1201"
    CHARGEBACK_REVERSAL = "T1202"


PENDING, DENIED, DONE = "P", "D", "S"


@dataclass(frozen=True)
class Entry:
    """One transaction; `minor` and `fee` as they change the merchant's balance, fees negative."""

    id: str
    code: Code
    currency: str
    minor: int
    fee: int = 0
    status: str = DONE
    # The transaction it is about, such as the payment that a refund gives back.
    reference_id: str | None = None
    custom_id: str | None = None
    invoice_id: str | None = None
    payer_id: str | None = None


@dataclass(frozen=True)
class Search:
    """Which transactions are asked for; times in seconds since the epoch."""

    start: float
    end: float
    transaction_id: str | None = None
    code: str | None = None
    status: str | None = None
    currency: str | None = None
    balance_only: bool = True


def note(db: sqlite3.Connection, entry: Entry, *, now: float) -> None:
    """List a movement."""
    db.execute(
        "INSERT INTO listed_transaction (id, code, status, currency, minor, fee, reference_id,"
        " custom_id, invoice_id, payer_id, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            entry.code,
            entry.status,
            entry.currency,
            entry.minor,
            entry.fee,
            entry.reference_id,
            entry.custom_id,
            entry.invoice_id,
            entry.payer_id,
            now,
            now,
        ),
    )


def set_status(db: sqlite3.Connection, transaction_id: str, status: str, *, now: float) -> None:
    """A pending movement is done, or denied."""
    db.execute(
        "UPDATE listed_transaction SET status = ?, updated_at = ? WHERE id = ?",
        (status, now, transaction_id),
    )


def charge(db: sqlite3.Connection, transaction_id: str, fee: Amount, *, now: float) -> None:
    """PayPal takes its fee of a movement."""
    db.execute(
        "UPDATE listed_transaction SET fee = ?, updated_at = ? WHERE id = ?",
        (-fee.minor, now, transaction_id),
    )


def count(db: sqlite3.Connection, search: Search) -> int:
    """How many transactions fit."""
    where, values = _where(search)
    query = f"SELECT count(*) FROM listed_transaction WHERE {where}"  # noqa: S608  # conditions of ours
    found = db.execute(query, values).fetchone()
    return int(found[0])


def page(db: sqlite3.Connection, search: Search, *, size: int, offset: int) -> list[dict[str, Any]]:
    """Some of the transactions that fit, oldest first, as PayPal shows them."""
    where, values = _where(search)
    query = (
        f"SELECT * FROM listed_transaction WHERE {where}"  # noqa: S608  # conditions of ours
        " ORDER BY created_at, number LIMIT ? OFFSET ?"
    )
    rows = db.execute(query, [*values, size, offset])
    return [{"transaction_info": _info(row)} for row in rows]


def _where(search: Search) -> tuple[str, list[Any]]:
    """Conditions of our own making, and their values."""
    parts = ["created_at >= ?", "created_at <= ?"]
    values: list[Any] = [search.start, search.end]
    if search.balance_only:
        parts.append(f"status = '{DONE}'")
    given = {
        "id": search.transaction_id,
        "code": search.code,
        "status": search.status,
        "currency": search.currency,
    }
    for column, value in given.items():
        if value is not None:
            parts.append(f"{column} = ?")
            values.append(value)
    return " AND ".join(parts), values


def _info(row: sqlite3.Row) -> dict[str, Any]:
    body: dict[str, Any] = {
        "transaction_id": row["id"],
        "transaction_event_code": row["code"],
        "transaction_initiation_date": iso(row["created_at"]),
        "transaction_updated_date": iso(row["updated_at"]),
        "transaction_amount": Amount(row["minor"], row["currency"]).to_json(),
        "transaction_status": row["status"],
        "protection_eligibility": "02",
    }
    if row["fee"]:
        body["fee_amount"] = Amount(row["fee"], row["currency"]).to_json()
    if row["reference_id"]:
        body |= {"paypal_reference_id": row["reference_id"], "paypal_reference_id_type": "TXN"}
    for column, name in (
        ("custom_id", "custom_field"),
        ("invoice_id", "invoice_id"),
        ("payer_id", "paypal_account_id"),
    ):
        if row[column]:
            body[name] = row[column]
    return body
