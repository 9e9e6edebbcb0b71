"""What reviews promise: their sums are those of the reviews, each of which is of a purchase."""

from app.kit.promises import promise
from app.products.ratings import STARS

_COUNTS = ", ".join(f"count(*) FILTER (WHERE stars = {stars}) AS stars_{stars}" for stars in STARS)
_KEPT = ", ".join(f"p.stars_{stars}" for stars in STARS)
_COUNTED = ", ".join(f"coalesce(r.stars_{stars}, 0)" for stars in STARS)
_THAT_COUNT = "FROM review WHERE hidden_at IS NULL AND deleted_at IS NULL"

PROMISES = [
    promise(
        "the stars of each product are those of its reviews",
        f"""
        SELECT p.id FROM product p
        LEFT JOIN (SELECT product_id, {_COUNTS} {_THAT_COUNT} GROUP BY product_id) r
            ON r.product_id = p.id
        WHERE ({_KEPT}) IS DISTINCT FROM ({_COUNTED})""",  # noqa: S608  # the names are ours
    ),
    promise(
        "the rating of each seller is that of the reviews of their products",
        f"""
        SELECT coalesce(kept.seller_id, r.seller_id) FROM seller_rating kept
        FULL JOIN (SELECT seller_id, count(*) AS reviews, sum(stars) AS stars {_THAT_COUNT}
            GROUP BY seller_id) r ON r.seller_id = kept.seller_id
        WHERE (coalesce(kept.review_count, 0), coalesce(kept.star_sum, 0))
            IS DISTINCT FROM (coalesce(r.reviews, 0), coalesce(r.stars, 0))""",  # noqa: S608  # as above
    ),
    promise(
        "so many find a review helpful as it says",
        """
        SELECT r.id FROM review r WHERE r.helpful_count <>
            (SELECT count(*) FROM review_vote v WHERE v.review_id = r.id)""",
    ),
    promise(
        "each review is of a line that was delivered to its author",
        """
        SELECT r.id FROM review r JOIN order_line l ON l.id = r.line_id
        JOIN orders o ON o.id = l.order_id
        WHERE r.deleted_at IS NULL AND (o.state <> 'delivered'
            OR (l.order_id, l.product_id, l.seller_id, l.buyer_id)
                IS DISTINCT FROM (r.order_id, r.product_id, r.seller_id, r.author_id))""",
    ),
]
