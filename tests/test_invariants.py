"""The promises: none is broken by what may be, and each one notices when it is."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select, text

from app import invariants
from app.kit.db import session
from app.products.models import Product, StockItem
from app.products.service import stock
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.stocking import stock_up
from tests.support.bought import approved, delivered, placed, told

RECORD = "the record of every delivery is whole"
FREEZE = "ALTER TABLE {0} DISABLE TRIGGER USER; "  # what forbids to change it
# What somebody with the database's password, or a bug, could do.
HARM = {
    "every ledger transaction sums to zero": FREEZE.format("ledger_entry")
    + "UPDATE ledger_entry SET amount_minor = amount_minor + 1"
    " WHERE id = (SELECT min(id) FROM ledger_entry)",
    "no ledger transaction is empty": FREEZE.format("ledger_entry") + "DELETE FROM ledger_entry",
    "what must never change is guarded by a trigger": FREEZE.format("ledger_account"),
    "settled payments and paid orders match one to one": "UPDATE payment"
    " SET state = 'failed', settled_at = NULL",
    "every settled payment is booked, to the cent": "UPDATE payment"
    " SET amount_minor = amount_minor + 1",
    "a delivered line has all its pieces, a paid one waits less than a minute": "UPDATE order_line"
    " SET quantity = quantity + 1",
    "nothing is delivered for an order that is not paid": "UPDATE orders SET state = 'cancelled'",
    "a unit stands in at most one delivery, and it is the buyer's": "UPDATE stock_item"
    " SET holder = gen_random_uuid() WHERE state = 'sold'",
    "a value stands in the market once": "DROP INDEX uq_stock_item_fingerprint;"
    " UPDATE stock_item SET fingerprint = '\\x00'",
    "stock in = free + reserved + sold + withdrawn": "UPDATE stock_batch SET taken = taken + 1",
    "only a live order holds units": "UPDATE stock_item SET state = 'reserved',"
    " holder = gen_random_uuid(), reserved_until = now() WHERE state = 'free'",
    "what each seller is owed is the sum of their lines": "UPDATE order_line"
    " SET commission_minor = commission_minor + 1",
    "what waits to be released is what sellers' pending accounts hold": "DELETE FROM pending_share",
    "no share waits a quarter of an hour past its hold": "UPDATE pending_share"
    " SET release_at = now() - interval '1 hour'",
    "no order outlives its deadline unfinished": "UPDATE orders SET state = 'open',"
    " expires_at = now() - interval '2 hours'",
    "PayPal took nothing that differs from what was asked for": "UPDATE payment"
    " SET state = 'mismatched', issue = 'amount', settled_at = NULL",
    "no row of the outbox is older than a minute": "UPDATE outbox SET done_at = NULL,"
    " created_at = now() - interval '2 minutes'",
    RECORD: FREEZE.format("delivery_record") + "UPDATE delivery_record SET agent = 'somebody else'",
}


def broken() -> set[str]:
    """The promises that do not hold."""
    return {result.name for result in invariants.check(session()) if not result.holds}


@pytest.fixture
def product(app: Flask) -> Iterator[Product]:
    """A product of which a piece is sold, and one is not."""
    sold = make_product(make_user(roles=("seller",)), stock=("KEY-1", "KEY-2"))
    delivered(make_user(), {sold.id: 1})
    yield sold
    session().rollback()


def test_there_is_harm_to_every_promise(product: Product) -> None:
    assert HARM.keys() == {result.name for result in invariants.check(session())}


@pytest.mark.parametrize("promise", HARM)
def test_broken_promise_is_noticed(product: Product, promise: str) -> None:
    assert broken() == set()
    session().execute(text(HARM[promise]))
    assert promise in broken()


def test_withdrawn_value_may_come_again(product: Product) -> None:
    unit_id = session().scalars(select(StockItem.id).where(StockItem.state == "free")).one()
    seller_id, product_id = product.seller_id, product.id
    stock.withdraw_unit(seller_id=seller_id, product_id=product_id, unit_id=unit_id)
    stock_up(product, ["KEY-2"])
    delivered(make_user(), {product_id: 1})
    assert broken() == set()


@pytest.mark.parametrize("price_minor", [100, 101, 686, 687])
def test_paypals_fee_may_be_more_than_the_commission(app: Flask, price_minor: int) -> None:
    cheap = make_product(make_user(roles=("seller",)), stock=("KEY-1",), price_minor=price_minor)
    delivered(make_user(), {cheap.id: 1})
    assert broken() == set()


def test_orders_may_be_under_way(app: Flask) -> None:
    product = make_product(make_user(roles=("seller",)), stock=[f"KEY-{n}" for n in range(4)])
    placed(make_user(), {product.id: 1})
    approved(make_user(), {product.id: 1})
    told(approved(make_user(), {product.id: 1}), "PENDING")
    told(approved(make_user(), {product.id: 1}), "DECLINED")
    assert broken() == set()
