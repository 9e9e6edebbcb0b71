"""Double-entry books: who paid what to whom. What the shop's own ledger is compared with.

An entry is a set of postings that sum to zero in each currency. A payment takes its money from the
payer's bank, passes it through the payer's account to the merchant, and PayPal's fee from there. A
refund waits between the merchant's account and the payer's until it is completed.
A payout takes amount and fee from the merchant; one that comes back gives both back.
"""

import sqlite3
from typing import Any

from app.sandbox import transactions
from app.sandbox.ids import resource_id
from app.sandbox.money import Amount
from app.sandbox.transactions import Code, Entry

MERCHANT = "merchant"
BANK = "bank:merchant"
HELD = "merchant_held"  # the merchant's money that is disputed
FEES = "paypal_fees"
REFUNDS = "refunds_under_way"
REFUSED = ("DECLINED", "FAILED")  # states of a capture that never took money
UNCLAIMED = "unclaimed"


def book_capture(db: sqlite3.Connection, capture: sqlite3.Row, *, now: float) -> None:
    """Book a completed capture, all but PayPal's fee."""
    payer, gross = capture["payer"], capture["gross"]
    bank, account = f"bank:{payer}", f"payer:{payer}"
    postings = [(bank, -gross), (account, gross), (account, -gross), (MERCHANT, gross)]
    _post(db, capture, postings, now)


def book_refund(db: sqlite3.Connection, refund: sqlite3.Row, *, now: float) -> None:
    """Take the money of a refund off the merchant's account; PayPal keeps its fee."""
    _post(db, refund, [(MERCHANT, -refund["gross"]), (REFUNDS, refund["gross"])], now)
    _list_refund(db, refund, Code.REFUND, -refund["gross"], now)


def return_refund(db: sqlite3.Connection, refund: sqlite3.Row, *, now: float) -> None:
    """Give the money of a failed refund back to the merchant."""
    _post(db, refund, [(REFUNDS, -refund["gross"]), (MERCHANT, refund["gross"])], now)
    _list_refund(db, refund, Code.GENERAL_REVERSAL, refund["gross"], now)


def _list_refund(
    db: sqlite3.Connection, refund: sqlite3.Row, code: Code, minor: int, now: float
) -> None:
    entry = Entry(
        id=refund["id"],
        code=code,
        currency=refund["currency"],
        minor=minor,
        reference_id=refund["capture_id"],
        custom_id=refund["custom_id"],
        invoice_id=refund["invoice_id"],
    )
    transactions.note(db, entry, now=now)


def pay_refund(db: sqlite3.Connection, refund: sqlite3.Row, *, payer: str, now: float) -> None:
    """Give the money of a completed refund to its payer, and from there to the bank."""
    gross = refund["gross"]
    bank, account = f"bank:{payer}", f"payer:{payer}"
    postings = [(REFUNDS, -gross), (account, gross), (account, -gross), (bank, gross)]
    _post(db, refund, postings, now)


def book_fee(db: sqlite3.Connection, capture: sqlite3.Row, *, fee: Amount, now: float) -> None:
    """Book PayPal's fee of a completed capture."""
    _post(db, capture, [(MERCHANT, -fee.minor), (FEES, fee.minor)], now)


def book_other(db: sqlite3.Connection, entry: Entry, *, now: float) -> None:
    """Book and list what the merchant did, or PayPal charged, without the shop."""
    other = BANK if entry.code is Code.WITHDRAWAL else FEES
    book_listed(db, entry, other=other, now=now)


def book_listed(db: sqlite3.Connection, entry: Entry, *, other: str, now: float) -> None:
    """Book and list what moves between the merchant and another account."""
    post(db, entry.id, entry.currency, [(MERCHANT, entry.minor), (other, -entry.minor)], now)
    transactions.note(db, entry, now=now)


def pay_out(db: sqlite3.Connection, entry: Entry, *, payer: str, now: float) -> None:
    """Book and list what goes back from the merchant to a payer, and from there to the bank."""
    bank, account = f"bank:{payer}", f"payer:{payer}"
    book_listed(db, entry, other=account, now=now)
    post(db, entry.id, entry.currency, [(account, entry.minor), (bank, -entry.minor)], now)


def book_payout(db: sqlite3.Connection, item: sqlite3.Row, *, to: str, now: float) -> None:
    """Book an item of a payout that leaves the merchant, and its fee."""
    amount, fee = item["minor"], item["fee"]
    postings = [(MERCHANT, -amount - fee), (to, amount), (FEES, fee)]
    _post(db, item, postings, now)
    entry = Entry(
        id=item["transaction_id"],
        code=Code.PAYOUT,
        currency=item["currency"],
        minor=-amount,
        fee=-fee,
        custom_id=item["sender_item_id"],
    )
    transactions.note(db, entry, now=now)


def book_claim(db: sqlite3.Connection, item: sqlite3.Row, *, to: str, now: float) -> None:
    """Book that the receiver has claimed what lay unclaimed."""
    postings = [(UNCLAIMED, -item["minor"]), (to, item["minor"])]
    _post(db, item, postings, now)


def book_payout_back(
    db: sqlite3.Connection, item: sqlite3.Row, *, out_of: str, code: Code, now: float
) -> None:
    """Book an item of a payout that comes back to the merchant, with its fee."""
    amount, fee = item["minor"], item["fee"]
    postings = [(out_of, -amount), (FEES, -fee), (MERCHANT, amount + fee)]
    _post(db, item, postings, now)
    entry = Entry(
        id=resource_id(),
        code=code,
        currency=item["currency"],
        minor=amount,
        fee=fee,
        reference_id=item["transaction_id"],
        custom_id=item["sender_item_id"],
    )
    transactions.note(db, entry, now=now)


def merchant(db: sqlite3.Connection, currency: str) -> int:
    """What the merchant has."""
    row = db.execute(
        "SELECT coalesce(sum(minor), 0) AS minor FROM posting WHERE account = ? AND currency = ?",
        (MERCHANT, currency),
    ).fetchone()
    return int(row["minor"])


def _post(
    db: sqlite3.Connection, about: sqlite3.Row, postings: list[tuple[str, int]], now: float
) -> None:
    post(db, about["id"], about["currency"], postings, now)


def post(
    db: sqlite3.Connection, entry: str, currency: str, postings: list[tuple[str, int]], now: float
) -> None:
    """Book minor units to accounts, under the id of what moves them; they must sum to zero."""
    db.executemany(
        "INSERT INTO posting (entry, account, currency, minor, created_at) VALUES (?, ?, ?, ?, ?)",
        [(entry, name, currency, minor, now) for name, minor in postings],
    )


def read(db: sqlite3.Connection) -> dict[str, Any]:
    """The books in minor units per currency, and whether they sum to zero.

    `captures` are those that took money or will; `refused` those that never did. What went back
    since stands in `refunds`, `disputes` and `reversals`, and all items of payouts in `payouts`.
    """
    accounts: dict[str, dict[str, int]] = {}
    sums: dict[str, int] = {}
    for row in db.execute(
        "SELECT account, currency, sum(minor) AS minor FROM posting GROUP BY account, currency"
        " ORDER BY account, currency"
    ):
        accounts.setdefault(row["account"], {})[row["currency"]] = row["minor"]
        sums[row["currency"]] = sums.get(row["currency"], 0) + row["minor"]
    captures = [_capture(row) for row in db.execute("SELECT * FROM capture ORDER BY number")]
    open_entries = db.execute(
        "SELECT count(*) FROM"
        " (SELECT 1 FROM posting GROUP BY entry, currency HAVING sum(minor) <> 0)"
    ).fetchone()[0]
    return {
        "merchant": accounts.get(MERCHANT, {}),
        "held": accounts.get(HELD, {}),
        "fees": accounts.get(FEES, {}),
        "accounts": accounts,
        "sums": sums,
        "balanced": not open_entries and not any(sums.values()),
        "captures": [row for row in captures if row["status"] not in REFUSED],
        "refused": [row for row in captures if row["status"] in REFUSED],
        "refunds": [_refund(row) for row in db.execute("SELECT * FROM refund ORDER BY number")],
        "payouts": [
            _payout(row) for row in db.execute("SELECT * FROM payout_item ORDER BY number")
        ],
        "disputes": [_dispute(row) for row in db.execute("SELECT * FROM dispute ORDER BY number")],
        "reversals": [
            _reversal(row) for row in db.execute("SELECT * FROM reversal ORDER BY number")
        ],
    }


def _capture(row: sqlite3.Row) -> dict[str, Any]:
    fee = row["fee"]
    return {
        "id": row["id"],
        "order_id": row["order_id"],
        "status": row["status"],
        "payer": row["payer"],
        "currency": row["currency"],
        "gross_minor": row["gross"],
        "fee_minor": fee,
        "net_minor": None if fee is None else row["gross"] - fee,
        "custom_id": row["custom_id"],
        "invoice_id": row["invoice_id"],
    }


def _refund(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "capture_id": row["capture_id"],
        "status": row["status"],
        "currency": row["currency"],
        "gross_minor": row["gross"],
        "custom_id": row["custom_id"],
        "invoice_id": row["invoice_id"],
    }


def _payout(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "batch_id": row["batch_id"],
        "sender_item_id": row["sender_item_id"],
        "status": row["status"],
        "receiver": row["receiver"],
        "currency": row["currency"],
        "amount_minor": row["minor"],
        "fee_minor": row["fee"],
    }


def _dispute(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "capture_id": row["capture_id"],
        "status": row["status"],
        "outcome": row["outcome"],
        "currency": row["currency"],
        "amount_minor": row["minor"],
        "refunded_minor": row["refunded"],
    }


def _reversal(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "capture_id": row["capture_id"],
        "currency": row["currency"],
        "amount_minor": row["minor"],
    }
