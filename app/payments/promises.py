"""What payments and the ledger promise."""

from collections.abc import Iterator

import requests
from flask import current_app
from sqlalchemy import text

from app.kit.db import end_read, session
from app.kit.money import Money
from app.kit.promises import Promise, append_only, promise
from app.settings import Settings

SECONDS = 5


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings


def _pays_at_sandbox() -> bool:
    return _settings().paypal_ca_file is not None


def _cash_that_differs() -> Iterator[str]:
    """PayPal's cash in the ledger, where the sandbox's own books have another amount."""
    currency = _settings().currency
    cash = session().scalar(
        text("""SELECT coalesce(sum(b.balance_minor), 0)::bigint FROM account_balance b
            JOIN ledger_account a ON a.id = b.account_id
            WHERE a.kind = 'paypal_cash' AND a.currency = :currency"""),
        {"currency": currency},
    )
    end_read()
    try:
        answer = requests.get(f"{_settings().paypal_base_url}/sandbox/books", timeout=SECONDS)
        answer.raise_for_status()
    except requests.RequestException:
        yield "can't be told: the sandbox does not answer"
        return
    theirs = int(answer.json()["merchant"].get(currency, 0))
    if theirs != cash:
        ours, other = (Money(minor, currency).to_decimal_string() for minor in (cash or 0, theirs))
        yield f"{ours} here, {other} there"


PROMISES = [
    append_only(
        "the ledger never changes", ["ledger_account", "ledger_transaction", "ledger_entry"]
    ),
    append_only("what PayPal told us never changes", ["inbound_event"]),
    append_only("what was decided about payouts never changes", ["payout_decision"]),
    promise(
        "every ledger transaction sums to zero",
        """
        SELECT e.transaction_id FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        GROUP BY e.transaction_id, a.currency HAVING sum(e.amount_minor) <> 0""",
    ),
    promise(
        "no ledger transaction is empty",
        """
        SELECT t.id FROM ledger_transaction t
        WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.transaction_id = t.id)""",
    ),
    promise(
        "every settled payment is booked, to the cent",
        """
        SELECT p.id FROM payment p
        LEFT JOIN ledger_transaction t ON t.kind = 'sale' AND t.reference = p.id
        LEFT JOIN ledger_entry e ON e.transaction_id = t.id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        WHERE p.state = 'settled'
        GROUP BY p.id HAVING p.amount_minor <> -coalesce(sum(e.amount_minor)
            FILTER (WHERE a.kind IN ('seller_pending', 'platform_revenue')), 0)""",
    ),
    promise(
        "PayPal's fee of every settled payment is booked, to the cent",
        """
        SELECT p.id FROM payment p
        LEFT JOIN ledger_transaction t ON t.kind IN ('sale', 'fee') AND t.reference = p.id
        LEFT JOIN ledger_entry e ON e.transaction_id = t.id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        WHERE p.state = 'settled'
        GROUP BY p.id HAVING coalesce(p.fee_minor, 0) <> coalesce(sum(e.amount_minor)
            FILTER (WHERE a.kind = 'paypal_fees'), 0)""",
    ),
    append_only("what refunds give back never changes", ["refund_part"]),
    promise(
        "every refund that PayPal has taken on is booked, to the cent, and no other",
        """
        SELECT r.id FROM refund r
        LEFT JOIN ledger_transaction t
            ON t.kind IN ('refund', 'refund_failed') AND t.reference = r.id
        LEFT JOIN ledger_entry e ON e.transaction_id = t.id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        WHERE EXISTS (SELECT FROM refund_part p WHERE p.refund_id = r.id)
        GROUP BY r.id
        HAVING coalesce(sum(e.amount_minor) FILTER (WHERE a.kind = 'paypal_cash'), 0)
            <> CASE WHEN r.is_booked THEN -r.amount_minor ELSE 0 END
        UNION ALL SELECT r.id FROM refund r
        WHERE r.is_booked AND r.state NOT IN ('pending', 'completed')
        UNION ALL SELECT t.reference FROM ledger_transaction t
        WHERE t.kind IN ('refund', 'refund_failed')
            AND NOT EXISTS (SELECT FROM refund r WHERE r.id = t.reference)""",
    ),
    promise(
        "PayPal answers on every refund within an hour",
        """
        SELECT r.id FROM refund r
        WHERE r.state = 'created' AND r.created_at < clock_timestamp() - interval '1 hour'""",
    ),
    promise(
        "PayPal tells the fee of a payment within a week",
        """
        SELECT 'order ' || p.reference || ', paid ' || p.settled_at::date FROM payment p
        WHERE p.state = 'settled' AND p.fee_minor IS NULL
            AND p.settled_at < clock_timestamp() - interval '7 days'""",
    ),
    promise(
        "what PayPal calls completed is settled within a quarter of an hour",
        """
        SELECT 'order ' || p.reference || ', ' || p.state FROM payment p
        WHERE p.told_completed_at < clock_timestamp() - interval '15 minutes'
            AND p.state NOT IN ('settled', 'mismatched') AND p.issue IS DISTINCT FROM 'REFUNDED'""",
    ),
    promise(
        "what waits to be released is what sellers' pending accounts hold",
        """
        SELECT owed.account_id FROM (
            SELECT e.account_id, -sum(e.amount_minor) AS minor FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id
            WHERE a.kind = 'seller_pending' GROUP BY e.account_id) owed
        FULL JOIN (
            SELECT account_id, sum(share_minor) AS minor FROM pending_share
            GROUP BY account_id) waiting ON waiting.account_id = owed.account_id
        WHERE coalesce(owed.minor, 0) <> coalesce(waiting.minor, 0)""",
    ),
    promise(
        "what accounts hold is what was booked on them",
        """
        SELECT coalesce(kept.account_id, booked.account_id) FROM (
            SELECT account_id, sum(amount_minor) AS minor FROM ledger_entry
            GROUP BY account_id) booked
        FULL JOIN (
            SELECT account_id, sum(balance_minor) AS minor FROM account_balance
            GROUP BY account_id) kept ON kept.account_id = booked.account_id
        WHERE coalesce(kept.minor, 0) <> coalesce(booked.minor, 0)""",
    ),
    promise(
        "what moved on accounts by days is what they hold",
        """
        SELECT coalesce(kept.account_id, turned.account_id) FROM (
            SELECT account_id, sum(amount_minor) AS minor FROM account_turnover
            GROUP BY account_id) turned
        FULL JOIN (
            SELECT account_id, sum(balance_minor) AS minor FROM account_balance
            GROUP BY account_id) kept ON kept.account_id = turned.account_id
        WHERE coalesce(kept.minor, 0) <> coalesce(turned.minor, 0)""",
    ),
    promise(
        "each entry of a seller tells what the account then held",
        """
        SELECT id FROM (
            SELECT e.id, e.balance_minor, sum(e.amount_minor)
                OVER (PARTITION BY e.account_id ORDER BY e.id) AS booked
            FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
            WHERE a.owner_id IS NOT NULL) told
        WHERE balance_minor <> booked""",
    ),
    promise(
        "what sellers' earnings call given back is what was booked so",
        """
        SELECT coalesce(kept.seller_id, booked.owner_id) FROM (
            SELECT a.owner_id, a.currency, sum(e.amount_minor) AS share
            FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
            JOIN ledger_account a ON a.id = e.account_id
            WHERE t.kind IN ('refund', 'refund_failed', 'chargeback', 'dispute_lost')
                AND a.owner_id IS NOT NULL GROUP BY a.owner_id, a.currency) booked
        FULL JOIN seller_earnings kept
            ON kept.seller_id = booked.owner_id AND kept.currency = booked.currency
        WHERE coalesce(kept.gross_back_minor - kept.commission_back_minor, 0)
            <> coalesce(booked.share, 0)""",
    ),
    promise(
        "no share waits a quarter of an hour past its hold",
        """
        SELECT s.line_id FROM pending_share s JOIN ledger_account a ON a.id = s.account_id
        JOIN users u ON u.id = a.owner_id
        WHERE s.release_at < clock_timestamp() - interval '15 minutes'
            AND NOT s.is_paused AND u.banned_at IS NULL""",
    ),
    promise(
        "PayPal took nothing that differs from what was asked for",
        """
        SELECT 'order ' || p.reference || ', ' || p.issue FROM payment p
        WHERE p.state = 'mismatched'""",
    ),
    promise(
        "PayPal's list of transactions and the ledger agree",
        """
        SELECT d.subject_id || ', in minor units of ' || d.currency || ': ' || d.ours_minor
            || ' here, ' || d.theirs_minor || ' there'
        FROM reconciliation_difference d WHERE d.closed_at IS NULL""",
    ),
    promise(
        "PayPal's list of transactions was compared within two days",
        """
        SELECT 'not since ' || p.until FROM progress p
        WHERE p.name = 'transactions' AND p.until < clock_timestamp() - interval '48 hours'
        UNION ALL
        SELECT 'never' WHERE NOT EXISTS (SELECT FROM progress WHERE name = 'transactions')
            AND EXISTS (
                SELECT FROM payment WHERE settled_at < clock_timestamp() - interval '48 hours')""",
    ),
    promise(
        "a seller has one live payout at most",
        """
        SELECT seller_id FROM payout WHERE state IN ('started', 'sent', 'on_hold', 'unclaimed')
        GROUP BY seller_id HAVING count(*) > 1""",
    ),
    promise(
        "what is on its way to sellers is what their live payouts are",
        """
        SELECT coalesce(kept.owner_id, live.seller_id) FROM (
            SELECT a.owner_id, -sum(b.balance_minor) AS minor FROM account_balance b
            JOIN ledger_account a ON a.id = b.account_id
            WHERE a.kind = 'seller_in_payout' GROUP BY a.owner_id) kept
        FULL JOIN (
            SELECT seller_id, sum(amount_minor) AS minor FROM payout
            WHERE state IN ('started', 'sent', 'on_hold', 'unclaimed') AND left_at IS NULL
            GROUP BY seller_id) live ON live.seller_id = kept.owner_id
        WHERE coalesce(kept.minor, 0) <> coalesce(live.minor, 0)""",
    ),
    promise(
        "what PayPal has paid out, and what came back, is booked, to the cent",
        """
        SELECT p.id FROM payout p
        LEFT JOIN ledger_transaction t ON t.reference = p.id
        LEFT JOIN ledger_entry e ON e.transaction_id = t.id
        LEFT JOIN ledger_account a ON a.id = e.account_id AND a.kind = 'paypal_cash'
        GROUP BY p.id HAVING
            count(DISTINCT t.id) FILTER (WHERE t.kind = 'payout') <> 1
            OR count(DISTINCT t.id) FILTER (WHERE t.kind = 'payout_paid')
                <> (p.left_at IS NOT NULL)::int
            OR count(DISTINCT t.id) FILTER (WHERE t.kind = 'payout_returned')
                <> (p.state IN ('unsent', 'failed', 'blocked', 'returned', 'refunded', 'reversed'))
                    ::int
            OR coalesce(sum(e.amount_minor) FILTER (WHERE a.id IS NOT NULL), 0)
                <> CASE WHEN p.state IN ('paid', 'unclaimed', 'on_hold') AND p.left_at IS NOT NULL
                    THEN -p.amount_minor - coalesce(p.fee_minor, 0) ELSE 0 END""",
    ),
    promise(
        "no payout is on its way for a day without a reason that is told",
        """
        SELECT p.id FROM payout p JOIN payout_batch b ON b.id = p.batch_id
        WHERE p.state IN ('started', 'sent')
            AND p.started_at < clock_timestamp() - interval '1 day'
            AND p.issue IS NULL AND b.issue IS NULL""",
    ),
    promise(
        "PayPal is asked about every batch of payouts whose time has come",
        """
        SELECT id FROM payout_batch
        WHERE next_check_at < clock_timestamp() - interval '15 minutes'""",
    ),
    promise(
        "PayPal has said of each batch of payouts whether it has it",
        """
        SELECT id || ', ' || coalesce(issue, '') FROM payout_batch
        WHERE state = 'started' AND next_check_at IS NULL""",
    ),
    promise(
        "PayPal says nothing of payouts that can't be after what was booked",
        """
        SELECT id || ', ' || contradiction FROM payout WHERE contradiction IS NOT NULL""",
    ),
    promise(
        "what sellers' disputed accounts hold is what open disputes hold, to the cent",
        """
        SELECT coalesce(booked.owner_id, held.seller_id) FROM (
            SELECT a.owner_id, a.currency, -sum(e.amount_minor) AS minor FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id
            WHERE a.kind = 'seller_disputed' GROUP BY a.owner_id, a.currency
            HAVING sum(e.amount_minor) <> 0) booked
        FULL JOIN (
            SELECT p.seller_id, d.currency, sum(p.gross_minor - p.lost_gross_minor
                - p.freed_gross_minor - p.commission_minor + p.lost_commission_minor
                + p.freed_commission_minor) AS minor
            FROM dispute_part p JOIN dispute d ON d.id = p.dispute_id
            GROUP BY p.seller_id, d.currency) held
            ON held.seller_id = booked.owner_id AND held.currency = booked.currency
        WHERE coalesce(booked.minor, 0) <> coalesce(held.minor, 0)""",
    ),
    promise(
        "PayPal holds what open disputes hold, to the cent",
        """
        SELECT coalesce(booked.currency, held.currency) FROM (
            SELECT a.currency, sum(e.amount_minor) AS minor FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id
            WHERE a.kind = 'paypal_held' GROUP BY a.currency) booked
        FULL JOIN (
            SELECT d.currency,
                sum(p.gross_minor - p.lost_gross_minor - p.freed_gross_minor) AS minor
            FROM dispute_part p JOIN dispute d ON d.id = p.dispute_id
            GROUP BY d.currency) held ON held.currency = booked.currency
        WHERE coalesce(booked.minor, 0) <> coalesce(held.minor, 0)""",
    ),
    promise(
        "what disputes hold and have lost are the sums of their parts, held while open alone",
        """
        SELECT d.paypal_id FROM dispute d LEFT JOIN dispute_part p ON p.dispute_id = d.id
        GROUP BY d.id HAVING (d.held_minor, d.lost_minor)
                <> (coalesce(sum(p.gross_minor), 0), coalesce(sum(p.lost_gross_minor), 0))
            OR d.state <> 'open' AND d.held_minor <> d.lost_minor + coalesce(
                sum(p.freed_gross_minor), 0)""",
    ),
    promise(
        "what PayPal tells of each payment is booked, or what will end is in its way",
        """
        WITH told AS (
            SELECT payment_id, id, state = 'open' AS is_open, true AS is_dispute FROM dispute
            WHERE (state = 'open' AND amount_minor > held_minor)
                OR (state = 'lost' AND loses_minor - covered_minor > lost_minor)
            UNION ALL SELECT payment_id, id, false, false FROM refund r
            WHERE state IN ('pending', 'completed') AND NOT is_booked AND (source = 'paypal'
                OR EXISTS (SELECT FROM refund_part WHERE refund_id = r.id)))
        SELECT 'order ' || p.reference FROM told JOIN payment p ON p.id = told.payment_id
        WHERE p.state = 'settled' AND ((told.is_dispute AND p.amount_minor > (
                SELECT coalesce(sum(amount_minor), 0) FROM refund r
                WHERE r.payment_id = p.id AND (r.is_booked OR r.state = 'created')) + (
                SELECT coalesce(sum(gross_minor - freed_gross_minor), 0) FROM dispute_part
                JOIN dispute d ON d.id = dispute_id WHERE d.payment_id = p.id))
            OR (NOT told.is_open
                AND NOT EXISTS (SELECT FROM refund r WHERE r.payment_id = p.id
                    AND r.id <> told.id AND r.state IN ('created', 'pending'))
                AND NOT EXISTS (SELECT FROM dispute d
                    WHERE d.payment_id = p.id AND d.state = 'open')))""",
    ),
    promise(
        "PayPal's fees of every dispute are booked, to the cent",
        """
        SELECT d.id FROM dispute d
        LEFT JOIN dispute_fee f ON f.dispute_id = d.id
        LEFT JOIN ledger_transaction t ON t.kind = 'dispute_fee' AND t.reference = f.id
        LEFT JOIN ledger_entry e ON e.transaction_id = t.id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        GROUP BY d.id HAVING d.fee_minor <> coalesce(sum(e.amount_minor)
            FILTER (WHERE a.kind = 'paypal_fees'), 0)""",
    ),
    promise(
        "no dispute is past PayPal's deadline without evidence",
        """
        SELECT d.paypal_id FROM dispute d
        WHERE d.state = 'open' AND d.awaits_evidence AND d.respond_by < clock_timestamp()""",
    ),
    Promise(
        "PayPal's cash in the ledger equals the sandbox's own books",
        _cash_that_differs,
        applies=_pays_at_sandbox,
    ),
]
