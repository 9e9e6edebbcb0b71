"""Conversations against whoever means them ill."""

import base64
import json
import time
from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from app.chats import errors, queries, texts
from app.chats.service import keeping, reporting
from app.chats.views.links import linked
from tests.factories.auth import make_user
from tests.support.chats import all_that_is_kept, say, shown_to, talking

Login = Callable[..., FlaskClient]
# Some of these can't be told in UTC, or not once some seconds are taken away.
MOMENTS = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-11-27T00:00:00",
    "1e300",
    "then",
)


def cursor(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        f"password{' ' * 3_900}a",
        f"пароль это{chr(10) * 3_900}x",
        "pass-" * 800,
        "password " * 440,
        "1 " * 2_000,
        "0x" * 2_000,
        "wise.com/pa" * 360,
    ],
)
def test_what_a_text_is_warned_of_is_found_at_once_whatever_it_is(text: str) -> None:
    began = time.perf_counter()
    texts.flags_of(text)
    assert time.perf_counter() - began < 0.1


def test_no_unit_of_stock_gets_into_what_else_is_written(app: Flask) -> None:
    canary = "CANARY-7F3A-99QX-STOCK"
    talk = talking(stock=(canary,))
    words = f"My key is «{canary}»."
    reporting.report(user_id=talk.buyer.id, conversation_id=talk.id, reason=words)
    keeping.set_up(user_id=talk.seller.id, answers=["Hi", words], away=words, enter_sends=True)
    assert "7F3A" not in all_that_is_kept()
    kept = queries.settings_of(talk.seller.id)
    assert [*kept.answers, kept.away] == ["Hi", *["My key is «CANA••••»."] * 2]


@pytest.mark.parametrize("text", ["\u200b", " \u00ad\u2060 ", "\u2800", "\u3164\u115f"])
def test_what_shows_nothing_is_no_message(app: Flask, text: str) -> None:
    talk = talking()
    with pytest.raises(errors.BadMessage):
        say(talk, talk.buyer, text)
    say(talk, talk.buyer, "\U0001f469\u200d\U0001f4bb می\u200cخواهم")
    assert "\u200d" in shown_to(talk, talk.seller)[0].text


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("See https://a.example/x?y=1&z=2.", ["https://a.example/x?y=1&z=2"]),
        ("(www.a.example) HTTP://B.example/c_(d)", ["www.a.example", "HTTP://B.example/c_(d)"]),
        ('http://a.example/"onclick="x', ["http://a.example/"]),
        ("http://a.example/<img src=x onerror=x>", ["http://a.example/"]),
        ("javascript:alert(1) data:x x@www.a.example <b>&amp;", []),
        ("https://пример.рф/путь, и дальше", ["https://пример.рф/путь"]),
    ],
)
def test_links_are_what_looks_like_an_address(
    app: Flask, login: Login, text: str, links: list[str]
) -> None:
    talk = talking()
    say(talk, talk.buyer, text)
    page = BeautifulSoup(login(talk.seller).get(f"/chats/{talk.id}").text, "html.parser")
    [words] = page.select("[data-text]")
    assert words.get_text() == text
    assert [one.name for one in words.find_all(True)] == ["a"] * len(links)
    assert [link.get_text() for link in words.find_all("a")] == links
    for link in words.find_all("a"):
        assert str(link["href"]).lower().startswith(("http://", "https://"))
        assert link["rel"] == ["nofollow", "noopener", "noreferrer", "ugc"]


@pytest.mark.parametrize(
    "text",
    [
        f"{'>' * 2_000}www.a.example{'>' * 1_987}",
        f"http://{'(' * 1_900}{')' * 1_900}",
        f"http://a.example/{'.)' * 1_900}",
        "http://a" * 500,
        "www." * 1_000,
        "&" * 4_000,
    ],
)
def test_links_are_found_at_once_whatever_the_text_is(app: Flask, text: str) -> None:
    began = time.perf_counter()
    linked(text)
    assert time.perf_counter() - began < 0.1


def test_a_text_of_much_that_is_masked_is_taken(app: Flask) -> None:
    talk = talking(stock=("abc-d",))
    say(talk, talk.buyer, "abc-d " * 660)
    assert shown_to(talk, talk.seller)[0].text.split() == ["a••••"] * 660


@pytest.mark.parametrize("number", ["-1", str(2**63), str(2**64), "9" * 3_000, "NaN", "\0"])
def test_numbers_that_no_message_has(login: Login, number: str) -> None:
    talk = talking()
    say(talk, talk.buyer)
    reader = login(talk.seller)
    here = f"/chats/{talk.id}"
    for path in (here, f"{here}/news"):
        query = {"before": number, "after": number, "first": number}
        assert reader.get(path, query_string=query).status_code == 200
    assert reader.post(f"{here}/read", data={"seq": number}).status_code == 204


@pytest.mark.parametrize("moment", MOMENTS)
def test_moments_that_nobody_can_reckon_with(login: Login, moment: str) -> None:
    talk = talking()
    say(talk, talk.buyer)
    reader = login(talk.seller)
    news = reader.get(f"/chats/{talk.id}/news", query_string={"since": moment})
    assert news.status_code == 200
    assert reader.get("/chats", query_string={"after": cursor(moment, "x")}).status_code == 422
    moderator = login(make_user(roles=("moderator",)))
    reported = moderator.get("/chats/reported", query_string={"after": cursor(moment)})
    assert reported.status_code == 422
