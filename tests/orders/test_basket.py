"""The basket: filled by guests and users, kept through a login, true about prices and stock."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.kit.crypto import new_token, token_hash
from app.kit.db import session
from app.kit.errors import AppError
from app.kit.ids import new_id
from app.kit.retention import drop_old
from app.orders.errors import (
    BasketChanged,
    BasketFull,
    NoSuchProduct,
    NotForSale,
    OrderTooSmall,
    OwnProduct,
)
from app.orders.models import Owner
from app.orders.policy import MAX_LINES, MAX_QUANTITY
from app.orders.queries.basket import (
    BasketView,
    Problem,
    basket_of,
    pieces_in_basket,
)
from app.orders.service import basket, placing
from app.products.errors import OutOfStock
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import PARTIAL, approved, paid, placed, soup, told, words
from tests.support.sale import key_of

KEYS = ("KEY-A", "KEY-B", "KEY-C")
Login = Callable[..., FlaskClient]


def put(
    browser: FlaskClient, product_id: object, quantity: object = 1, **kwargs: object
) -> TestResponse:
    data = {"product_id": str(product_id), "quantity": str(quantity)}
    return browser.post("/order/basket/add", data=data, **kwargs)


def basket_of_user(user_id: UUID) -> BasketView:
    session().rollback()
    view = basket_of(Owner(user_id=user_id))
    assert view is not None
    return view


def lines_of(user_id: UUID) -> dict[UUID, int]:
    return {line.product.id: line.quantity for line in basket_of_user(user_id).lines}


def set_price(product_id: UUID, minor: int) -> None:
    _update("price_minor = :value", product_id, minor)


def set_terms(product_id: UUID, days: int) -> None:
    _update("refund_days = :value", product_id, days)


def set_state(product_id: UUID, state: str) -> None:
    _update("state = :value", product_id, state)


def _update(change: str, product_id: UUID, value: object) -> None:
    session().execute(
        text(f"UPDATE product SET {change} WHERE id = :id"), {"id": product_id, "value": value}
    )
    session().commit()


class TestAdd:
    def test_adds_up_pieces_of_the_same_product(self, app: Flask) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        owner = Owner(user_id=buyer.id)
        assert basket.add(owner=owner, product_id=product.id, quantity=1) == 1
        assert basket.add(owner=owner, product_id=product.id, quantity=2) == 3
        assert lines_of(buyer.id) == {product.id: 3}

    def test_more_than_there_is_says_how_many_are_left(self, app: Flask) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        owner = Owner(user_id=buyer.id)
        basket.add(owner=owner, product_id=product.id, quantity=2)
        with pytest.raises(OutOfStock) as refusal:
            basket.add(owner=owner, product_id=product.id, quantity=2)
        assert refusal.value.params["left"] == 3
        assert lines_of(buyer.id) == {product.id: 2}

    def test_shared_product_has_no_end_but_the_lines_own(self, app: Flask) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), kind="text")
        owner = Owner(user_id=buyer.id)
        basket.add(owner=owner, product_id=product.id, quantity=MAX_QUANTITY)
        with pytest.raises(BasketFull):
            basket.add(owner=owner, product_id=product.id, quantity=1)

    def test_what_may_not_be_bought_is_refused(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        product = make_product(seller, stock=KEYS)
        cases: list[tuple[UUID, UUID, type[AppError]]] = [
            (seller.id, product.id, OwnProduct),
            (make_user().id, new_id(), NoSuchProduct),
        ]
        for user_id, product_id, refusal in cases:
            with pytest.raises(refusal):
                basket.add(owner=Owner(user_id=user_id), product_id=product_id, quantity=1)
        for state, refusal in [
            ("hidden", NotForSale),
            ("removed", NotForSale),
            ("draft", NoSuchProduct),
        ]:
            set_state(product.id, state)
            with pytest.raises(refusal):
                basket.add(owner=Owner(user_id=make_user().id), product_id=product.id, quantity=1)

    def test_basket_takes_so_many_products(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        goods = [make_product(seller, kind="text") for _ in range(MAX_LINES + 1)]
        for product in goods[:-1]:
            basket.add(owner=Owner(user_id=buyer.id), product_id=product.id, quantity=1)
        with pytest.raises(BasketFull):
            basket.add(owner=Owner(user_id=buyer.id), product_id=goods[-1].id, quantity=1)
        assert len(lines_of(buyer.id)) == MAX_LINES

    def test_every_change_makes_another_purchase_of_it(self, app: Flask) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        owner = Owner(user_id=buyer.id)
        keys = []
        basket.add(owner=owner, product_id=product.id, quantity=1)
        keys.append(key_of(buyer))
        basket.change(owner=owner, product_id=product.id, quantity=2)
        keys.append(key_of(buyer))
        set_price(product.id, 777)
        basket.accept_prices(owner=owner)
        keys.append(key_of(buyer))
        basket.remove(owner=owner, product_id=product.id)
        keys.append(key_of(buyer))
        assert len(set(keys)) == 4


class TestTruth:
    def test_less_time_to_return_is_shown_and_waits_for_a_yes(
        self, app: Flask, login: Login
    ) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        owner = Owner(user_id=buyer.id)
        basket.add(owner=owner, product_id=product.id, quantity=1)
        browser = login(buyer)
        set_terms(product.id, 30)
        assert "terms have changed" not in words(browser.get("/order/basket"))
        basket.accept_prices(owner=owner)
        set_terms(product.id, 0)
        page = words(browser.get("/order/basket"))
        assert "Refund terms have changed" in page
        assert "Before: Unopened items can be returned for 30 days." in page
        with pytest.raises(BasketChanged):
            placed(buyer, {})
        assert browser.post("/order/basket/prices").status_code == 303
        assert "Refund terms have changed" not in words(browser.get("/order/basket"))
        placed(buyer, {})
        assert session().scalar(text("SELECT refund_days FROM order_line")) == 0

    def test_changed_price_is_shown_and_waits_for_a_yes(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=KEYS, price_minor=1000)
        browser = login(buyer)
        put(browser, product.id, 2)
        set_price(product.id, 1250)
        shown = words(browser.get("/order/basket"))
        assert "The price changed from €10.00 to €12.50." in shown
        assert "€25.00" in shown
        answer = browser.get("/order/checkout")
        assert answer.status_code == 303
        assert answer.location.endswith("/order/basket")
        browser.post("/order/basket/prices")
        assert "The price changed" not in words(browser.get("/order/basket"))
        assert browser.get("/order/checkout").status_code == 200

    def test_stock_that_went_down_is_shown(self, app: Flask, login: Login) -> None:
        buyer, rival = make_user(), make_user()
        product = make_product(make_user(roles=("seller",)), stock=KEYS)
        browser = login(buyer)
        put(browser, product.id, 2)
        placed(rival, {product.id: 2})
        assert "Only 1 left. Reduce the quantity to continue." in words(
            browser.get("/order/basket")
        )
        [line] = basket_of_user(buyer.id).lines
        assert (line.problem, line.most) == (Problem.TOO_FEW, 1)

    @pytest.mark.parametrize(
        ("state", "note"), [("hidden", "No longer for sale"), ("removed", "No longer for sale")]
    )
    def test_withdrawn_product_is_marked_and_costs_nothing(
        self, app: Flask, login: Login, state: str, note: str
    ) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        browser = login(buyer)
        put(browser, product.id)
        set_state(product.id, state)
        assert note in words(browser.get("/order/basket"))
        assert basket_of_user(buyer.id).total_minor == 0

    def test_pieces_held_for_ones_own_checkout_count_as_free(self, app: Flask) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        placed(buyer, {product.id: 3})
        assert not basket_of_user(buyer.id).has_problems
        assert basket_of_user(buyer.id).lines[0].free == 3

    def test_lines_are_grouped_by_seller_and_summed(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        first = make_user(roles=("seller",), display_name="Ann's Keys")
        second = make_user(roles=("seller",), display_name="Bob & Sons")
        goods = [
            make_product(first, stock=("A-1", "A-2"), price_minor=150),
            make_product(second, kind="text", price_minor=200),
            make_product(first, stock=("A-3",), price_minor=50),
        ]
        browser = login(buyer)
        for product, quantity in zip(goods, (2, 1, 1), strict=True):
            put(browser, product.id, quantity)
        page = soup(browser.get("/order/basket"))
        sections = [section.get_text(" ") for section in page.select("#basket section.panel")]
        assert len(sections) == 2
        assert "Ann's Keys" in sections[0]
        assert goods[2].title in sections[0]
        assert "Bob & Sons" in sections[1]
        assert page.select_one(".sums__total").get_text(strip=True).endswith("€5.50")

    def test_an_order_below_the_smallest_is_not_taken(self, app: Flask, login: Login) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        set_price(product.id, 50)  # from before the shop had a minimum
        browser = login(buyer)
        put(browser, product.id)
        page = soup(browser.get("/order/basket"))
        assert "minimum order is €1.00" in page.select_one("#why-not").get_text()
        assert page.select_one('a[href="/order/checkout"]') is None
        assert browser.get("/order/checkout").headers["Location"] == "/order/basket"
        key = basket_of_user(buyer.id).checkout_key
        with pytest.raises(OrderTooSmall, match=r"€1\.00"):
            placing.place_order(buyer_id=buyer.id, checkout_key=key, address=None)
        put(browser, product.id)
        placing.place_order(buyer_id=buyer.id, checkout_key=key_of(buyer), address=None)

    def test_statements_do_not_grow_with_the_lines(
        self, app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        browser = login(buyer)
        counts = []
        for more in (1, 9):
            for number in range(more):
                put(browser, make_product(seller, stock=(f"K-{more}-{number}",)).id)
            query_counter.clear()
            assert browser.get("/order/basket").status_code == 200
            counts.append(len(query_counter))
        assert counts[0] == counts[1]
        assert counts[1] <= 10


class TestGuest:
    def test_basket_survives_login(self, app: Flask, client: FlaskClient, login: Login) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        both = make_product(seller, stock=KEYS)
        only_guest = make_product(seller, kind="text")
        basket.add(owner=Owner(user_id=buyer.id), product_id=both.id, quantity=1)
        put(client, both.id, 2)
        put(client, only_guest.id, 1)
        assert basket_count(client.get("/order/basket")) == "3"
        login(buyer, client)
        assert basket_count(client.get("/order/basket")) == "4"
        assert lines_of(buyer.id) == {both.id: 3, only_guest.id: 1}
        guests = text("SELECT count(*) FROM basket WHERE guest_hash IS NOT NULL")
        assert session().execute(guests).scalar_one() == 0

    def test_sum_stops_at_what_a_line_takes(self, app: Flask) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), kind="text")
        token = new_token()
        guest = Owner(guest_hash=token_hash(token))
        basket.add(owner=Owner(user_id=buyer.id), product_id=product.id, quantity=60)
        basket.add(owner=guest, product_id=product.id, quantity=60)
        basket.adopt(user_id=buyer.id, guest_token=token)
        basket.adopt(user_id=buyer.id, guest_token=token)
        assert lines_of(buyer.id) == {product.id: MAX_QUANTITY}

    def test_more_than_is_left_after_the_merge_is_marked(self, app: Flask) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        token = new_token()
        guest = Owner(guest_hash=token_hash(token))
        basket.add(owner=Owner(user_id=buyer.id), product_id=product.id, quantity=2)
        basket.add(owner=guest, product_id=product.id, quantity=2)
        basket.adopt(user_id=buyer.id, guest_token=token)
        [line] = basket_of_user(buyer.id).lines
        assert (line.quantity, line.problem) == (4, Problem.TOO_FEW)

    def test_own_product_chosen_as_a_guest_is_marked(
        self, app: Flask, client: FlaskClient, login: Login
    ) -> None:
        seller = make_user(roles=("seller",))
        put(client, make_product(seller, stock=KEYS).id)
        login(seller, client)
        assert "This is your own product." in words(client.get("/order/basket"))

    def test_basket_of_a_guest_is_nobody_elses(self, app: Flask, client: FlaskClient) -> None:
        put(client, make_product(make_user(roles=("seller",)), stock=KEYS).id)
        assert basket_count(client.get("/order/basket")) == "1"
        assert basket_count(app.test_client().get("/order/basket")) == "0"

    def test_basket_of_a_guest_who_stays_away_is_dropped(self, app: Flask) -> None:
        product = make_product(make_user(roles=("seller",)), stock=KEYS)
        forgotten, fresh = Owner(guest_hash=b"forgotten"), Owner(guest_hash=b"fresh")
        users = Owner(user_id=make_user().id)
        for owner in (forgotten, fresh, users):
            basket.add(owner=owner, product_id=product.id, quantity=1)
        age = "UPDATE basket SET updated_at = updated_at - interval '31 days'"
        session().execute(text(f"{age} WHERE guest_hash IS DISTINCT FROM 'fresh'"))
        session().commit()
        assert drop_old().done == 1
        assert [pieces_in_basket(owner) for owner in (forgotten, fresh, users)] == [0, 1, 1]

    def test_one_address_begins_so_many_baskets(self, app: Flask) -> None:
        product = make_product(make_user(roles=("seller",)), stock=KEYS)
        answers = [put(app.test_client(), product.id) for _ in range(61)]
        assert {answer.status_code for answer in answers[:60]} == {303}
        assert answers[60].status_code == 429

    def test_forged_cookie_opens_nothing(self, app: Flask, client: FlaskClient) -> None:
        with client.session_transaction() as cookie:
            cookie["guest_basket"] = ["not", "a", "secret"]
        assert "Your basket is empty" in words(client.get("/order/basket"))
        assert (
            put(client, make_product(make_user(roles=("seller",)), stock=KEYS).id).status_code
            == 303
        )
        assert basket_count(client.get("/order/basket")) == "1"

    def test_guest_is_sent_to_log_in_and_back_to_the_checkout(self, client: FlaskClient) -> None:
        put(client, make_product(make_user(roles=("seller",)), stock=KEYS).id)
        link = soup(client.get("/order/basket")).select_one("aside a.btn--primary")
        assert link.get_text(strip=True) == "Log in and check out"
        assert "next=/order/checkout" in link["href"].replace("%2F", "/")


def basket_count(response: TestResponse) -> str:
    return str(soup(response).select_one("#basket-count").get_text(strip=True))


class TestPages:
    def test_htmx_is_told_by_a_notice_and_the_count(self, app: Flask, client: FlaskClient) -> None:
        product = make_product(make_user(roles=("seller",)), stock=KEYS)
        answer = put(client, product.id, 2, headers=PARTIAL)
        assert answer.headers["HX-Retarget"] == "#notices"
        assert "In your basket: 2" in words(answer)
        assert soup(answer).select_one(".toast a")["href"] == "/order/basket"
        assert soup(answer).select_one("#basket-count[hx-swap-oob]").get_text(strip=True) == "2"

    @pytest.mark.parametrize("headers", [{}, PARTIAL])
    def test_too_many_are_refused_with_the_number_left(
        self, client: FlaskClient, headers: dict[str, str]
    ) -> None:
        product = make_product(make_user(roles=("seller",)), stock=KEYS)
        answer = put(client, product.id, 7, headers=headers)
        if headers:
            assert answer.status_code == 409
        else:  # the product's page, with as many as can be had
            assert answer.status_code == 303
            assert answer.location == f"/products/{product.id}?quantity=7"
            answer = client.get(answer.location)
            assert soup(answer).select_one("#quantity")["value"] == "3"
        assert "Only 3 left" in words(answer)
        assert soup(client.get("/order/basket")).select_one("#basket-count")["data-count"] == "0"

    @pytest.mark.parametrize(
        ("quantity", "said"),
        [
            ("0", "You can buy 1 to 100 at once"),
            ("-1", "You can buy 1 to 100 at once"),
            ("101", "You can buy 1 to 100 at once"),
            ("99999999999999999999", "You can buy 1 to 100 at once"),
            ("two", "Not a valid integer value"),
            ("1.5", "Not a valid integer value"),
            ("\x00", "Not a valid integer value"),
            ("", "Enter a quantity."),
        ],
    )
    def test_wrong_quantity_is_explained_and_kept(
        self, client: FlaskClient, quantity: str, said: str
    ) -> None:
        product = make_product(make_user(roles=("seller",)), stock=KEYS)
        led = put(client, product.id, quantity).location
        assert led.startswith(f"/products/{product.id}")
        assert said in soup(client.get(led)).select_one("#notices").get_text()
        put(client, product.id, 1)
        changed = client.post(
            "/order/basket/change", data={"product_id": str(product.id), "quantity": quantity}
        )
        assert changed.status_code == 422
        assert said in words(changed)
        kept = soup(changed).select_one(f"#quantity-{product.id}")
        assert kept["value"] == quantity.replace("\x00", "")[:12]
        assert kept["aria-invalid"] == "true"

    @pytest.mark.parametrize("product", ["", "nonsense", "0" * 5000, "{'$gt': ''}", None])
    @pytest.mark.parametrize("act", ["add", "change", "remove"])
    def test_wrong_product_is_explained(
        self, client: FlaskClient, act: str, product: str | None
    ) -> None:
        data = {"quantity": "1"} | ({} if product is None else {"product_id": product})
        answer = client.post(f"/order/basket/{act}", data=data)
        assert answer.status_code == 422

    def test_unknown_product_is_not_found(self, client: FlaskClient) -> None:
        assert put(client, new_id()).status_code == 404

    def test_fragment_equals_the_element_of_the_page(self, app: Flask, client: FlaskClient) -> None:
        put(client, make_product(make_user(roles=("seller",)), stock=KEYS).id)
        page = soup(client.get("/order/basket")).select_one("#basket")
        fragment = soup(client.get("/order/basket", headers=PARTIAL)).select_one("#basket")
        assert page is not None
        for token in (*page.select("[name=csrf_token]"), *fragment.select("[name=csrf_token]")):
            token.extract()  # another one in each second
        assert str(page) == str(fragment)

    def test_changed_line_comes_with_the_new_count(self, client: FlaskClient) -> None:
        product = make_product(make_user(roles=("seller",)), stock=KEYS, price_minor=500)
        put(client, product.id)
        answer = client.post(
            "/order/basket/change",
            data={"product_id": str(product.id), "quantity": "3"},
            headers=PARTIAL,
        )
        fragment = soup(answer)
        assert "€15.00" in fragment.select_one("#basket").get_text(" ")
        assert fragment.select_one("#basket-count[hx-swap-oob]").get_text(strip=True) == "3"

    def test_removed_line_can_be_put_back(self, client: FlaskClient) -> None:
        product = make_product(make_user(roles=("seller",)), stock=KEYS)
        put(client, product.id, 2)
        answer = client.post("/order/basket/remove", data={"product_id": str(product.id)})
        assert "Your basket is empty" in words(answer)
        form = soup(answer).select_one(".basket-undo form")
        values = {
            field["name"]: field["value"] for field in form.select("input") if field.get("value")
        }
        client.post(form["action"], data=values)
        assert basket_count(client.get("/order/basket")) == "2"

    def test_pages_without_a_basket_ask_nothing_of_it(
        self, client: FlaskClient, query_counter: list[str]
    ) -> None:
        client.get("/order/basket")
        assert not [statement for statement in query_counter if "basket" in statement]


class TestForgetBought:
    def test_paid_basket_is_emptied(self, app: Flask) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        paid(buyer, {product.id: 1})
        assert lines_of(buyer.id) == {}

    def test_what_came_later_stays(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        product, other = make_product(seller, stock=KEYS), make_product(seller, kind="text")
        order_id = approved(buyer, {product.id: 1})
        basket.add(owner=Owner(user_id=buyer.id), product_id=other.id, quantity=1)
        told(order_id, "COMPLETED")
        assert lines_of(buyer.id) == {other.id: 1}

    def test_the_same_goods_can_be_bought_again(self, app: Flask) -> None:
        buyer, product = make_user(), make_product(make_user(roles=("seller",)), stock=KEYS)
        first = paid(buyer, {product.id: 1})
        basket.add(owner=Owner(user_id=buyer.id), product_id=product.id, quantity=1)
        second = placing.place_order(buyer_id=buyer.id, checkout_key=key_of(buyer), address=None)
        assert first != second
