"""What sellers and buyers read of reviews."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.auth.models import User
from app.notifications.models import NotificationKind
from app.notifications.queries import Told, notifications_of
from app.products.models import Product
from app.reviews.service import answering, moderation, writing
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import bought

Work = Callable[[], None]


@pytest.fixture
def product(app: Flask) -> Product:
    return make_product(make_user(roles=("seller",)), kind="text", title="Lamp")


@pytest.fixture
def author(product: Product) -> User:
    return make_user()


@pytest.fixture
def review_id(product: Product, author: User) -> object:
    buyer, line_id = bought(product, author)
    return writing.write(author_id=buyer.id, line_id=line_id, stars=4, text="Works well.")


def of_kind(user_id: object, kind: NotificationKind) -> list[Told]:
    """What somebody was told of a kind."""
    return list(notifications_of(user_id, kind=kind).items)  # type: ignore[arg-type]


def test_seller_reads_of_a_review_once(product: Product, review_id: object, drain: Work) -> None:
    drain()
    [told] = of_kind(product.seller_id, NotificationKind.REVIEW)
    assert (told.words.title, told.words.detail) == ("New review: Lamp", "4 of 5 stars")


def test_buyer_reads_of_the_first_answer_alone(
    product: Product,
    author: User,
    review_id: object,
    drain: Work,
    login: Callable[..., FlaskClient],
) -> None:
    for text in ("Thanks.", "Thank you."):
        answering.reply(seller_id=product.seller_id, review_id=review_id, text=text)
        drain()
    [told] = of_kind(author.id, NotificationKind.REPLY)
    assert told.words.title.endswith(" replied to your review")
    assert told.words.detail == "Lamp"
    answer = login(author).get(f"/notifications/{told.id}")
    assert answer.location == f"/reviews/{review_id}"


def test_author_reads_why_a_review_was_hidden_each_time(
    author: User, review_id: object, drain: Work
) -> None:
    admin = make_user(roles=("moderator",))
    for reason in ("Insults", "Insults again"):
        moderation.hide(moderator_id=admin.id, review_id=review_id, reason=reason)
        drain()
        moderation.unhide(review_id=review_id)
    told = of_kind(author.id, NotificationKind.MODERATION)
    assert [one.words.detail for one in told] == ["Reason: Insults again", "Reason: Insults"]
    assert {one.words.title for one in told} == {"A moderator hid your review: Lamp"}
