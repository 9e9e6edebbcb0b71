"""Who is told of reviews: their sellers' programs, and nobody of what is hidden by then."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.products.models import Product
from app.reviews.service import moderation
from app.webhooks.service import endpoints
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import make_review

Drain = Callable[[], None]


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",), display_name="Ann's Keys")


@pytest.fixture
def product(seller: User) -> Product:
    return make_product(seller, kind="text", title="Lamp")


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
