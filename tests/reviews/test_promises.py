"""Each promise of reviews notices when it is broken."""

import pytest
from flask import Flask

from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import make_review
from tests.support.harm import FREEZE, noticed

# What somebody with the database's password, or a bug, could do.
HARM = {
    "the stars of each product are those of its reviews": "UPDATE product SET stars_3 = 1",
    "the rating of each seller is that of the reviews of their products": "UPDATE seller_rating"
    " SET star_sum = star_sum - 1",
    "so many find a review helpful as it says": "UPDATE review SET helpful_count = 1",
    "each review is of a line that was delivered to its author": FREEZE.format("orders")
    + "UPDATE orders SET state = 'cancelled'",
}


@pytest.mark.parametrize("promise", HARM)
def test_broken_promise_is_noticed(app: Flask, promise: str) -> None:
    make_review(make_product(make_user(roles=("seller",)), kind="text"))
    assert noticed(promise, HARM[promise])
