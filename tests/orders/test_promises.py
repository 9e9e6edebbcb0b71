"""Each promise of the sale notices when it is broken."""

import pytest

from app.products.models import Product
from tests.support.harm import FREEZE, dispute, noticed

# What somebody with the database's password, or a bug, could do.
HARM = {
    "the record of deliveries never changes": FREEZE.format("delivery_record"),
    "what operators decided never changes": FREEZE.format("operator_decision"),
    "earnings of what is delivered are held back only while a claim is to be decided": (
        "UPDATE pending_share SET is_paused = true"
    ),
    "settled payments and paid orders match one to one": "UPDATE payment"
    " SET state = 'failed', settled_at = NULL",
    "a delivered line has its pieces but those refunded, a paid one waits less than a minute": (
        "UPDATE order_line SET quantity = quantity + 1"
    ),
    "a piece is delivered or refunded, and what was refunded is not opened afterwards": (
        "UPDATE delivery SET returned_at = now()"
    ),
    "what goes back of each line is what its refunds and lost disputes give back": (
        "UPDATE order_line SET given_back_minor = 1"
    ),
    "what is disputed of each line is what open disputes hold": "UPDATE order_line"
    " SET disputed_minor = 1",
    "nothing is opened of an order that a dispute is open of": dispute(),
    "an unopened piece that went with a lost dispute is for sale again": dispute("lost")
    + "INSERT INTO refunded_piece (line_id, position, dispute_id, order_id)"
    " SELECT line_id, position, '00000000-0000-0000-0000-00000000000d', order_id FROM delivery",
    "so many of a seller's pieces are called invalid as their claims say": (
        "INSERT INTO seller_claims SELECT seller_id, 1 FROM order_line LIMIT 1"
    ),
    "an order that was refunded before its delivery is refunded whole": "UPDATE orders"
    " SET state = 'refunded'",
    "nothing is delivered for an order that is not paid": "UPDATE orders SET state = 'cancelled'",
    "a unit stands in at most one delivery, and it is the buyer's": "UPDATE stock_item"
    " SET holder = gen_random_uuid() WHERE state = 'sold'",
    "only a live order holds units": "UPDATE stock_item SET state = 'reserved',"
    " holder = gen_random_uuid(), reserved_until = now() WHERE state = 'free'",
    "what sellers' earnings count is what they have sold": "UPDATE seller_earnings"
    " SET pieces = pieces - 1",
    "what is booked to each seller for sales is the sum of their lines": "UPDATE order_line"
    " SET commission_minor = commission_minor + 1",
    "no order outlives its deadline unfinished": "UPDATE orders SET state = 'open',"
    " expires_at = now() - interval '2 hours'",
    "the record of every delivery is whole": FREEZE.format("delivery_record")
    + "UPDATE delivery_record SET agent = 'somebody else'",
}


@pytest.mark.parametrize("promise", HARM)
def test_broken_promise_is_noticed(sold_product: Product, promise: str) -> None:
    assert noticed(promise, HARM[promise])
