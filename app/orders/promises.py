"""What the sale promises: of orders, their deliveries and the record of these."""

from app.kit.promises import Promise, append_only, promise
from app.orders.service import evidence

PROMISES = [
    append_only("the record of deliveries never changes", ["delivery_record"]),
    append_only("what operators decided never changes", ["operator_decision"]),
    promise(
        "settled payments and paid orders match one to one",
        """
        SELECT coalesce(p.reference, o.id)
        FROM (SELECT * FROM payment WHERE state = 'settled') p
        FULL JOIN (SELECT * FROM orders WHERE state IN ('paid', 'delivered')) o
            ON o.id = p.reference
        WHERE p.id IS NULL OR o.id IS NULL OR p.amount_minor <> o.total_minor""",
    ),
    promise(
        "a delivered line has all its pieces, a paid one waits less than a minute",
        """
        SELECT o.id FROM orders o JOIN order_line l ON l.order_id = o.id
        WHERE (o.state = 'delivered' AND l.quantity <>
                (SELECT count(*) FROM delivery d WHERE d.line_id = l.id))
           OR (o.state = 'paid' AND o.paid_at < clock_timestamp() - interval '1 minute')""",
    ),
    promise(
        "nothing is delivered for an order that is not paid",
        """
        SELECT d.id FROM delivery d JOIN orders o ON o.id = d.order_id
        WHERE o.state <> 'delivered'""",
    ),
    promise(
        "a unit stands in at most one delivery, and it is the buyer's",
        """
        SELECT d.unit_id FROM delivery d JOIN stock_item u ON u.id = d.unit_id
        WHERE u.state <> 'sold' OR u.holder <> d.line_id
        UNION ALL SELECT unit_id FROM delivery WHERE unit_id IS NOT NULL
        GROUP BY unit_id HAVING count(*) > 1""",
    ),
    promise(
        "only a live order holds units",
        """
        SELECT u.id FROM stock_item u
        LEFT JOIN order_line l ON l.id = u.holder LEFT JOIN orders o ON o.id = l.order_id
        WHERE (u.state = 'reserved'
                AND (o.id IS NULL OR o.state NOT IN ('open', 'approved', 'paid')))
           OR (u.state = 'sold' AND (o.id IS NULL OR o.state NOT IN ('paid', 'delivered')))""",
    ),
    promise(
        "what is booked to each seller for sales is the sum of their lines",
        """
        SELECT owed.owner_id FROM (
            SELECT a.owner_id, -sum(e.amount_minor) AS minor FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id
            JOIN ledger_transaction t ON t.id = e.transaction_id
            WHERE t.kind = 'sale' AND a.kind = 'seller_pending' GROUP BY a.owner_id) owed
        FULL JOIN (
            SELECT l.seller_id, sum(l.quantity * l.unit_price_minor - l.commission_minor) AS minor
            FROM order_line l JOIN orders o ON o.id = l.order_id
            WHERE o.state IN ('paid', 'delivered') GROUP BY l.seller_id) earned
            ON earned.seller_id = owed.owner_id
        WHERE coalesce(owed.minor, 0) <> coalesce(earned.minor, 0)""",
    ),
    promise(
        "what sellers' earnings count is what they have sold",
        """
        SELECT coalesce(kept.seller_id, sold.seller_id) FROM (
            SELECT l.seller_id, o.currency, count(*) AS sales, sum(l.quantity) AS pieces,
                sum(l.quantity * l.unit_price_minor) AS gross, sum(l.commission_minor) AS commission
            FROM order_line l JOIN orders o ON o.id = l.order_id
            WHERE o.state IN ('paid', 'delivered') GROUP BY l.seller_id, o.currency) sold
        FULL JOIN seller_earnings kept
            ON kept.seller_id = sold.seller_id AND kept.currency = sold.currency
        WHERE (kept.sales, kept.pieces, kept.gross_minor, kept.commission_minor)
            IS DISTINCT FROM (sold.sales, sold.pieces, sold.gross, sold.commission)""",
    ),
    promise(
        "no order outlives its deadline unfinished",
        """
        SELECT o.id FROM orders o JOIN payment p ON p.reference = o.id
        WHERE o.state IN ('open', 'approved')
          AND o.expires_at < clock_timestamp() - CASE p.state
              WHEN 'capturing' THEN interval '1 hour' ELSE interval '1 minute' END
          AND p.state NOT IN ('pending', 'mismatched')""",
    ),
    Promise("the record of every delivery is whole", evidence.broken),
]
