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
        FULL JOIN (SELECT * FROM orders WHERE state IN ('paid', 'delivered', 'refunded')) o
            ON o.id = p.reference
        WHERE p.id IS NULL OR o.id IS NULL OR p.amount_minor <> o.total_minor""",
    ),
    promise(
        "a delivered line has its pieces but those refunded, a paid one waits less than a minute",
        """
        SELECT o.id FROM orders o JOIN order_line l ON l.order_id = o.id
        WHERE (o.state = 'delivered' AND (o.next_delivery_at IS NULL
                OR o.next_delivery_at < clock_timestamp() - interval '1 minute') AND l.quantity <>
                (SELECT count(*) FROM delivery d WHERE d.line_id = l.id)
                + (SELECT count(*) FROM refunded_piece r WHERE r.line_id = l.id AND NOT EXISTS (
                    SELECT FROM delivery d
                    WHERE d.line_id = r.line_id AND d.position = r.position)))
           OR (o.state = 'paid' AND l.pieces_back < l.quantity
                AND o.paid_at < clock_timestamp() - interval '1 minute')""",
    ),
    promise(
        "earnings of what is delivered are held back only while a claim is to be decided",
        """
        SELECT s.line_id FROM pending_share s JOIN order_line l ON l.id = s.line_id
        JOIN orders o ON o.id = l.order_id
        WHERE s.is_paused AND o.delivered_at IS NOT NULL AND NOT EXISTS (
            SELECT FROM claim c WHERE c.line_id = s.line_id AND c.state IN ('open', 'called'))""",
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
        WHERE d.returned_at IS NULL AND (u.state <> 'sold' OR u.holder <> d.line_id)
        UNION ALL SELECT unit_id FROM delivery WHERE unit_id IS NOT NULL AND returned_at IS NULL
        GROUP BY unit_id HAVING count(*) > 1""",
    ),
    promise(
        "a piece is delivered or refunded, and what was refunded is not opened afterwards",
        """
        SELECT later.delivery_id FROM delivery_record back
        JOIN delivery_record later ON later.delivery_id = back.delivery_id
            AND later.order_id = back.order_id AND later.sequence > back.sequence
        WHERE back.act = 'refunded' AND NOT EXISTS (
            SELECT FROM delivery_record r WHERE r.order_id = back.order_id
                AND r.delivery_id = back.delivery_id AND r.act = 'restored'
                AND r.sequence > back.sequence AND r.sequence <= later.sequence)
        UNION ALL SELECT d.id FROM delivery d JOIN orders o ON o.id = d.order_id
        WHERE d.returned_at IS NOT NULL AND o.next_delivery_at IS NULL AND NOT EXISTS (
            SELECT FROM refunded_piece r WHERE r.line_id = d.line_id AND r.position = d.position)
        UNION ALL SELECT d.id FROM delivery d
        JOIN refunded_piece r ON r.line_id = d.line_id AND r.position = d.position
        JOIN refund ON refund.id = r.refund_id AND refund.state = 'completed'
        WHERE d.unit_id IS NOT NULL AND d.revealed_at IS NULL AND d.returned_at IS NULL""",
    ),
    promise(
        "what goes back of each line is what its refunds and lost disputes give back",
        """
        SELECT l.id FROM order_line l
        LEFT JOIN (
            SELECT line_id, sum(gross) AS gross, sum(commission) AS commission FROM (
                SELECT p.line_id, p.gross_minor AS gross, p.commission_minor AS commission
                FROM refund_part p JOIN refund r ON r.id = p.refund_id
                WHERE r.is_booked OR r.state = 'created'
                UNION ALL SELECT line_id, lost_gross_minor, lost_commission_minor
                FROM dispute_part) each GROUP BY line_id) back ON back.line_id = l.id
        LEFT JOIN (
            SELECT line_id, count(*) AS pieces FROM refunded_piece GROUP BY line_id) gone
            ON gone.line_id = l.id
        WHERE (l.given_back_minor, l.commission_back_minor, l.pieces_back)
            <> (coalesce(back.gross, 0), coalesce(back.commission, 0), coalesce(gone.pieces, 0))
        UNION ALL SELECT l.id FROM order_line l
        WHERE l.given_back_minor = l.quantity * l.unit_price_minor
            AND l.commission_back_minor <> l.commission_minor""",
    ),
    promise(
        "so many of a seller's pieces are called invalid as their claims say",
        """
        SELECT coalesce(kept.seller_id, said.seller_id) FROM seller_claims kept
        FULL JOIN (SELECT seller_id, sum(cardinality(pieces)) AS pieces FROM claim
            WHERE kind = 'invalid' AND state IN ('accepted', 'granted')
            GROUP BY seller_id) said ON said.seller_id = kept.seller_id
        WHERE coalesce(kept.invalid_pieces, 0) <> coalesce(said.pieces, 0)""",
    ),
    promise(
        "what is disputed of each line is what open disputes hold",
        """
        SELECT l.id FROM (SELECT * FROM order_line
            WHERE disputed_minor <> 0 OR disputed_commission_minor <> 0) l
        FULL JOIN (
            SELECT line_id, sum(gross_minor - lost_gross_minor - freed_gross_minor) AS gross,
                sum(commission_minor - lost_commission_minor - freed_commission_minor) AS commission
            FROM dispute_part GROUP BY line_id
            HAVING sum(gross_minor - lost_gross_minor - freed_gross_minor) <> 0
        ) held ON held.line_id = l.id
        WHERE (coalesce(l.disputed_minor, 0), coalesce(l.disputed_commission_minor, 0))
            <> (coalesce(held.gross, 0), coalesce(held.commission, 0))""",
    ),
    promise(
        "nothing is opened of an order that a dispute is open of",
        """
        SELECT l.id FROM order_line l
        WHERE l.is_disputed AND NOT EXISTS (
            SELECT FROM payment p JOIN dispute d ON d.payment_id = p.id
            WHERE p.reference = l.order_id AND d.state = 'open')
        UNION ALL SELECT l.id FROM dispute d JOIN payment p ON p.id = d.payment_id
        JOIN order_line l ON l.order_id = p.reference
        WHERE d.state = 'open' AND NOT l.is_disputed""",
    ),
    promise(
        "an unopened piece that went with a lost dispute is for sale again",
        """
        SELECT d.id FROM refunded_piece r
        JOIN delivery d ON d.line_id = r.line_id AND d.position = r.position
        WHERE r.dispute_id IS NOT NULL AND d.unit_id IS NOT NULL AND d.revealed_at IS NULL
            AND d.returned_at IS NULL""",
    ),
    promise(
        "an order that was refunded before its delivery is refunded whole",
        """
        SELECT o.id FROM orders o JOIN order_line l ON l.order_id = o.id
        WHERE o.state = 'refunded' AND l.pieces_back <> l.quantity""",
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
            WHERE o.state IN ('paid', 'delivered', 'refunded') GROUP BY l.seller_id) earned
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
            WHERE o.state IN ('paid', 'delivered', 'refunded')
            GROUP BY l.seller_id, o.currency) sold
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
