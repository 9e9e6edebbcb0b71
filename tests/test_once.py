"""What is made by a form is made once, however often the page that follows is loaded."""

import re
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from app.auth.queries import api_keys_of
from tests.factories.auth import make_user


def test_a_key_is_made_once_and_shown_once(app: Flask, login: Callable[..., FlaskClient]) -> None:
    user = make_user()
    browser = login(user)
    form = {"name": "import", "scopes": ["orders"], "days": "30"}
    made = browser.post("/developers/keys", data=form)
    assert (made.status_code, made.location) == (303, "/developers")
    cookie = browser.get_cookie("byteshop_session")
    first, again = browser.get("/developers"), browser.get("/developers")
    [key] = re.findall(r'id="new-key"[^>]*>([^<]+)<', first.text)
    assert key not in again.text
    assert cookie is not None
    assert key not in cookie.value
    assert len(api_keys_of(user.id)) == 1


def test_who_has_no_cookies_is_told_so(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        answer = app.test_client(use_cookies=False).post("/order/basket/prices")
        part = app.test_client(use_cookies=False).post(
            "/order/basket/prices", headers={"HX-Request": "true"}
        )
    finally:
        app.config["WTF_CSRF_ENABLED"] = False
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        form = app.test_client(use_cookies=False).post(
            "/auth/login",
            data={"email": "a@example.com"},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
    finally:
        app.config["WTF_CSRF_ENABLED"] = False
    assert form.status_code == 422
    assert "blocks cookies" in form.text
    assert "a@example.com" in form.text
    for refused in (answer, part):
        assert refused.status_code == 403
        assert "blocks cookies" in refused.text
