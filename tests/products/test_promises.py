"""Each promise of stock notices when it is broken."""

import pytest

from app.products.models import Product
from tests.support.harm import FREEZE, noticed

# What somebody with the database's password, or a bug, could do.
HARM = {
    "what was bought of a shared product never changes": FREEZE.format("shared_content"),
    "the history of commissions never changes": FREEZE.format("commission_change"),
    "a value stands in the market once": "DROP INDEX uq_stock_item_fingerprint;"
    " UPDATE stock_item SET fingerprint = '\\x00'",
    "stock in = free + reserved + sold + withdrawn": "UPDATE stock_batch SET taken = taken + 1",
}


@pytest.mark.parametrize("promise", HARM)
def test_broken_promise_is_noticed(sold_product: Product, promise: str) -> None:
    assert noticed(promise, HARM[promise])
