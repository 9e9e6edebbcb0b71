"""The checkout's pages and its JSON, as browsers with and without JavaScript use them."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.kit.ids import new_id
from app.orders.models import OrderState
from app.orders.queries.purchases import get_order
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.apps import another_app
from tests.support.bought import approved, fill, paid, placed, soup, words
from tests.support.sale import SandboxControl, key_of, order_of, start

Login = Callable[..., FlaskClient]
JSON = {"Accept": "application/json"}


def post_json(browser: FlaskClient, url: str, body: object = None) -> TestResponse:
    return browser.post(url, json=body if body is not None else {}, headers=JSON)


@pytest.fixture
def keys(app: Flask) -> UUID:
    """A product with three units."""
    return make_product(make_user(roles=("seller",)), stock=("K-1", "K-2", "K-3")).id


class TestPage:
    def test_shows_what_is_bought_and_loads_paypal_only_here(
        self, app: Flask, login: Login, keys: UUID
    ) -> None:
        buyer = make_user()
        key = fill(buyer, {keys: 2})
        browser = login(buyer)
        answer = browser.get("/order/checkout")
        page = soup(answer)
        assert "€20.00" in page.select_one(".sums__total").get_text()
        assert page.select_one("#checkout")["data-checkout-key"] == str(key)
        policy = answer.headers["Content-Security-Policy"]
        [nonce] = re.findall(r"script-src [^;]*'nonce-([^']+)'", policy)
        sdk = page.select_one("script[data-csp-nonce]")
        assert (sdk["nonce"], sdk["data-csp-nonce"]) == (nonce, nonce)
        settings = app.extensions["settings"]
        assert sdk["src"].startswith(f"{settings.paypal_web_url}/sdk/js?")
        for part in ("client-id=test-client", "currency=EUR", "intent=capture", "locale=en_US"):
            assert part in sdk["src"]
        assert settings.paypal_web_url in policy
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
        assert answer.headers["Cache-Control"] == "no-store"
        elsewhere = browser.get("/order/basket")
        assert "paypal" not in elsewhere.headers["Content-Security-Policy"]
        assert elsewhere.headers["Cross-Origin-Opener-Policy"] == "same-origin"

    def test_guest_logs_in_first(self, client: FlaskClient) -> None:
        answer = client.get("/order/checkout")
        assert answer.status_code == 303
        assert answer.location.endswith("/auth/login?next=/order/checkout")

    def test_empty_basket_has_no_checkout(self, app: Flask, login: Login) -> None:
        browser = login(make_user())
        answer = browser.get("/order/checkout")
        assert answer.location.endswith("/order/basket")
        assert "Your basket is empty." in words(browser.get("/order/basket"))

    @pytest.mark.parametrize("body", ["", "[]", "1", "null", '"x"', "{", '{"checkout_key": 1}'])
    @pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
    def test_unreadable_wishes_are_refused(
        self, app: Flask, login: Login, body: str, content_type: str
    ) -> None:
        answer = login(make_user()).post(
            "/order/checkout/paypal", data=body, content_type=content_type, headers=JSON
        )
        assert answer.status_code == 422
        assert answer.mimetype == "application/problem+json"

    def test_guests_json_is_answered_in_json(self, client: FlaskClient) -> None:
        for path in ("/order/checkout/paypal", f"/order/{new_id()}/capture"):
            answer = post_json(client, path)
            assert answer.status_code == 401
            assert answer.json["code"] == "login_required"

    def test_changed_basket_is_refused(self, app: Flask, login: Login, keys: UUID) -> None:
        buyer = make_user()
        old = fill(buyer, {keys: 1})
        fill(buyer, {keys: 1})
        answer = post_json(login(buyer), "/order/checkout/paypal", {"checkout_key": str(old)})
        assert answer.status_code == 409
        assert answer.json["code"] == "orders.basket_changed"
        assert "has changed in the meantime" in answer.json["detail"]

    def test_lost_race_names_the_product(self, app: Flask, login: Login, keys: UUID) -> None:
        buyer, rival = make_user(), make_user()
        goods = make_product(make_user(roles=("seller",)), stock=("X-1",), title="Last one")
        key = fill(buyer, {keys: 1, goods.id: 1})
        placed(rival, {goods.id: 1})
        answer = post_json(login(buyer), "/order/checkout/paypal", {"checkout_key": str(key)})
        assert answer.status_code == 409
        assert answer.json["detail"] == "Last one: Sold out. You have not been charged."

    def test_paid_basket_leads_to_the_purchase(self, app: Flask, login: Login, keys: UUID) -> None:
        buyer = make_user()
        key = fill(buyer, {keys: 1})
        order_id = paid(buyer, {})
        browser = login(buyer)
        answer = post_json(browser, "/order/checkout/paypal", {"checkout_key": str(key)})
        assert (answer.status_code, answer.json["location"]) == (
            200,
            f"/order/purchases/{order_id}",
        )
        plain = browser.post("/order/checkout/pay", data={"checkout_key": str(key)})
        assert plain.location.endswith(f"/order/purchases/{order_id}")

    def test_basket_being_paid_leads_to_the_purchase(
        self, app: Flask, login: Login, keys: UUID
    ) -> None:
        buyer = make_user()
        order_id = approved(buyer, {keys: 1})
        wish = {"checkout_key": str(key_of(buyer))}
        browser = login(buyer)
        purchase = f"/order/purchases/{order_id}"
        assert post_json(browser, "/order/checkout/paypal", wish).json["location"] == purchase
        plain = browser.post("/order/checkout/pay", data=wish)
        assert plain.location.endswith(purchase)
        assert "Please don't pay again." in words(browser.get(plain.location))


class TestStrangers:
    @pytest.mark.parametrize(
        ("method", "path"),
        [("post", "capture"), ("get", "return"), ("post", "finish"), ("post", "cancel")],
    )
    def test_find_nothing(
        self, app: Flask, login: Login, keys: UUID, method: str, path: str
    ) -> None:
        order_id = approved(make_user(), {keys: 1})
        browser = login(make_user())
        for known in (order_id, new_id()):
            answer = getattr(browser, method)(f"/order/{known}/{path}")
            assert answer.status_code == 404
        order = get_order(order_id)
        assert order is not None
        assert order.state is OrderState.APPROVED


class TestCancel:
    def test_too_late_once_paypal_has_the_payment(
        self, app: Flask, login: Login, keys: UUID
    ) -> None:
        buyer = make_user()
        order_id = approved(buyer, {keys: 1})
        browser = login(buyer)
        answer = browser.post(f"/order/{order_id}/cancel")
        assert answer.location.endswith(f"/order/purchases/{order_id}")
        assert "too late to cancel" in words(browser.get(answer.location))


class TestWithPaypal:
    def test_buttons_create_and_capture(
        self, app: Flask, login: Login, keys: UUID, paypal: SandboxControl
    ) -> None:
        buyer = make_user()
        key = fill(buyer, {keys: 2})
        browser = login(buyer)
        created = post_json(browser, "/order/checkout/paypal", {"checkout_key": str(key)}).json
        again = post_json(browser, "/order/checkout/paypal", {"checkout_key": str(key)}).json
        assert created == again
        early = post_json(browser, created["capture_url"])
        assert early.json["state"] == "not_approved"
        paypal.approve(created["id"])
        done = post_json(browser, created["capture_url"])
        purchase = f"/order/purchases/{created['order_id']}"
        assert (done.json["state"], done.json["location"]) == ("paid", purchase)
        assert created["purchase_url"] == purchase
        assert post_json(browser, created["capture_url"]).json["state"] == "paid"
        assert len(paypal.captures()) >= 1
        assert words(browser.get(purchase)).count("Paid") >= 1

    def test_without_javascript_by_paypals_own_page(
        self, app: Flask, login: Login, keys: UUID, paypal: SandboxControl
    ) -> None:
        buyer = make_user()
        key = fill(buyer, {keys: 1})
        browser = login(buyer)
        form = soup(browser.get("/order/checkout")).select_one("#paypal-plain")
        answer = browser.post(form["action"], data={"checkout_key": str(key)})
        assert answer.status_code == 303
        assert answer.location.startswith(paypal.url)
        paypal_order_id = re.search(r"token=([A-Z0-9]+)", answer.location)[1]
        order_id = first_purchase(browser).rpartition("/")[2]
        paypal.approve(paypal_order_id)
        back = soup(browser.get(f"/order/{order_id}/return?token={paypal_order_id}&PayerID=X"))
        finish = back.select_one("form[data-finish-payment]")
        done = browser.post(finish["action"])
        assert done.location.endswith(f"/order/purchases/{order_id}")
        assert browser.get(f"/order/{order_id}/return").status_code == 303

    def test_return_without_a_yes_says_so_and_leads_to_paypal(
        self, app: Flask, login: Login, keys: UUID, paypal: SandboxControl
    ) -> None:
        buyer = make_user()
        fill(buyer, {keys: 1})
        started = start(buyer)
        back = login(buyer).get(f"/order/{started.order_id}/return")
        assert "haven't approved the payment yet" in words(back)
        assert "You approved" not in words(back)
        page = soup(back)
        assert page.select_one("form[data-finish-payment]") is None
        [way] = [link["href"] for link in page.select("main a") if "PayPal" in link.text]
        assert way == started.approve_url

    def test_return_while_paypal_is_silent_claims_nothing(
        self, app: Flask, login: Login, keys: UUID, paypal: SandboxControl
    ) -> None:
        buyer = make_user()
        fill(buyer, {keys: 1})
        started = start(buyer)
        paypal.fault("rate_limit", operation="get", times=9)
        back = login(buyer).get(f"/order/{started.order_id}/return")
        assert "PayPal isn't answering" in words(back)
        assert "You approved" not in words(back)
        finish = soup(back).select_one("form[data-finish-payment]")
        paypal.calm_down()
        paypal.approve(started.paypal_order_id)
        login(buyer).post(finish["action"])
        assert order_of(started).is_paid

    def test_without_javascript_who_has_agreed_already_only_finishes(
        self, app: Flask, login: Login, keys: UUID, paypal: SandboxControl
    ) -> None:
        buyer = make_user()
        key = fill(buyer, {keys: 1})
        browser = login(buyer)
        wish = {"checkout_key": str(key)}
        there = browser.post("/order/checkout/pay", data=wish).location
        paypal.approve(re.search(r"token=([A-Z0-9]+)", there)[1])
        answer = browser.post("/order/checkout/pay", data=wish)
        finish = soup(browser.get(answer.location)).select_one("form[data-finish-payment]")
        done = browser.post(finish["action"])
        assert "/order/purchases/" in done.location
        assert "Paid" in words(browser.get(done.location))

    def test_not_approved_leads_back_to_the_checkout(
        self, app: Flask, login: Login, keys: UUID, paypal: SandboxControl
    ) -> None:
        buyer = make_user()
        key = fill(buyer, {keys: 1})
        browser = login(buyer)
        created = post_json(browser, "/order/checkout/paypal", {"checkout_key": str(key)}).json
        answer = browser.post(f"/order/{created['order_id']}/finish")
        assert answer.location.endswith("/order/checkout")
        assert "The payment hasn't been approved at PayPal yet." in words(
            browser.get(answer.location)
        )
        assert key_of(buyer) == key


def first_purchase(browser: FlaskClient) -> str:
    link = soup(browser.get("/order/purchases")).select_one("#purchases .list__link")
    return str(link["href"])


class TestPaypalAway:
    def test_nothing_is_charged_and_the_basket_stays(
        self, app: Flask, login: Login, make_settings: Callable[..., Settings], keys: UUID
    ) -> None:
        buyer = make_user()
        key = fill(buyer, {keys: 1})
        with another_app(make_settings(paypal_base_url="http://127.0.0.1:9")) as lonely:
            browser = login(buyer, lonely.test_client())
            wish = {"checkout_key": str(key)}
            answer = post_json(browser, "/order/checkout/paypal", wish)
            plain = browser.post("/order/checkout/pay", data=wish)
        assert answer.status_code == 503
        assert "You have not been charged" in answer.json["detail"]
        assert plain.status_code == 503
        assert "You have not been charged" in words(plain)
        assert soup(plain).select_one("#paypal-plain") is not None
        assert key_of(buyer) == key
