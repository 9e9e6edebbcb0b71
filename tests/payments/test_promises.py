"""Each promise of payments and the ledger notices when it is broken."""

import pytest

from app.products.models import Product
from tests.support.harm import FREEZE, noticed

REFUND = """
    INSERT INTO refund
        (id, payment_id, state, amount_minor, currency, source, reason, checks, ended_at)
    SELECT gen_random_uuid(), id, 'completed', 1, 'EUR', 'paypal', '', 0, now() FROM payment;
    """
# What somebody with the database's password, or a bug, could do.
HARM = {
    "the ledger never changes": FREEZE.format("ledger_account"),
    "what PayPal told us never changes": FREEZE.format("inbound_event"),
    "every ledger transaction sums to zero": FREEZE.format("ledger_entry")
    + "UPDATE ledger_entry SET amount_minor = amount_minor + 1"
    " WHERE id = (SELECT min(id) FROM ledger_entry)",
    "no ledger transaction is empty": FREEZE.format("ledger_entry") + "DELETE FROM ledger_entry",
    "every settled payment is booked, to the cent": "UPDATE payment"
    " SET amount_minor = amount_minor + 1",
    "PayPal's fee of every settled payment is booked, to the cent": "UPDATE payment"
    " SET fee_minor = fee_minor + 1",
    "what refunds give back never changes": FREEZE.format("refund_part"),
    "every refund that PayPal has taken on is booked, to the cent, and no other": REFUND
    + "INSERT INTO refund_part SELECT r.id, l.id, l.seller_id, 1, 0 FROM refund r, order_line l"
    " LIMIT 1",
    "PayPal answers on every refund within an hour": REFUND + "UPDATE refund"
    " SET state = 'created', ended_at = NULL, created_at = now() - interval '2 hours'",
    "PayPal tells the fee of a payment within a week": "UPDATE payment"
    " SET fee_minor = NULL, settled_at = now() - interval '8 days'",
    "what PayPal calls completed is settled within a quarter of an hour": "UPDATE payment"
    " SET state = 'pending', settled_at = NULL, told_completed_at = now() - interval '1 hour'",
    "what waits to be released is what sellers' pending accounts hold": "DELETE FROM pending_share",
    "what accounts hold is what was booked on them": "UPDATE account_balance"
    " SET balance_minor = balance_minor + 1",
    "each entry of a seller tells what the account then held": FREEZE.format("ledger_entry")
    + "UPDATE ledger_entry SET balance_minor = balance_minor + 1",
    "what sellers' earnings call given back is what was booked so": "UPDATE seller_earnings"
    " SET gross_back_minor = gross_back_minor + 1",
    "what moved on accounts by days is what they hold": "UPDATE account_turnover"
    " SET amount_minor = amount_minor + 1",
    "PayPal's list of transactions and the ledger agree": "INSERT INTO reconciliation_difference"
    " (id, subject_id, currency, ours_minor, theirs_minor)"
    " VALUES (gen_random_uuid(), gen_random_uuid(), 'EUR', 1, 2)",
    "PayPal's list of transactions was compared within two days": "INSERT INTO progress"
    " (name, until) VALUES ('transactions', now() - interval '3 days')",
    "no share waits a quarter of an hour past its hold": "UPDATE pending_share"
    " SET release_at = now() - interval '1 hour'",
    "PayPal took nothing that differs from what was asked for": "UPDATE payment"
    " SET state = 'mismatched', issue = 'amount', settled_at = NULL",
}


@pytest.mark.parametrize("promise", HARM)
def test_broken_promise_is_noticed(sold_product: Product, promise: str) -> None:
    assert noticed(promise, HARM[promise])
