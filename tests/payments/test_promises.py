"""Each promise of payments and the ledger notices when it is broken."""

import pytest

from app.products.models import Product
from tests.support.harm import FREEZE, dispute, noticed

REFUND = """
    INSERT INTO refund
        (id, payment_id, state, amount_minor, currency, source, reason, checks, ended_at)
    SELECT gen_random_uuid(), id, 'completed', 1, 'EUR', 'paypal', '', 0, now() FROM payment;
    """
# A batch of payouts, and one payout of it for each seller who has sold something.
BATCH = (
    "INSERT INTO payout_batch (id, state, currency, readings, applied_reading, checks)"
    " VALUES ('00000000-0000-0000-0000-000000000001', 'started', 'EUR', 0, 0, 0); "
)
PAYOUT = (
    "INSERT INTO payout (id, batch_id, seller_id, state, amount_minor, currency, receiver,"
    " contradiction, started_at) SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001',"
    " seller_id, '{state}', 100, 'EUR', 'anna@example.com', {says}, now() - interval '{age}'"
    " FROM seller_earnings; "
)


def payout(state: str = "started", says: str = "NULL", age: str = "0 days") -> str:
    """SQL of a payout that nobody has booked."""
    return PAYOUT.format(state=state, says=says, age=age)


# What somebody with the database's password, or a bug, could do.
HARM = {
    "what sellers' disputed accounts hold is what open disputes hold, to the cent": dispute()
    + "INSERT INTO dispute_part SELECT '00000000-0000-0000-0000-00000000000d', gen_random_uuid(),"
    " seller_id, 0, 100, 10, 0, 0 FROM seller_earnings",
    "PayPal holds what open disputes hold, to the cent": dispute()
    + "INSERT INTO dispute_part SELECT '00000000-0000-0000-0000-00000000000d', gen_random_uuid(),"
    " seller_id, 0, 100, 10, 0, 0 FROM seller_earnings",
    "what disputes hold and have lost are the sums of their parts, held while open alone": (
        dispute(held=100)
    ),
    "what PayPal tells of each payment is booked, or what will end is in its way": dispute(),
    "PayPal's fees of every dispute are booked, to the cent": dispute(fee=1),
    "no dispute is past PayPal's deadline without evidence": dispute(awaits_evidence=True),
    "what was decided about payouts never changes": FREEZE.format("payout_decision"),
    "a seller has one live payout at most": "DROP INDEX uq_payout_live_seller_id; "
    + BATCH
    + payout()
    + payout(),
    "what is on its way to sellers is what their live payouts are": BATCH + payout(),
    "what PayPal has paid out, and what came back, is booked, to the cent": BATCH + payout("paid"),
    "no payout is on its way for a day without a reason that is told": BATCH + payout(age="2 days"),
    "PayPal is asked about every batch of payouts whose time has come": BATCH
    + "UPDATE payout_batch SET next_check_at = now() - interval '1 hour'",
    "PayPal has said of each batch of payouts whether it has it": BATCH
    + "UPDATE payout_batch SET next_check_at = NULL",
    "PayPal says nothing of payouts that can't be after what was booked": BATCH
    + payout("failed", "'SUCCESS'"),
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
    + "UPDATE refund SET is_booked = true; "
    "INSERT INTO refund_part SELECT r.id, l.id, l.seller_id, 1, 0 FROM refund r, order_line l"
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
