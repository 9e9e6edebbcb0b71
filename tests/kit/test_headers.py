"""Security headers."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

PATHS = ["/probe/page", "/no/such/page", "/probe/bug", "/static/css/base.css", "/probe/away"]


def policy(header: str) -> dict[str, list[str]]:
    """The directives of a Content-Security-Policy."""
    rules = (rule.split() for rule in header.split(";"))
    return {name: values for name, *values in rules}


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_them(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    rules = policy(response.headers["Content-Security-Policy"])
    assert rules["default-src"] == ["'self'"]
    assert rules["object-src"] == rules["base-uri"] == rules["frame-ancestors"] == ["'none'"]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & set(rules["script-src"])
    assert not {"'unsafe-inline'", "*"} & set(rules["style-src"])
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    response.close()


def test_nonce_of_the_page_is_the_one_of_its_policy_and_never_twice(client: FlaskClient) -> None:
    seen = set()
    for _ in range(5):
        response = client.get("/probe/page")
        nonces = re.findall(r"'nonce-([^']+)'", response.headers["Content-Security-Policy"])
        page = BeautifulSoup(response.text, "html.parser")
        assert page.find_all("script")
        for script in page.find_all("script"):
            assert script["nonce"] == nonces[0]
        assert len(nonces[0]) >= 20
        seen.add(nonces[0])
    assert len(seen) == 5


class TestOtherSite:
    def test_its_hosts_stand_only_on_the_page_that_shows_it(self, client: FlaskClient) -> None:
        assert "other.example" not in client.get("/probe/page").headers["Content-Security-Policy"]
        response = client.get("/probe/pay")
        rules = policy(response.headers["Content-Security-Policy"])
        for name in ("script-src", "frame-src", "connect-src", "img-src"):
            assert "https://*.other.example" in rules[name]
        assert "https://*.other.example" not in rules["style-src"]
        assert rules["form-action"] == ["'self'", "https://pay.other.example"]
        assert client.get("/probe/page").headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"

    def test_frames_are_none_elsewhere(self, client: FlaskClient) -> None:
        rules = policy(client.get("/probe/page").headers["Content-Security-Policy"])
        assert rules["frame-src"] == ["'none'"]


class TestCaching:
    def test_page_with_secrets_is_stored_nowhere(self, client: FlaskClient) -> None:
        assert client.get("/probe/pay").headers["Cache-Control"] == "no-store"

    def test_static_file_under_its_hash_is_kept_for_ever(
        self, app: Flask, client: FlaskClient
    ) -> None:
        with app.test_request_context():
            address = app.jinja_env.globals["asset"]("css/base.css")  # type: ignore[operator]
        assert re.fullmatch(r"/static/css/base\.css\?v=[0-9a-f]{12}", address)
        with client.get(address) as response:
            assert "immutable" in response.headers["Cache-Control"]
        with client.get("/static/css/base.css") as response:
            assert "immutable" not in response.headers.get("Cache-Control", "")

    def test_missing_file_is_no_asset(self, app: Flask) -> None:
        with app.test_request_context(), pytest.raises(FileNotFoundError):
            app.jinja_env.globals["asset"]("css/no-such.css")  # type: ignore[operator]


class TestTls:
    def test_hsts_over_tls_alone(self, client: FlaskClient) -> None:
        assert "Strict-Transport-Security" not in client.get("/probe/page").headers
        secure = client.get("/probe/page", base_url="https://localhost")
        assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]

    @pytest.mark.parametrize(
        ("public_url", "name", "secure"),
        [
            ("https://shop.example", "__Host-session", True),
            ("http://127.0.0.1:8000", "byteshop_session", False),
        ],
    )
    def test_cookie_is_bound_to_tls_where_the_shop_is(
        self,
        make_application: Callable[..., Flask],
        public_url: str,
        name: str,
        secure: bool,
    ) -> None:
        application = make_application(public_url=public_url)
        cookies = (
            application.test_client()
            .get("/probe/page", base_url=public_url)
            .headers.getlist("Set-Cookie")
        )
        cookie = next(cookie for cookie in cookies if cookie.startswith(f"{name}="))
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert ("Secure" in cookie) is secure


def test_who_finds_a_hole_is_told_whom_to_write_to(make_application: Callable[..., Flask]) -> None:
    application = make_application(
        mail_from="The Shop <shop@shop.example>", public_url="https://shop.example/"
    )
    answer = application.test_client().get("/.well-known/security.txt")
    assert answer.mimetype == "text/plain"
    lines = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert lines["Contact"] == "mailto:shop@shop.example"
    assert lines["Canonical"] == "https://shop.example/.well-known/security.txt"
    left = datetime.fromisoformat(lines["Expires"]) - datetime.now(UTC)
    assert timedelta(days=30) < left < timedelta(days=366)  # RFC 9116, section 2.5.5


def test_strange_host_is_refused_where_hosts_are_named(
    make_application: Callable[..., Flask],
) -> None:
    application = make_application(trusted_hosts="shop.example, www.shop.example")
    browser = application.test_client()
    assert browser.get("/probe/public", base_url="http://www.shop.example").status_code == 200
    assert browser.get("/probe/public", base_url="http://evil.example").status_code == 400
