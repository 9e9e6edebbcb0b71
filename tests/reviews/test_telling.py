"""Who is told of reviews, in the stream and by webhook."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.products.models import Product
from app.reviews.service import answering, moderation
from app.webhooks.service import endpoints
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import make_review
from tests.support.bought import words

Login = Callable[..., FlaskClient]
Drain = Callable[[], None]


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",), display_name="Ann's Keys")


@pytest.fixture
def product(seller: User) -> Product:
    return make_product(seller, kind="text", title="Lamp")


def test_seller_and_author_are_told(
    seller: User, product: Product, login: Login, drain: Drain
) -> None:
    author = make_user()
    review_id = make_review(product, stars=4, author=author)
    drain()
    for _time in range(2):
        answering.reply(seller_id=seller.id, review_id=review_id, text="Thanks")
    drain()
    browser = login(seller)
    shown = words(browser.get("/notifications?kind=review"))
    assert "New review: Lamp" in shown
    assert "4 of 5 stars" in shown
    reading = login(author)
    shown = words(reading.get("/notifications?kind=reply"))
    assert shown.count("Ann's Keys replied to your review") == 1
    moderation.hide(moderator_id=make_user().id, review_id=review_id, reason="Insults people")
    drain()
    shown = words(reading.get("/notifications?kind=moderation"))
    assert "A moderator hid your review: Lamp" in shown
    assert "Reason: Insults people" in shown


def test_each_leads_to_the_review(
    seller: User, product: Product, login: Login, drain: Drain
) -> None:
    review_id = make_review(product)
    drain()
    notification = session().scalar(text("SELECT id FROM notification WHERE kind = 'review'"))
    answer = login(seller).get(f"/notifications/{notification}")
    assert answer.location == f"/reviews/{review_id}"


def test_nobody_is_told_of_what_was_deleted_at_once(
    seller: User, product: Product, drain: Drain
) -> None:
    review_id = make_review(product)
    moderation.hide(moderator_id=make_user().id, review_id=review_id, reason="Insults people")
    drain()
    kinds = session().scalars(text("SELECT kind FROM notification WHERE kind <> 'delivery'")).all()
    assert "review" not in kinds


def test_webhooks_of_the_seller_alone(seller: User, product: Product, drain: Drain) -> None:
    other = make_user(roles=("seller",))
    for owner in (seller, other):
        endpoints.create(owner_id=owner.id, url="https://a.example/x", events=["review.written"])
    review_id = make_review(product, stars=2, words="Not <b>bright</b>")
    drain()
    rows = session().execute(
        text(
            "SELECT e.owner_id, m.type, m.payload -> 'data' FROM webhook_message m"
            " JOIN webhook_endpoint e ON e.id = m.endpoint_id"
        )
    )
    assert [tuple(row) for row in rows] == [
        (
            seller.id,
            "review.written",
            {
                "review_id": str(review_id),
                "product_id": str(product.id),
                "title": "Lamp",
                "stars": 2,
                "text": "Not <b>bright</b>",
            },
        )
    ]
