"""Buyers are asked once, some days after a delivery."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.products.models import Product
from app.reviews.service import asking, writing
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import line_of
from tests.support.bought import delivered, soup, words
from tests.support.inbox import Inbox, path_in
from tests.support.sale import count
from tests.support.servers import Servers

Drain = Callable[[], None]


@pytest.fixture
def inbox(app: Flask, run_servers: Servers, drain: Drain) -> Inbox:
    return Inbox(run_servers.inbox_url, deliver=drain)


@pytest.fixture
def product(app: Flask) -> Product:
    return make_product(make_user(roles=("seller",)), kind="text", title="Lamp <3")


def later(days: float) -> None:
    """Let time pass for what waits."""
    session().execute(
        text("UPDATE review_request SET since = since - :age, due_at = due_at - :age;"),
        {"age": timedelta(days=days)},
    )
    session().execute(
        text("UPDATE orders SET delivered_at = delivered_at - :age"), {"age": timedelta(days=days)}
    )
    session().commit()


def asked(inbox: Inbox, buyer: User) -> list[str]:
    return [mail["subject"] for mail in inbox.of(buyer.email) if "How was" in mail["subject"]]


def test_once_and_not_before_it_is_time(
    product: Product, inbox: Inbox, drain: Drain, login: Callable[..., FlaskClient]
) -> None:
    buyer = make_user()
    delivered(buyer, {product.id: 1})
    drain()
    later(1)
    delivered(buyer, {product.id: 1})
    drain()
    assert count("review_request") == 1
    assert asking.ask_due().done == 0
    later(2.1)
    assert asking.ask_due().done == 1
    assert asking.ask_due().done == 0
    assert count("review_request") == 0
    drain()
    assert asked(inbox, buyer) == ["How was your purchase?"]
    [mail] = [mail for mail in inbox.of(buyer.email) if "How was" in mail["subject"]]
    assert "Lamp <3, Lamp <3" in mail["text"]
    assert mail["text"].count("/reviews/lines/") == 2
    # Several are listed on a page of their own.
    browser = login(buyer)
    answer = browser.get(path_in(mail, "/notifications/"))
    assert answer.location == "/reviews/waiting"
    page = soup(browser.get(answer.location))
    links = [link["href"] for link in page.select("#purchase-reviews a")]
    assert len(links) == 2
    browser.post(links[0], data={"stars": "5", "text": "Bright"})
    page = soup(browser.get("/reviews/waiting"))
    assert [link["href"] for link in page.select("#purchase-reviews a")] == links[1:]
    browser.post(links[1], data={"stars": "4", "text": "Still bright"})
    assert "Nothing to review" in words(browser.get("/reviews/waiting"))


def test_not_for_what_was_reviewed(product: Product, inbox: Inbox, drain: Drain) -> None:
    buyer = make_user()
    line_id = line_of(delivered(buyer, {product.id: 1}))
    drain()
    writing.write(author_id=buyer.id, line_id=line_id, stars=5, text="Fine")
    later(3.1)
    assert asking.ask_due().done == 1
    drain()
    assert asked(inbox, buyer) == []


def test_after_the_next_purchase_anew(product: Product, inbox: Inbox, drain: Drain) -> None:
    buyer = make_user()
    for _time in range(2):
        delivered(buyer, {product.id: 1})
        drain()
        later(3.1)
        asking.ask_due()
        drain()
    assert len(asked(inbox, buyer)) == 2
