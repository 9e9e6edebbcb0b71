"""The pages of webhooks."""

import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.webhooks import queries
from app.webhooks.models import Failure
from app.webhooks.posting import Posted
from app.webhooks.service import endpoints, messages, sending
from tests.factories.auth import make_user
from tests.support.webhook_receiver import Receiver

URL = "https://example.com/byteshop"
PAGE = "/developers/webhooks"


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


@pytest.fixture
def browser(seller: User, login) -> FlaskClient:  # type: ignore[no-untyped-def]
    found: FlaskClient = login(seller)
    return found


def make(seller: User) -> str:
    endpoint_id, _secret = endpoints.create(owner_id=seller.id, url=URL, events=["order.paid"])
    return f"{PAGE}/{endpoint_id}"


def test_secret_is_shown_once(browser: FlaskClient, seller: User) -> None:
    assert "No webhooks yet" in browser.get(PAGE).text
    made = browser.post(PAGE, data={"url": URL, "events": ["order.paid", "stock.out"]})
    assert made.status_code == 303
    [endpoint] = queries.endpoints_of(seller.id)
    assert made.location.endswith(f"{PAGE}/{endpoint.id}")
    assert endpoint.events == ["order.paid", "stock.out"]
    shown = browser.get(made.location)
    [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]{32}", shown.text)
    assert shown.headers["Cache-Control"] == "no-store"
    assert "whsec_" not in browser.get(made.location).text  # loaded anew: no second one either
    assert len(queries.endpoints_of(seller.id)) == 1
    assert browser.post(f"{PAGE}/{endpoint.id}/secret").status_code == 303
    newer = browser.get(made.location).text
    assert secret not in newer
    assert "whsec_" in newer
    assert "whsec_" not in browser.get(made.location).text


def test_secret_is_shown_to_the_browser_that_made_it(
    browser: FlaskClient, seller: User, login
) -> None:  # type: ignore[no-untyped-def]
    made = browser.post(PAGE, data={"url": URL, "events": ["order.paid"]})
    assert "whsec_" not in str(made.headers)
    other = make(seller)
    assert "whsec_" not in browser.get(other).text
    assert "whsec_" not in login(seller).get(made.location).text
    assert "whsec_" in browser.get(made.location).text


@pytest.mark.parametrize(("url", "events", "said"), [
    ("ftp://example.com", ["order.paid"], "Enter an address such as"),
    (URL, [], "Choose at least one event."),
    ("", ["order.paid"], "Please fill in this field."),
    (URL, ["order.stolen"], "Choose one of the options."),
])  # fmt: skip
def test_mistakes_are_said_and_words_kept(browser, seller, url, events, said) -> None:  # type: ignore[no-untyped-def]
    for path in (PAGE, make(seller)):
        answer = browser.post(path, data={"url": url, "events": events})
        assert answer.status_code == 422
        assert said in answer.text
        assert not url or f'value="{url}"' in answer.text


def test_there_is_an_end_to_them(browser: FlaskClient, seller: User) -> None:
    for _n in range(10):
        make(seller)
    answer = browser.post(PAGE, data={"url": URL, "events": ["order.paid"]})
    assert answer.status_code == 409
    assert "Delete one first" in answer.text


def test_change_switch_and_delete(browser: FlaskClient, seller: User) -> None:
    page = make(seller)
    browser.post(page, data={"url": f"{URL}/new", "events": ["stock.low"]})
    [endpoint] = queries.endpoints_of(seller.id)
    assert (endpoint.url, endpoint.events) == (f"{URL}/new", ["stock.low"])
    browser.post(f"{page}/off")
    assert "Switch on" in browser.get(page).text
    assert browser.post(f"{page}/test").status_code == 409
    browser.post(f"{page}/on")
    assert "Send test event" in browser.get(page).text
    assert browser.post(f"{page}/delete").status_code == 303
    assert browser.get(page).status_code == 404


def test_messages_come_page_by_page(browser: FlaskClient, seller: User) -> None:
    page = make(seller)
    [endpoint] = queries.endpoints_of(seller.id)
    for _n in range(31):
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint.id)
    first = browser.get(page).text
    assert first.count("webhook.test</code></strong>") == 30
    [more] = re.findall(r' href="([^"]+after=[^"]+)"', unescape(first))
    second = browser.get(more, headers={"HX-Request": "true", "HX-Request-Type": "partial"}).text
    assert second.count("webhook.test</code></strong>") == 1
    assert "<html" not in second


def test_strangers_webhooks_are_not_found(browser: FlaskClient) -> None:
    stranger = make_user(roles=("seller",))
    page = make(stranger)
    [endpoint] = queries.endpoints_of(stranger.id)
    messages.send_test(owner_id=stranger.id, endpoint_id=endpoint.id)
    [message] = queries.messages_of(endpoint.id).items
    assert browser.get(page).status_code == 404
    good = {"url": URL, "events": ["order.paid"]}
    for path in ("", "/secret", "/on", "/off", "/delete", "/test", f"/messages/{message.id}/again"):
        assert browser.post(page + path, data=good).status_code == 404, path


def test_message_of_another_webhook_is_not_found(browser: FlaskClient, seller: User) -> None:
    page, _other = make(seller), make(seller)
    [_first, second] = queries.endpoints_of(seller.id)
    messages.send_test(owner_id=seller.id, endpoint_id=second.id)
    [message] = queries.messages_of(second.id).items
    assert browser.post(f"{page}/messages/{message.id}/again").status_code == 404


def test_result_of_a_test_event_is_told(browser, seller, drain) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    receiver.answers = [500]
    endpoint_id, _secret = endpoints.create(
        owner_id=seller.id, url=receiver.url, events=["order.paid"]
    )
    page = f"{PAGE}/{endpoint_id}"
    try:
        assert browser.post(f"{page}/test").status_code == 303
        sent = browser.get(page).text
        assert "A test event is being sent." in sent
        [asked] = re.findall(r'<section id="messages"[^>]* hx-get="([^"]+)"', sent)
        drain()
        partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
        told = browser.get(asked, headers=partial).text
        assert told.lstrip().startswith('<section id="messages"')
        assert "hx-trigger" not in told  # it has been told
        assert ": 500, " in told
        assert "Next attempt" in told
    finally:
        receiver.stop()


def test_attempt_under_way_and_one_without_an_answer(browser, seller, drain) -> None:  # type: ignore[no-untyped-def]
    endpoint_id, _secret = endpoints.create(
        owner_id=seller.id, url="https://nobody.invalid/", events=["order.paid"]
    )
    messages.send_test(owner_id=seller.id, endpoint_id=endpoint_id)
    [message] = queries.messages_of(endpoint_id).items
    sending._begin(message_id=message.id)
    assert "waiting for the response" in browser.get(f"{PAGE}/{endpoint_id}").text
    sending._end(
        attempt_id=session().scalar(text("SELECT id FROM webhook_attempt")),
        posted=Posted(None, Failure.NO_SUCH_HOST, "", 12),
    )
    assert "the host was not found, 12 ms" in browser.get(f"{PAGE}/{endpoint_id}").text
