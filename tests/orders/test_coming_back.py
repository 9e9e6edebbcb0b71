"""Pages of a purchase after a second click, a way back, and whatever became of the goods."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from app.auth.models import User
from app.kit.db import session
from app.orders.models import OrderLine, Owner
from app.orders.queries.basket import basket_of
from app.orders.service import basket
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import PARTIAL, delivered, fill, paid, placed, soup, words

Login = Callable[..., FlaskClient]


@pytest.fixture
def buyer(app: Flask) -> User:
    return make_user()


def hide(product_id: UUID, state: str = "hidden") -> None:
    change = "UPDATE product SET state = :state, title = 'Other' WHERE id = :id"
    session().execute(text(change), {"state": state, "id": product_id})
    session().commit()


def follow(browser: FlaskClient, answer: TestResponse) -> TestResponse:
    """Go where the answer sends."""
    assert answer.status_code == 303
    return browser.get(answer.location)


class TestBoughtListing:
    @pytest.mark.parametrize("state", ["published", "hidden", "removed"])
    def test_purchase_leads_to_the_listing_as_it_was_bought(
        self, buyer: User, login: Login, state: str
    ) -> None:
        seller = make_user(roles=("seller",), display_name="Ann")
        product = make_product(
            seller, stock=("K-1",), title="Tea", description="**Strong** tea", price_minor=700
        )
        order_id = delivered(buyer, {product.id: 1})
        hide(product.id, state)
        browser = login(buyer)
        link = soup(browser.get(f"/order/purchases/{order_id}")).select_one(".purchase-line h3 a")
        answer = browser.get(link["href"])
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        page = words(answer)
        for shown in ("Tea", "Strong tea", "Sold by Ann", "€7.00"):
            assert shown in page
        assert "K-1" not in answer.text
        today = soup(answer).select_one(f'main a[href="/products/{product.id}"]')
        assert (today is not None) == (state == "published")

    def test_strangers_and_other_orders_lines_are_not_found(
        self, buyer: User, login: Login
    ) -> None:
        seller = make_user(roles=("seller",))
        order_id, other = (
            delivered(buyer, {make_product(seller, kind="text").id: 1}) for _ in range(2)
        )
        line_id = (
            session().scalars(select(OrderLine.id).where(OrderLine.order_id == order_id)).one()
        )
        address = f"/order/purchases/{order_id}/lines/{line_id}"
        assert login(make_user()).get(address).status_code == 404
        browser = login(buyer)
        assert browser.get(f"/order/purchases/{other}/lines/{line_id}").status_code == 404
        assert browser.get(address).status_code == 200


class TestBasket:
    def test_more_than_there_is_is_corrected_with_a_sentence(
        self, buyer: User, login: Login
    ) -> None:
        product = make_product(make_user(roles=("seller",)), stock=("A", "B", "C"))
        fill(buyer, {product.id: 1})
        browser = login(buyer)
        wish = {"product_id": str(product.id), "quantity": "9"}
        part = browser.post("/order/basket/change", data=wish, headers=PARTIAL)
        assert part.status_code == 200
        assert "Only 3 left, so the quantity is now 3." in words(part)
        assert soup(part).select_one("input[name=quantity]")["value"] == "3"
        basket.change(owner=Owner(user_id=buyer.id), product_id=product.id, quantity=1)
        plain = follow(browser, browser.post("/order/basket/change", data=wish))
        assert "Only 3 left, so the quantity is now 3." in words(plain)
        view = basket_of(Owner(user_id=buyer.id))
        assert view is not None
        assert view.lines[0].quantity == 3

    def test_stock_that_went_down_is_taken_with_one_click(self, buyer: User, login: Login) -> None:
        product = make_product(make_user(roles=("seller",)), stock=("A", "B", "C"))
        fill(buyer, {product.id: 3})
        placed(make_user(), {product.id: 1})
        browser = login(buyer)
        page = soup(browser.get("/order/basket"))
        button = next(
            one for one in page.select("form button") if "quantity to 2" in one.get_text()
        )
        form = button.find_parent("form")
        wish = {field["name"]: field["value"] for field in form.select("input")}
        browser.post(form["action"], data=wish)
        assert not basket_of(Owner(user_id=buyer.id)).has_problems  # type: ignore[union-attr]

    def test_put_back_goes_on_in_its_line(self, buyer: User, login: Login) -> None:
        goods = [make_product(make_user(roles=("seller",)), kind="text") for _ in range(3)]
        fill(buyer, {product.id: 2 for product in goods})
        browser = login(buyer)
        wish = {"product_id": str(goods[1].id)}
        removed = soup(browser.post("/order/basket/remove", data=wish, headers=PARTIAL))
        undo = removed.select_one(".basket-undo form")
        assert undo["hx-target"] == "#basket"
        wish = {field["name"]: field["value"] for field in undo.select("input")}
        part = soup(browser.post(undo["hx-post"], data=wish, headers=PARTIAL))
        [focused] = part.select("[autofocus]")
        assert (focused["id"], focused["value"]) == (f"quantity-{goods[1].id}", "2")
        browser.post("/order/basket/remove", data={"product_id": str(goods[1].id)})
        plain = browser.post(undo["action"], data=wish)
        assert plain.location.endswith(f"/order/basket#quantity-{goods[1].id}")


class TestSecondClick:
    def test_cancelled_twice_is_cancelled(self, buyer: User, login: Login) -> None:
        order_id = placed(buyer, {make_product(make_user(roles=("seller",)), stock=("A",)).id: 1})
        browser = login(buyer)
        for _ in range(2):
            answer = follow(browser, browser.post(f"/order/{order_id}/cancel"))
            assert "The order has been cancelled." in words(answer)
            assert "too late" not in words(answer)

    def test_paid_order_is_not_cancelled_by_a_late_click(self, buyer: User, login: Login) -> None:
        order_id = paid(buyer, {make_product(make_user(roles=("seller",)), stock=("A",)).id: 1})
        browser = login(buyer)
        answer = follow(browser, browser.post(f"/order/{order_id}/cancel"))
        assert "too late" in words(answer)

    @pytest.mark.parametrize("end", ["cancel", "paid"])
    def test_way_back_to_the_last_step_leads_to_the_purchase(
        self, buyer: User, login: Login, end: str
    ) -> None:
        product = make_product(make_user(roles=("seller",)), stock=("A",))
        browser = login(buyer)
        if end == "paid":
            order_id = paid(buyer, {product.id: 1})
        else:
            order_id = placed(buyer, {product.id: 1})
            browser.post(f"/order/{order_id}/cancel")
        answer = browser.get(f"/order/{order_id}/return")
        assert answer.status_code == 303
        assert answer.location.endswith(f"/order/purchases/{order_id}")

    def test_each_reveal_shows_the_same(self, buyer: User, login: Login) -> None:
        order_id = delivered(
            buyer, {make_product(make_user(roles=("seller",)), stock=("KEY-1",)).id: 1}
        )
        browser = login(buyer)
        form = soup(browser.get(f"/order/purchases/{order_id}")).select_one(".reveal form")
        for _ in range(2):
            answer = browser.post(form["action"])
            assert "KEY-1" in answer.text
            assert answer.headers["Cache-Control"] == "no-store"


def test_checkout_that_stock_left_says_why_on_the_basket(buyer: User, login: Login) -> None:
    product = make_product(make_user(roles=("seller",)), stock=("A", "B"), title="Tea")
    key = fill(buyer, {product.id: 2})
    browser = login(buyer)
    placed(make_user(), {product.id: 2})
    refused = browser.post("/order/checkout/pay", data={"checkout_key": str(key)})
    answer = follow(browser, refused)
    assert "Tea:" in words(answer)
