"""Each promise of notifications notices when it is broken."""

import pytest

from app.products.models import Product
from tests.support.harm import FREEZE, noticed

HARM = {
    "what is known of mails about orders never changes": FREEZE.format("mail_record"),
    "the number beside each person is that of their unread notifications": "INSERT INTO user_count"
    " SELECT id, 'notifications', 1 FROM users",
    "who has something for a daily mail has one planned": "INSERT INTO notification"
    " (id, user_id, kind, key, params, awaits_digest)"
    " SELECT gen_random_uuid(), id, 'sale', 'x', '{}', true FROM users",
}


@pytest.mark.parametrize("promise", HARM)
def test_broken_promise_is_noticed(sold_product: Product, promise: str) -> None:
    assert noticed(promise, HARM[promise])
