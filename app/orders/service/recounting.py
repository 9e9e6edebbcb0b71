"""What sellers have earned, counted anew from the orders and the ledger."""

from sqlalchemy import text

from app.kit.db import session, transactional

# Bookings wait at the locks with their own sums, and add them once this is committed.
_HOLD = text("LOCK TABLE account_balance, seller_earnings IN EXCLUSIVE MODE")
_FORGET = (text("DELETE FROM account_balance"), text("DELETE FROM seller_earnings"))
_COUNT_BALANCES = text("""
    INSERT INTO account_balance (account_id, slot, balance_minor)
    SELECT account_id, 0, sum(amount_minor) FROM ledger_entry GROUP BY account_id""")
_COUNT_EARNINGS = text("""
    WITH sold AS (
        SELECT l.seller_id, o.currency, count(*) AS sales, sum(l.quantity) AS pieces,
            sum(l.quantity * l.unit_price_minor) AS gross, sum(l.commission_minor) AS commission,
            min(o.paid_at) AS first
        FROM order_line l JOIN orders o ON o.id = l.order_id
        WHERE o.state IN ('paid', 'delivered', 'refunded')
        GROUP BY l.seller_id, o.currency),
    went_back AS (
        SELECT seller_id, currency, sum(share + commission) AS gross, sum(commission) AS commission
        FROM (
            SELECT coalesce(a.owner_id, l.seller_id) AS seller_id, a.currency,
                CASE WHEN a.owner_id IS NULL THEN 0 ELSE e.amount_minor END AS share,
                CASE WHEN a.owner_id IS NULL THEN e.amount_minor ELSE 0 END AS commission
            FROM ledger_transaction t
            JOIN ledger_entry e ON e.transaction_id = t.id
            JOIN ledger_account a ON a.id = e.account_id
            LEFT JOIN order_line l ON l.id = e.line_id
            WHERE t.kind IN ('refund', 'refund_failed', 'chargeback', 'dispute_lost')
                AND (a.owner_id IS NOT NULL OR a.kind = 'platform_revenue')) part
        GROUP BY seller_id, currency)
    INSERT INTO seller_earnings (seller_id, currency, sales, pieces, gross_minor, commission_minor,
        gross_back_minor, commission_back_minor, first_sale_at)
    SELECT sold.seller_id, sold.currency, sales, pieces, sold.gross, sold.commission,
        coalesce(went_back.gross, 0), coalesce(went_back.commission, 0), first
    FROM sold LEFT JOIN went_back USING (seller_id, currency)
    RETURNING seller_id""")


@transactional
def recount_earnings() -> int:
    """Write down anew what accounts hold and what each seller has sold; returns how many sellers.

    For the end of an upgrade, while whose beginning older processes still sold: they keep no sums.
    """
    session().execute(_HOLD)
    for forget in _FORGET:
        session().execute(forget)
    session().execute(_COUNT_BALANCES)
    return len(session().execute(_COUNT_EARNINGS).all())
