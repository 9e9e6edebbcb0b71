"""What takes a login is kept in no cache; a guest gets a page that has not changed only once."""

import re
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.kit.access import Access, rule_of
from app.kit.db import session
from app.products.models import Product
from tests.factories.auth import make_user
from tests.factories.products import make_product

ROLES = ("seller", "moderator", "admin")
BROWSERS = {"Accept-Encoding": "gzip, deflate, br, zstd"}


def test_every_page_of_ones_own_is_kept_out_of_caches(
    app: Flask, login: Callable[..., FlaskClient]
) -> None:
    browser = login(make_user(roles=ROLES))
    seen = 0
    for rule in app.url_map.iter_rules():
        own = rule_of(rule.endpoint) not in {Access.PUBLIC, Access.SIGNED, None}
        if not own or rule.arguments or "GET" not in (rule.methods or set()):
            continue
        if rule.rule.startswith("/api/"):
            continue  # no cookie counts there
        for headers in ({}, {"HX-Request": "true", "HX-Request-Type": "partial"}):
            answer = browser.get(rule.rule, headers=headers)
            assert answer.status_code < 400, rule.rule
            assert answer.headers["Cache-Control"] == "no-store", rule.rule
            seen += 1
    assert seen >= 20


def again(browser: FlaskClient, had: TestResponse, path: str = "/products") -> TestResponse:
    return browser.get(path, headers={**BROWSERS, "If-None-Match": had.headers["ETag"]})


class TestGuest:
    def test_has_a_page_already_that_has_not_changed(self, client: FlaskClient) -> None:
        had = client.get("/products", headers=BROWSERS)
        assert had.headers["Cache-Control"] == "private, no-cache"
        assert had.headers["ETag"].startswith("W/")
        answer = again(client, had)
        assert (answer.status_code, answer.data) == (304, b"")
        # The nonce of the page that the browser has must go on to count.
        assert "Content-Security-Policy" not in answer.headers

    def test_gets_what_has_changed(self, app: Flask, client: FlaskClient) -> None:
        product = make_product(make_user(roles=("seller",)), stock=("K",))
        had = client.get("/products", headers=BROWSERS)
        session().get_one(Product, product.id).price_minor += 1
        session().commit()
        assert again(client, had).status_code == 200

    def test_gets_it_anew_for_whatever_it_shows_of_his_own(
        self, app: Flask, client: FlaskClient
    ) -> None:
        product = make_product(make_user(roles=("seller",)), stock=("K",))
        had = client.get("/products", headers=BROWSERS)
        client.post("/order/basket/add", data={"product_id": str(product.id), "quantity": "1"})
        with_basket = again(client, had)
        assert with_basket.status_code == 200
        client.post("/auth/locale", data={"locale": "ru", "next": "/"})
        in_russian = again(client, with_basket)
        assert in_russian.status_code == 200
        client.set_cookie("theme", "dark")
        assert again(client, in_russian).status_code == 200

    def test_of_another_session_has_another_page(self, app: Flask, client: FlaskClient) -> None:
        had = client.get("/products", headers=BROWSERS)
        other = app.test_client()
        other.get("/products")
        assert again(other, had).status_code == 200


class TestLogin:
    def test_changes_every_page(
        self, client: FlaskClient, login: Callable[..., FlaskClient]
    ) -> None:
        user = make_user(display_name="Somebody Else")
        had = client.get("/products", headers=BROWSERS)
        answer = login(user, client).get(
            "/products", headers={"If-None-Match": had.headers["ETag"]}
        )
        assert answer.status_code == 200
        assert "Somebody Else" in answer.text
        client.post("/auth/logout")
        assert again(client, had).status_code == 200  # its forms have another token by now

    def test_has_public_pages_kept_nowhere(
        self, client: FlaskClient, login: Callable[..., FlaskClient]
    ) -> None:
        browser = login(make_user(), client)
        for path in ("/", "/products", "/developers", "/no/such/page"):
            answer = browser.get(path)
            assert answer.headers["Cache-Control"] == "no-store", path
            assert "ETag" not in answer.headers, path

    def test_keeps_what_is_the_same_for_all(
        self, client: FlaskClient, login: Callable[..., FlaskClient]
    ) -> None:
        browser = login(make_user(), client)
        address = re.search(r'"(/static/css/site.css[^"]+)"', browser.get("/").text)
        assert address
        answer = browser.get(address[1])
        assert "public" in answer.headers["Cache-Control"]
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.vary
