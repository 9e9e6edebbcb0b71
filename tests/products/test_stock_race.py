"""Many buyers, few keys: on the real database, with the lock and with the lock taken out."""

from collections import Counter

import pytest

from app.kit.errors import AppError
from app.kit.ids import new_id
from app.products.errors import OutOfStock
from app.products.queries import stock as queries
from app.products.service import stock
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.concurrency import at_once
from tests.products.stocking import reserve, soon

BUYERS, KEYS = 100, 10

# The claim as it would be written by somebody who did not think of two buyers at once.
CLAIM_WITHOUT_LOCK = """
    WITH claimable AS MATERIALIZED (
        SELECT id FROM stock_item
        WHERE product_id = %(product_id)s AND state = 'free'
        ORDER BY id LIMIT {quantity}
    )
    UPDATE stock_item SET state = 'reserved', holder = %(holder)s, reserved_until = %(until)s
    FROM claimable WHERE stock_item.id = claimable.id
    RETURNING stock_item.id, {wanted_by}
    """


@pytest.fixture
def product(app):
    return make_product(
        make_user(roles=["seller"]), kind="key", stock=[f"KEY-{n}" for n in range(KEYS)]
    )


def rush(app, product):
    """Each buyer reserves and sells one key; what each got."""
    until = soon()

    def buy():
        holder = new_id()
        stock.reserve(product_id=product.id, quantity=1, holder=holder, until=until)
        return stock.sell(holder=holder, quantity=1)[0]

    return at_once(app, [buy] * BUYERS)


def test_exactly_as_many_buyers_as_keys_are_served(app, product):
    answers = rush(app, product)
    served = [answer for answer in answers if not isinstance(answer, AppError)]
    assert len(served) == len(set(served)) == KEYS
    refused = [answer for answer in answers if isinstance(answer, AppError)]
    assert {type(refusal) for refusal in refused} == {OutOfStock}
    assert queries.counts(product.id) == queries.Counts(sold=KEYS)


def test_without_the_lock_a_key_is_promised_to_several(app, product, monkeypatch):
    """The test above can fail: the very same rush oversells once the lock is gone."""
    monkeypatch.setattr(stock, "CLAIM", CLAIM_WITHOUT_LOCK)
    until = soon()

    def claim():
        return stock.reserve(product_id=product.id, quantity=1, holder=new_id(), until=until)[0]

    answers = at_once(app, [claim] * BUYERS)
    promised = Counter(answer for answer in answers if not isinstance(answer, AppError))
    assert max(promised.values()) > 1
    assert promised.total() > KEYS


def test_several_pieces_each_never_strand_a_unit(app, product):
    """4 buyers of 5 over 10 keys: two are served in full, whatever way their locks interleave."""
    until = soon()

    def claim():
        return stock.reserve(product_id=product.id, quantity=5, holder=new_id(), until=until)

    answers = at_once(app, [claim] * 4)
    served = [answer for answer in answers if not isinstance(answer, AppError)]
    assert [len(units) for units in served] == [5, 5]
    assert len({unit for units in served for unit in units}) == KEYS


def test_one_holder_at_once_in_many_places_gets_one_set(app, product):
    holder, until = new_id(), soon()

    def claim():
        return stock.reserve(product_id=product.id, quantity=2, holder=holder, until=until)

    answers = at_once(app, [claim] * 20)
    assert all(answer == answers[0] for answer in answers)
    assert queries.counts(product.id) == queries.Counts(free=KEYS - 2, reserved=2)


def test_sale_and_release_of_one_holder_end_in_one_of_them(app, product):
    for _ in range(KEYS):
        holder = new_id()
        reserve(product, 1, holder)

        def sell(holder=holder):
            try:
                return len(stock.sell(holder=holder, quantity=1))
            except stock.StockMismatch:
                return 0

        def release(holder=holder):
            return stock.release(holders=[holder])

        assert sorted(at_once(app, [sell, release])) == [0, 1]
    counts = queries.counts(product.id)
    assert counts.free + counts.sold == KEYS
    assert counts.reserved == 0


def test_withdrawal_and_claims_share_the_units_out(app, product):
    seller_id, until = product.seller_id, soon()
    batch = queries.batches(product.id).items[0].id

    def withdraw():
        return stock.withdraw_batch(seller_id=seller_id, product_id=product.id, batch_id=batch)

    def claim():
        return len(stock.reserve(product_id=product.id, quantity=1, holder=new_id(), until=until))

    answers = at_once(app, [*[claim] * 10, withdraw])
    claimed = sum(answer for answer in answers[:-1] if isinstance(answer, int))
    assert claimed + answers[-1] == KEYS
    assert queries.counts(product.id) == queries.Counts(reserved=claimed, withdrawn=answers[-1])
