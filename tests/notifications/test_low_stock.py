"""A seller hears once that few units are left, until there are more."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from app.auth.models import User
from app.kit.db import session, transactional
from app.kit.ids import new_id
from app.notifications.models import Notification, NotificationKind
from app.products.models import Product
from app.products.queries.cards import own_product
from app.products.service import importing, low_stock, stock, uploads
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.concurrency import at_once
from tests.products.stocking import soon
from tests.support.bought import paid

Work = Callable[[], None]


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


def stocked(seller: User, count: int, *, at: int = 5) -> Product:
    """A product with so many units, whose seller wants to hear of so few."""
    product = make_product(seller, stock=[f"{seller.id}-{n}" for n in range(count)])
    session().execute(
        text("UPDATE product SET low_stock_at = :at WHERE id = :id"), {"at": at, "id": product.id}
    )
    session().commit()
    return product


def restock(product: Product, count: int) -> None:
    """Take in so many new units."""
    lines = "\n".join(f"NEW-{product.id}-{number}" for number in range(count))
    upload = uploads.keep(
        product_id=product.id, seller_id=product.seller_id, content=lines, source=""
    )
    importing.take_in(upload_id=upload, product_id=product.id, seller_id=product.seller_id)


def told(seller: User) -> list[int]:
    """How many units were left each time that the seller was told, in order."""
    rows = session().scalars(
        select(Notification)
        .where(Notification.user_id == seller.id, Notification.kind == NotificationKind.LOW_STOCK)
        .order_by(Notification.id)
    )
    return [row.params["left"] for row in rows]


def sell(product: Product, quantity: int = 1) -> UUID:
    """Somebody buys."""
    return paid(make_user(), {product.id: quantity})


def test_told_once_at_the_threshold(seller: User, drain: Work) -> None:
    product = stocked(seller, 7)
    for _sale in range(4):
        sell(product)
        drain()
    assert told(seller) == [5]


def test_told_again_once_restocked(seller: User, drain: Work) -> None:
    product = stocked(seller, 3, at=2)
    sell(product)
    restock(product, 5)
    sell(product)
    drain()
    assert told(seller) == [2]
    sell(product, 4)
    drain()
    assert told(seller) == [2, 2]


def test_restocked_to_the_threshold_is_not_enough(seller: User, drain: Work) -> None:
    product = stocked(seller, 2, at=3)
    sell(product)
    restock(product, 2)
    sell(product)
    drain()
    assert told(seller) == [1]


def test_never_where_the_seller_does_not_want_it(seller: User, drain: Work) -> None:
    sell(stocked(seller, 1, at=0))
    drain()
    assert told(seller) == []


def test_never_of_what_does_not_run_out(seller: User, drain: Work) -> None:
    sell(make_product(seller, kind="text"))
    drain()
    assert told(seller) == []


def test_many_sales_at_once_tell_once(app: Flask, seller: User, drain: Work) -> None:
    product = stocked(seller, 12)
    buyers = [make_user() for _ in range(12)]
    answers = at_once(app, [lambda buyer=buyer: paid(buyer, {product.id: 1}) for buyer in buyers])
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    drain()
    assert len(told(seller)) == 1


def test_sales_that_take_their_units_late_see_each_other(
    app: Flask, seller: User, drain: Work
) -> None:
    """Neither may miss what the other has taken: their units were given back before."""
    product = stocked(seller, 7)
    orders = [stock_taken(product) for _ in range(2)]
    at_once(app, orders)
    drain()
    assert told(seller) == [5]


def stock_taken(product: Product) -> Callable[[], None]:
    """Take a unit and count it as sold, in one transaction."""
    until, holder = soon(), new_id()

    @transactional
    def take() -> None:
        stock.reserve(product_id=product.id, quantity=1, holder=holder, until=until)
        low_stock.count_sale(product_id=product.id, quantity=1)

    return take


class TestForm:
    def test_seller_sets_the_threshold(
        self, seller: User, login: Callable[..., FlaskClient]
    ) -> None:
        product = stocked(seller, 1)
        browser = login(seller)
        address = f"/products/{product.id}/edit"
        fields = {
            "title": product.title,
            "category_id": str(product.category_id),
            "kind": "key",
            "price": "10.00",
            "description": "",
            "version": "1",
            "low_stock_at": "12",
        }
        assert 'value="5"' in browser.get(address).text
        assert browser.post(address, data=fields).status_code == 303
        assert own_product(seller.id, product.id).low_stock_at == 12
        for wrong in ("-1", "1001", "many"):
            answer = browser.post(address, data=fields | {"version": "2", "low_stock_at": wrong})
            assert answer.status_code == 422
            assert "Enter a number from 0 to 1,000." in answer.text
            assert f'value="{wrong}"' in answer.text
        assert own_product(seller.id, product.id).low_stock_at == 12
