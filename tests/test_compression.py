"""What the shop makes is compressed, and what is secret in it can't be read by its length."""

import base64
import gzip
import re
from collections.abc import Callable

import brotli
import pytest
from backports import zstd
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import db
from app.factory import create_app
from app.kit.masks import unmask
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import delivered

UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstd.decompress,
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}
BROWSERS = {"Accept-Encoding": "gzip, deflate, br, zstd"}
TOKEN = re.compile(r'(?:name="csrf_token"[^>]*value="|"X-CSRFToken": ")([^"]+)"')
RUN = 6  # bytes; by chance two answers share such a run once in some billion pages


def without_own(page: str) -> str:
    """A page without what is another in each answer."""
    page = re.sub(r'nonce="[^"]+"', "", page)
    return TOKEN.sub("", page)


def tokens(page: str) -> set[str]:
    return set(TOKEN.findall(page))


class TestCompression:
    @pytest.mark.parametrize("encoding", UNPACK)
    def test_page_is_what_it_was(self, client: FlaskClient, encoding: str) -> None:
        plain = client.get("/products")
        packed = client.get("/products", headers={"Accept-Encoding": encoding})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == encoding
        assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
        assert without_own(UNPACK[encoding](packed.data).decode()) == without_own(plain.text)
        for answer in (plain, packed):
            assert {"accept-encoding", "cookie"} <= answer.vary.as_set()

    def test_what_computes_least_is_taken_of_what_a_browser_reads(
        self, client: FlaskClient
    ) -> None:
        assert client.get("/", headers=BROWSERS).headers["Content-Encoding"] == "zstd"

    @pytest.mark.parametrize("accepted", ["", "identity", "no-such"])
    def test_who_reads_none_gets_it_plain(self, client: FlaskClient, accepted: str) -> None:
        answer = client.get("/", headers={"Accept-Encoding": accepted})
        assert "Content-Encoding" not in answer.headers

    def test_few_words_are_sent_as_they_are(self, client: FlaskClient) -> None:
        assert "Content-Encoding" not in client.get("/healthz", headers=BROWSERS).headers

    @pytest.mark.parametrize("path", ["/api/v1/products", "/api/v1/openapi.json"])
    def test_programs_are_answered_so_too(self, app: Flask, client: FlaskClient, path: str) -> None:
        seller = make_user(roles=("seller",))
        for number in range(5):
            make_product(seller, stock=(f"KEY-{number}",), title=f"Thing {number}")
        plain = client.get(path)
        assert plain.status_code == 200
        packed = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(packed.data) == plain.data

    def test_objects_version_is_the_same_however_it_is_sent(
        self, app: Flask, client: FlaskClient
    ) -> None:
        product = make_product(
            make_user(roles=("seller",)), stock=("KEY",), description="long " * 500
        )
        plain, packed = (
            client.get(f"/api/v1/products/{product.id}", headers=headers)
            for headers in ({}, BROWSERS)
        )
        assert plain.headers.get("ETag") == packed.headers.get("ETag")

    def test_file_of_bought_goods_is_whole(
        self, app: Flask, login: Callable[..., FlaskClient]
    ) -> None:
        keys = [f"KEY-{number:04}" for number in range(20)]
        product = make_product(make_user(roles=("seller",)), stock=keys)
        buyer = make_user()
        order_id = delivered(buyer, {product.id: 20})
        path = f"/order/purchases/{order_id}/download"
        answer = login(buyer).post(path, headers=BROWSERS)
        text = zstd.decompress(answer.data).decode()
        assert all(key in text for key in keys)

    def test_nothing_is_compressed_where_a_proxy_does_it(
        self, make_settings: Callable[..., Settings]
    ) -> None:
        browser = create_app(make_settings(compress_answers=False)).test_client()
        for path in ("/auth/login", "/static/css/base.css"):
            assert "Content-Encoding" not in browser.get(path, headers=BROWSERS).headers


class TestMasks:
    @pytest.fixture
    def browser(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
        monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
        return app.test_client()

    def test_an_answer_has_one_token_in_all_its_forms(self, browser: FlaskClient) -> None:
        page = browser.get("/auth/login").text
        assert len(TOKEN.findall(page)) > 2
        assert len(tokens(page)) == 1

    def test_no_two_answers_share_a_run_of_its_bytes(self, browser: FlaskClient) -> None:
        both = [tokens(browser.get("/auth/login").text).pop() for _n in range(2)]
        one, other = (base64.urlsafe_b64decode(token) for token in both)
        runs = ({raw[at : at + RUN] for at in range(len(raw) - RUN)} for raw in (one, other))
        assert not set.intersection(*runs)
        texts = ({token[at : at + 8] for at in range(len(token) - 8)} for token in both)
        assert not set.intersection(*texts)

    def test_each_is_good(self, browser: FlaskClient) -> None:
        for token in [tokens(browser.get("/auth/login").text).pop() for _n in range(2)]:
            data = {"csrf_token": token, "locale": "ru", "next": "/"}
            assert browser.post("/auth/locale", data=data).status_code == 303
            answer = browser.post(
                "/auth/locale", data={**data, "csrf_token": ""}, headers={"X-CSRFToken": token}
            )
            assert answer.status_code == 303

    def test_that_of_another_browser_is_not(self, app: Flask, browser: FlaskClient) -> None:
        browser.get("/auth/login")
        token = tokens(app.test_client().get("/auth/login").text).pop()
        data = {"csrf_token": token, "locale": "ru", "next": "/"}
        assert browser.post("/auth/locale", data=data).status_code == 403

    @pytest.mark.parametrize("wrong", ["x", "xyz=", "AAAA", "ж", "", "A" * 5000, "plain"])
    def test_what_is_none_is_refused(self, browser: FlaskClient, wrong: str) -> None:
        good = tokens(browser.get("/auth/login").text).pop()
        plain = unmask(good)
        for token in (plain if wrong == "plain" else wrong, good[:-4], good[4:]):
            data = {"csrf_token": token, "locale": "ru", "next": "/"}
            assert browser.post("/auth/locale", data=data).status_code == 403

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_other_sites_learn_nothing_by_the_length_of_ones_own_pages(
        self, app: Flask, login: Callable[..., FlaskClient], site: str
    ) -> None:
        browser, guest = login(make_user()), app.test_client()
        headers = {**BROWSERS, "Sec-Fetch-Site": site}
        for path in ("/products?q=guess", "/order/purchases"):
            assert "Content-Encoding" not in browser.get(path, headers=headers).headers
        assert "Content-Encoding" in guest.get("/products", headers=headers).headers
        headers["Sec-Fetch-Site"] = "same-origin"
        assert "Content-Encoding" in browser.get("/products", headers=headers).headers

    @pytest.mark.parametrize("packs", [True, False], ids=["the shop", "a proxy"])
    def test_nor_where_a_proxy_packs(
        self,
        login: Callable[..., FlaskClient],
        make_settings: Callable[..., Settings],
        *,
        packs: bool,
    ) -> None:
        application = create_app(make_settings(compress_answers=packs))
        application.config["WTF_CSRF_ENABLED"] = False
        browser, guest = login(make_user(), application.test_client()), application.test_client()
        foreign = {"Sec-Fetch-Site": "cross-site"}
        for path in ("/products?q=guess", "/order/purchases"):
            directives = browser.get(path, headers=foreign).cache_control
            assert directives.no_store
            assert directives.no_transform
            assert not browser.get(path).cache_control.no_transform
        assert not guest.get("/products", headers=foreign).cache_control.no_transform
        with application.app_context():
            db.engine.dispose()
