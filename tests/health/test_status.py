"""What people are told of the shop's parts, and programs of its stores."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import make_url

from app.health.parts import Part, State, states
from app.settings import Settings
from tests.factories.auth import make_user
from tests.support.apps import another_app

Login = Callable[..., FlaskClient]
PARTS = {
    "en": ["Buying", "Delivery", "Messages", "Emails"],
    "ru": ["Покупка", "Выдача", "Сообщения", "Письма"],
}
CLOSED = {
    "redis_url": "redis://127.0.0.1:1/0",
    "mongo_url": "mongodb://127.0.0.1:1/byteshop",
    "smtp_url": "smtp://127.0.0.1:1",
}


def told(browser: FlaskClient, language: str = "en") -> dict[str, str]:
    """The pill of each part."""
    answer = browser.get("/status", headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    page = BeautifulSoup(answer.text, "html.parser")
    assert page.html is not None
    assert page.html["lang"] == language
    return {
        item.find("strong").text: item.select_one(".pill").text
        for item in page.select(".list__item")
    }


@pytest.mark.parametrize("language", PARTS)
def test_all_is_well_in_both_languages(client: FlaskClient, language: str) -> None:
    shown = told(client, language)
    assert list(shown) == PARTS[language]
    assert len(set(shown.values())) == 1
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("setting", "away", "slow", "status"),
    [
        ("mongo_url", {"Messages"}, set(), 200),
        ("smtp_url", {"Emails"}, set(), 200),
        ("redis_url", set(), {"Buying", "Delivery", "Messages", "Emails"}, 503),
    ],
)
def test_what_is_away_is_told(
    app: Flask,
    make_settings: Callable[..., Settings],
    setting: str,
    away: set[str],
    slow: set[str],
    status: int,
) -> None:
    with another_app(make_settings(**{setting: CLOSED[setting]})) as lonely:
        shown = told(lonely.test_client())
        ready = lonely.test_client().get("/readyz")
    assert {part for part, word in shown.items() if word == "Not working"} == away
    assert {part for part, word in shown.items() if word == "Slow"} == slow
    assert ready.status_code == status
    assert ready.json["status"] == ("degraded" if status == 200 else "unavailable")


def test_page_is_there_without_the_database_for_who_is_logged_in_too(
    app: Flask, login: Login, make_settings: Callable[..., Settings]
) -> None:
    cookie = login(make_user()).get_cookie("byteshop_session")
    assert cookie is not None
    address = make_url(make_settings().database_url).set(host="127.0.0.1", port=1, query={})
    nowhere = address.render_as_string(hide_password=False)
    with another_app(make_settings(database_url=nowhere)) as lonely:
        browser = lonely.test_client()
        browser.set_cookie("byteshop_session", cookie.value)
        assert set(told(browser).values()) == {"Not working"}
        assert browser.get("/readyz").status_code == 503


def test_chats_alone_are_away_without_mongodb() -> None:
    assert states({"mongodb"}) == dict.fromkeys(Part, State.WORKS) | {Part.CHATS: State.AWAY}
