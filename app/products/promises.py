"""What the stock promises."""

from app.kit.promises import append_only, promise

PROMISES = [
    append_only("what was bought of a shared product never changes", ["shared_content"]),
    append_only("the history of commissions never changes", ["commission_change"]),
    promise(
        "a value stands in the market once",
        """
        SELECT encode(fingerprint, 'hex') FROM stock_item WHERE state <> 'withdrawn'
        GROUP BY fingerprint HAVING count(*) > 1""",
    ),
    promise(
        "stock in = free + reserved + sold + withdrawn",
        """
        SELECT b.id FROM stock_batch b
        WHERE b.taken <> (SELECT count(*) FROM stock_item u WHERE u.batch_id = b.id
            AND u.state IN ('free', 'reserved', 'sold', 'withdrawn'))""",
    ),
]
