"""The shop's promises, one query each: run by tests, by fault runs and by `flask check-invariants`.

Each query returns the rows that break its promise; none may.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import requests
from flask import current_app
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.db import end_read
from app.kit.money import Money
from app.orders.service import evidence

SHOWN = 5
SECONDS = 5


@dataclass(frozen=True)
class Result:
    """Whether a promise holds, with the first rows that break it."""

    name: str
    holds: bool
    detail: str


# name: the rows that break it
QUERIES = {
    "every ledger transaction sums to zero": """
        SELECT e.transaction_id FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        GROUP BY e.transaction_id, a.currency HAVING sum(e.amount_minor) <> 0""",
    "no ledger transaction is empty": """
        SELECT t.id FROM ledger_transaction t
        WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.transaction_id = t.id)""",
    "what must never change is guarded by a trigger": """
        SELECT wanted.name FROM unnest(ARRAY['ledger_account', 'ledger_transaction',
            'ledger_entry', 'delivery_record', 'shared_content']) AS wanted(name)
        WHERE NOT EXISTS (SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relname = wanted.name AND t.tgname = 'append_only' AND t.tgenabled <> 'D')""",
    "settled payments and paid orders match one to one": """
        SELECT coalesce(p.reference, o.id)
        FROM (SELECT * FROM payment WHERE state = 'settled') p
        FULL JOIN (SELECT * FROM orders WHERE state IN ('paid', 'delivered')) o
            ON o.id = p.reference
        WHERE p.id IS NULL OR o.id IS NULL OR p.amount_minor <> o.total_minor""",
    "every settled payment is booked, to the cent": """
        SELECT p.id FROM payment p
        LEFT JOIN ledger_transaction t ON t.kind = 'sale' AND t.reference = p.id
        LEFT JOIN ledger_entry e ON e.transaction_id = t.id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        WHERE p.state = 'settled'
        GROUP BY p.id HAVING p.amount_minor <> -coalesce(sum(e.amount_minor)
            FILTER (WHERE a.kind IN ('seller_pending', 'platform_revenue')), 0)""",
    "a delivered line has all its pieces, a paid one waits less than a minute": """
        SELECT o.id FROM orders o JOIN order_line l ON l.order_id = o.id
        WHERE (o.state = 'delivered' AND l.quantity <>
                (SELECT count(*) FROM delivery d WHERE d.line_id = l.id))
           OR (o.state = 'paid' AND o.paid_at < clock_timestamp() - interval '1 minute')""",
    "nothing is delivered for an order that is not paid": """
        SELECT d.id FROM delivery d JOIN orders o ON o.id = d.order_id
        WHERE o.state <> 'delivered'""",
    "a unit stands in at most one delivery, and it is the buyer's": """
        SELECT d.unit_id FROM delivery d JOIN stock_item u ON u.id = d.unit_id
        WHERE u.state <> 'sold' OR u.holder <> d.line_id
        UNION ALL SELECT unit_id FROM delivery WHERE unit_id IS NOT NULL
        GROUP BY unit_id HAVING count(*) > 1""",
    "a value stands in the market once": """
        SELECT encode(fingerprint, 'hex') FROM stock_item WHERE state <> 'withdrawn'
        GROUP BY fingerprint HAVING count(*) > 1""",
    "stock in = free + reserved + sold + withdrawn": """
        SELECT b.id FROM stock_batch b
        WHERE b.taken <> (SELECT count(*) FROM stock_item u WHERE u.batch_id = b.id
            AND u.state IN ('free', 'reserved', 'sold', 'withdrawn'))""",
    "only a live order holds units": """
        SELECT u.id FROM stock_item u
        LEFT JOIN order_line l ON l.id = u.holder LEFT JOIN orders o ON o.id = l.order_id
        WHERE (u.state = 'reserved'
                AND (o.id IS NULL OR o.state NOT IN ('open', 'approved', 'paid')))
           OR (u.state = 'sold' AND (o.id IS NULL OR o.state NOT IN ('paid', 'delivered')))""",
    "what each seller is owed is the sum of their lines": """
        SELECT owed.owner_id FROM (
            SELECT a.owner_id, -sum(e.amount_minor) AS minor FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id
            WHERE a.kind IN ('seller_pending', 'seller_available') GROUP BY a.owner_id) owed
        FULL JOIN (
            SELECT l.seller_id, sum(l.quantity * l.unit_price_minor - l.commission_minor) AS minor
            FROM order_line l JOIN orders o ON o.id = l.order_id
            WHERE o.state IN ('paid', 'delivered') GROUP BY l.seller_id) earned
            ON earned.seller_id = owed.owner_id
        WHERE coalesce(owed.minor, 0) <> coalesce(earned.minor, 0)""",
    "what waits to be released is what sellers' pending accounts hold": """
        SELECT owed.account_id FROM (
            SELECT e.account_id, -sum(e.amount_minor) AS minor FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id
            WHERE a.kind = 'seller_pending' GROUP BY e.account_id) owed
        FULL JOIN (
            SELECT account_id, sum(share_minor) AS minor FROM pending_share
            GROUP BY account_id) waiting ON waiting.account_id = owed.account_id
        WHERE coalesce(owed.minor, 0) <> coalesce(waiting.minor, 0)""",
    "no share waits a quarter of an hour past its hold": """
        SELECT s.line_id FROM pending_share s JOIN ledger_account a ON a.id = s.account_id
        JOIN users u ON u.id = a.owner_id
        WHERE s.release_at < clock_timestamp() - interval '15 minutes'
            AND u.banned_at IS NULL""",
    "no order outlives its deadline unfinished": """
        SELECT o.id FROM orders o JOIN payment p ON p.reference = o.id
        WHERE o.state IN ('open', 'approved')
          AND o.expires_at < clock_timestamp() - CASE p.state
              WHEN 'capturing' THEN interval '1 hour' ELSE interval '1 minute' END
          AND p.state NOT IN ('pending', 'mismatched')""",
    "PayPal took nothing that differs from what was asked for": """
        SELECT 'order ' || p.reference || ', ' || p.issue FROM payment p
        WHERE p.state = 'mismatched'""",
    "no row of the outbox is older than a minute": """
        SELECT id FROM outbox WHERE done_at IS NULL
        AND created_at < clock_timestamp() - interval '1 minute'""",
}


def check(session: Session) -> Iterator[Result]:
    """Check every promise, one after the other."""
    for name, query in QUERIES.items():
        rows = session.execute(text(f"{query} LIMIT {SHOWN}")).scalars().all()
        detail = "ok" if not rows else ", ".join(str(row) for row in rows)
        yield Result(name, not rows, detail)
    yield _evidence_is_whole()
    yield from _against_paypal(session)


def _evidence_is_whole() -> Result:
    broken = [str(order_id) for order_id in itertools.islice(evidence.broken(), SHOWN)]
    return Result("the record of every delivery is whole", not broken, ", ".join(broken) or "ok")


def _against_paypal(session: Session) -> Iterator[Result]:
    """Compare PayPal's cash with the books of the bundled sandbox, where that is what we pay at."""
    settings = current_app.extensions["settings"]
    if settings.paypal_ca_file is None:
        return
    name = "PayPal's cash in the ledger equals the sandbox's own books"
    cash = session.execute(
        text("""SELECT coalesce(sum(e.amount_minor), 0) FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id
            WHERE a.kind = 'paypal_cash' AND a.currency = :currency"""),
        {"currency": settings.currency},
    ).scalar_one()
    end_read()
    try:
        theirs = _merchants_balance(settings.paypal_base_url, settings.currency)
    except requests.RequestException:
        yield Result(name, holds=False, detail="can't be told: the sandbox does not answer")
        return
    yield Result(name, theirs == cash, Money(int(cash), settings.currency).to_decimal_string())


def _merchants_balance(base_url: str, currency: str) -> int:
    """What the sandbox owes the shop, in minor units."""
    answer = requests.get(f"{base_url}/sandbox/books", timeout=SECONDS)
    answer.raise_for_status()
    return int(answer.json()["merchant"].get(currency, 0))
