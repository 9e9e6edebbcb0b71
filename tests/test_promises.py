"""The promises: none is broken by what may be, and for each there is a harm that it must notice."""

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.kit.db import session
from app.products.models import Product, StockItem
from app.products.service import stock
from app.wiring import PROMISES
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.kit.test_promises import HARM as HARM_TO_THE_OUTBOX
from tests.notifications.test_promises import HARM as HARM_TO_NOTIFICATIONS
from tests.orders.test_promises import HARM as HARM_TO_ORDERS
from tests.payments.test_promises import HARM as HARM_TO_PAYMENTS
from tests.products.stocking import stock_up
from tests.products.test_promises import HARM as HARM_TO_PRODUCTS
from tests.reviews.test_promises import HARM as HARM_TO_REVIEWS
from tests.support.bought import approved, delivered, placed, told
from tests.support.harm import AT_THE_SANDBOX, broken

HARM = (
    HARM_TO_THE_OUTBOX
    | HARM_TO_NOTIFICATIONS
    | HARM_TO_ORDERS
    | HARM_TO_PAYMENTS
    | HARM_TO_PRODUCTS
    | HARM_TO_REVIEWS
)


def test_there_is_harm_to_every_promise_and_each_has_a_name_of_its_own() -> None:
    names = [promise.name for promise in PROMISES]
    assert len(names) == len(set(names))
    assert HARM.keys() | {AT_THE_SANDBOX} == set(names)


def test_every_table_with_a_guard_stands_in_a_promise(sold_product: Product) -> None:
    guarded = session().scalars(
        text("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only'")
    )
    for table in guarded.all():
        session().execute(text(f"ALTER TABLE {table} DISABLE TRIGGER append_only"))
        assert any(table in detail for detail in broken().values()), table


def test_a_sale_breaks_none(sold_product: Product) -> None:
    assert broken() == {}


def test_withdrawn_value_may_come_again(sold_product: Product) -> None:
    unit_id = session().scalars(select(StockItem.id).where(StockItem.state == "free")).one()
    seller_id, product_id = sold_product.seller_id, sold_product.id
    stock.withdraw_unit(seller_id=seller_id, product_id=product_id, unit_id=unit_id)
    stock_up(sold_product, ["KEY-2"])
    delivered(make_user(), {product_id: 1})
    assert broken() == {}


@pytest.mark.parametrize("price_minor", [100, 101, 686, 687])
def test_paypals_fee_may_be_more_than_the_commission(app: Flask, price_minor: int) -> None:
    cheap = make_product(make_user(roles=("seller",)), stock=("KEY-1",), price_minor=price_minor)
    delivered(make_user(), {cheap.id: 1})
    assert broken() == {}


def test_orders_may_be_under_way(app: Flask) -> None:
    product = make_product(make_user(roles=("seller",)), stock=[f"KEY-{n}" for n in range(4)])
    placed(make_user(), {product.id: 1})
    approved(make_user(), {product.id: 1})
    told(approved(make_user(), {product.id: 1}), "PENDING")
    told(approved(make_user(), {product.id: 1}), "DECLINED")
    assert broken() == {}
