"""What sellers have earned, counted anew from the orders and the ledger."""

from sqlalchemy import text

from app.kit.db import session, transactional

# Bookings wait at the lock with their own sums, and add them once this is committed.
_HOLD = text("LOCK TABLE seller_earnings IN EXCLUSIVE MODE")
_FORGET = text("DELETE FROM seller_earnings")
_COUNT = text("""
    INSERT INTO seller_earnings (seller_id, currency, sales, pieces, gross_minor,
        commission_minor, pending_minor, available_minor, first_sale_at)
    SELECT seller_id, currency, sum(sales), sum(pieces), sum(gross), sum(commission),
        sum(pending), sum(available), coalesce(min(first), clock_timestamp())
    FROM (
        SELECT l.seller_id, o.currency, 1 AS sales, l.quantity AS pieces,
            l.quantity * l.unit_price_minor AS gross, l.commission_minor AS commission,
            0 AS pending, 0 AS available, o.paid_at AS first
        FROM order_line l JOIN orders o ON o.id = l.order_id
        WHERE o.state IN ('paid', 'delivered')
        UNION ALL
        SELECT a.owner_id, a.currency, 0, 0, 0, 0,
            CASE a.kind WHEN 'seller_pending' THEN -e.amount_minor ELSE 0 END,
            CASE a.kind WHEN 'seller_available' THEN -e.amount_minor ELSE 0 END,
            NULL
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        WHERE a.kind IN ('seller_pending', 'seller_available')) part
    GROUP BY seller_id, currency
    RETURNING seller_id""")


@transactional
def recount_earnings() -> int:
    """Write down anew what each seller has sold and is owed; returns how many rows that are.

    For the end of an upgrade, while whose beginning older processes still sold: they keep no sums.
    """
    session().execute(_HOLD)
    session().execute(_FORGET)
    return len(session().execute(_COUNT).all())
