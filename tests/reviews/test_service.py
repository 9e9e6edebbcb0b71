"""What may be done with reviews, and by whom."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.auth.models import User
from app.kit.db import session, violated
from app.kit.ids import new_id
from app.products.models import Product
from app.products.queries import cards
from app.reviews.errors import (
    BadReview,
    NoSuchLine,
    NoSuchReview,
    NotDelivered,
    NotHidden,
    NotYourOwn,
    TooLateToEdit,
)
from app.reviews.models import TEXT_MAX
from app.reviews.queries.reports import open_reports
from app.reviews.queries.reviews import ReviewSort, review_for, reviews_of
from app.reviews.service import answering, moderation, writing
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import bought, line_of, make_review
from tests.support.bought import delivered, paid
from tests.support.harm import broken


@pytest.fixture
def product(app: Flask) -> Product:
    """A product that all get the same of."""
    return make_product(make_user(roles=("seller",)), kind="text")


def histogram(product: Product) -> tuple[int, ...]:
    session().rollback()
    return cards.page_of(product.id).histogram


def events(name: str) -> list[dict[str, str]]:
    rows = session().scalars(
        text("SELECT payload FROM outbox WHERE listener = :name"), {"name": name}
    )
    return list(rows)


def age(review_id: UUID, days: float) -> None:
    """Have a review been written so long ago."""
    session().execute(
        text("UPDATE review SET written_at = written_at - :age WHERE id = :id"),
        {"age": timedelta(days=days), "id": review_id},
    )
    session().commit()


class TestWrite:
    def test_it_counts_at_once(self, product: Product) -> None:
        make_review(product, stars=5)
        make_review(product, stars=4)
        shown = cards.page_of(product.id)
        assert shown.histogram == (0, 0, 0, 1, 1)
        assert (shown.own_rating.tenths, shown.own_rating.count) == (45, 2)
        # Bayesian: (5 × 4 + 9) / 7
        assert (shown.seller_rating.tenths, shown.seller_rating.count) == (41, 2)
        assert broken() == {}

    def test_a_second_time_it_is_changed(self, product: Product) -> None:
        buyer, line_id = bought(product)
        words = {"author_id": buyer.id, "line_id": line_id}
        first = writing.write(**words, stars=5, text="Great")
        assert writing.write(**words, stars=5, text="Great") == first
        review = review_for(first, reader_id=None, is_staff=False)
        assert review.edited_at is None
        assert writing.write(**words, stars=2, text="Not so great") == first
        review = review_for(first, reader_id=None, is_staff=False)
        assert (review.stars, review.text) == (2, "Not so great")
        assert review.edited_at is not None
        assert histogram(product) == (0, 1, 0, 0, 0)

    def test_it_can_be_changed_for_thirty_days(self, product: Product) -> None:
        buyer, line_id = bought(product)
        words = {"author_id": buyer.id, "line_id": line_id, "text": "Fine"}
        review_id = writing.write(**words, stars=5)
        age(review_id, 29.9)
        writing.write(**words, stars=4)
        age(review_id, 0.2)
        with pytest.raises(TooLateToEdit):
            writing.write(**words, stars=1)
        assert histogram(product) == (0, 0, 0, 1, 0)

    def test_each_purchase_has_one(self, product: Product) -> None:
        buyer = make_user()
        make_review(product, stars=1, author=buyer)
        make_review(product, stars=5, author=buyer)
        assert histogram(product) == (1, 0, 0, 0, 1)

    @pytest.mark.parametrize(
        ("stars", "words", "field"),
        [
            (0, "Fine", "stars"),
            (6, "Fine", "stars"),
            (5, "", "text"),
            (5, " \u200b\u202e\n\t", "text"),
            (5, "no", "text"),
            (5, "n\u200b\u200b o", "text"),
            (5, "x" * (TEXT_MAX + 1), "text"),
        ],
    )
    def test_bad_words_are_refused(
        self, product: Product, stars: int, words: str, field: str
    ) -> None:
        buyer, line_id = bought(product)
        with pytest.raises(BadReview) as refused:
            writing.write(author_id=buyer.id, line_id=line_id, stars=stars, text=words)
        assert set(refused.value.errors) == {field}
        assert histogram(product) == (0, 0, 0, 0, 0)

    def test_what_nobody_sees_is_left_out(self, product: Product) -> None:
        review_id = make_review(product, words="a\u202eb\x00\r\n\r\n\r\n\r\nc\ud800")
        assert review_for(review_id, reader_id=None, is_staff=False).text == "ab\n\nc"

    def test_units_of_stock_are_masked_wherever_words_are_taken(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        goods = make_product(seller, stock=("KEPT-UNIT-7F3A-9C", "SOLD-UNIT-1B22-8D"))
        buyer, line_id = bought(goods)
        review_id = writing.write(
            author_id=buyer.id, line_id=line_id, stars=1, text="«KEPT-UNIT-7F3A-9C» is used"
        )
        answering.reply(seller_id=seller.id, review_id=review_id, text="Take SOLD-UNIT-1B22-8D")
        moderation.report(
            user_id=make_user().id, review_id=review_id, reason="Shows KEPT-UNIT-7F3A-9C"
        )
        shown = review_for(review_id, reader_id=None, is_staff=False)
        assert (shown.text, shown.reply) == ("«KEPT••••» is used", "Take SOLD••••")
        assert [report.reason for report in open_reports().items] == ["Shows KEPT••••"]

    def test_only_what_was_delivered(self, product: Product) -> None:
        buyer = make_user()
        line_id = line_of(paid(buyer, {product.id: 1}))
        with pytest.raises(NotDelivered):
            writing.write(author_id=buyer.id, line_id=line_id, stars=5, text="Fine")

    def test_only_by_its_buyer(self, product: Product) -> None:
        _buyer, line_id = bought(product)
        for other in (make_user().id, product.seller_id):
            with pytest.raises(NoSuchLine):
                writing.write(author_id=other, line_id=line_id, stars=5, text="Fine")
        with pytest.raises(NoSuchLine):
            writing.write(author_id=_buyer.id, line_id=new_id(), stars=5, text="Fine")


class TestDelete:
    def test_it_counts_no_longer(self, product: Product) -> None:
        buyer, line_id = bought(product)
        review_id = writing.write(author_id=buyer.id, line_id=line_id, stars=3, text="Fine")
        answering.vote(user_id=make_user().id, review_id=review_id, helpful=True)
        answering.reply(seller_id=product.seller_id, review_id=review_id, text="Thanks")
        writing.delete_own(author_id=buyer.id, review_id=review_id)
        assert histogram(product) == (0, 0, 0, 0, 0)
        with pytest.raises(NoSuchReview):
            review_for(review_id, reader_id=buyer.id, is_staff=True)
        assert session().scalar(text("SELECT text FROM review")) == ""
        assert writing.delete_own(author_id=buyer.id, review_id=review_id) == product.id  # again
        assert histogram(product) == (0, 0, 0, 0, 0)
        assert broken() == {}
        # Within the thirty days it can be written anew, as the same one.
        again = writing.write(author_id=buyer.id, line_id=line_id, stars=4, text="Better")
        assert again == review_id
        assert review_for(again, reader_id=None, is_staff=False).reply is None
        assert histogram(product) == (0, 0, 0, 1, 0)
        writing.delete_own(author_id=buyer.id, review_id=review_id)
        age(review_id, 31)
        with pytest.raises(TooLateToEdit):
            writing.write(author_id=buyer.id, line_id=line_id, stars=4, text="Later")

    def test_only_by_its_author(self, product: Product) -> None:
        review_id = make_review(product)
        for other in (make_user().id, product.seller_id):
            with pytest.raises(NoSuchReview):
                writing.delete_own(author_id=other, review_id=review_id)

    def test_a_hidden_one_stays_hidden_when_it_is_written_again(self, product: Product) -> None:
        buyer, line_id = bought(product)
        review_id = writing.write(author_id=buyer.id, line_id=line_id, stars=1, text="Spam")
        moderation.hide(moderator_id=make_user().id, review_id=review_id, reason="Spam")
        writing.delete_own(author_id=buyer.id, review_id=review_id)
        writing.write(author_id=buyer.id, line_id=line_id, stars=1, text="Spam again")
        assert histogram(product) == (0, 0, 0, 0, 0)
        assert reviews_of(product.id, reader_id=None).items == []


class TestReplyAndVotes:
    def test_the_seller_answers_once_and_may_change_it(self, product: Product) -> None:
        review_id = make_review(product)
        own = {"seller_id": product.seller_id, "review_id": review_id}
        answering.reply(**own, text="Thanks")
        answering.reply(**own, text="Thank you")
        assert review_for(review_id, reader_id=None, is_staff=False).reply == "Thank you"
        answering.take_back_reply(**own)
        assert review_for(review_id, reader_id=None, is_staff=False).reply is None
        with pytest.raises(NoSuchReview):
            answering.reply(seller_id=make_user().id, review_id=review_id, text="Hello")
        with pytest.raises(BadReview):
            answering.reply(**own, text=" ")

    def test_everybody_votes_once(self, product: Product) -> None:
        review_id, voter = make_review(product), make_user()
        for helpful, count in ((True, 1), (True, 1), (False, 0), (False, 0), (True, 1)):
            vote = {"user_id": voter.id, "review_id": review_id, "helpful": helpful}
            assert answering.vote(**vote) == count
        assert answering.vote(user_id=make_user().id, review_id=review_id, helpful=True) == 2
        assert review_for(review_id, reader_id=voter.id, is_staff=False).voted
        assert broken() == {}

    def test_neither_author_nor_seller_votes(self, product: Product) -> None:
        author = make_user()
        review_id = make_review(product, author=author)
        for person in (author.id, product.seller_id):
            with pytest.raises(NotYourOwn):
                answering.vote(user_id=person, review_id=review_id, helpful=True)


class TestModeration:
    def test_a_hidden_one_does_not_count_until_it_is_shown_again(self, product: Product) -> None:
        author = make_user()
        review_id = make_review(product, stars=1, author=author)
        make_review(product, stars=5)
        moderator = make_user(roles=("moderator",))
        for reason in ("Insults people", "Insults them all"):
            moderation.hide(moderator_id=moderator.id, review_id=review_id, reason=reason)
        assert histogram(product) == (0, 0, 0, 0, 1)
        assert len(reviews_of(product.id, reader_id=author.id).items) == 1
        assert len(reviews_of(product.id, reader_id=None, hidden=True).items) == 1
        with pytest.raises(NoSuchReview):
            review_for(review_id, reader_id=make_user().id, is_staff=False)
        seen = review_for(review_id, reader_id=author.id, is_staff=False)
        assert seen.hidden_reason == "Insults them all"
        assert broken() == {}
        moderation.unhide(review_id=review_id)
        assert histogram(product) == (1, 0, 0, 0, 1)
        with pytest.raises(NotHidden):
            moderation.unhide(review_id=review_id)
        assert broken() == {}

    def test_reports_wait_until_a_moderator_decides(self, product: Product) -> None:
        author, reporter = make_user(), make_user()
        first, second = make_review(product, author=author), make_review(product)
        for reason in ("Spam", "Spam, really"):
            moderation.report(user_id=reporter.id, review_id=first, reason=reason)
        moderation.report(user_id=reporter.id, review_id=second, reason="Insults me")
        reports = open_reports(counted=True)
        assert [one.reason for one in reports.items] == ["Insults me", "Spam, really"]
        assert reports.total == 2
        moderation.dismiss(review_id=second)
        moderation.hide(moderator_id=make_user().id, review_id=first, reason="Spam")
        assert open_reports().items == []
        deleted = make_review(product, author=author)
        moderation.report(user_id=reporter.id, review_id=deleted, reason="Spam")
        writing.delete_own(author_id=author.id, review_id=deleted)
        assert open_reports().items == []
        with pytest.raises(NotYourOwn):
            moderation.report(user_id=author.id, review_id=make_review(product, author=author),
                              reason="Mine")  # fmt: skip


class TestList:
    def test_sorts_and_stars_and_pages(self, product: Product) -> None:
        ids = [make_review(product, stars=stars) for stars in (3, 5, 1, 5)]
        for review_id, votes in ((ids[2], 2), (ids[0], 1)):
            for _vote in range(votes):
                answering.vote(user_id=make_user().id, review_id=review_id, helpful=True)
        a, b, c, d = ids
        expected = {
            ReviewSort.NEW: [d, c, b, a],
            ReviewSort.HELPFUL: [c, a, d, b],
            ReviewSort.BEST: [d, b, a, c],
            ReviewSort.WORST: [c, a, b, d],
        }
        for sort, order in expected.items():
            found, after = [], None
            while True:
                page = reviews_of(product.id, reader_id=None, sort=sort, after=after, size=1)
                found += [review.id for review in page.items]
                after = page.next_cursor
                if after is None:
                    break
            assert found == order, sort
            narrowed = reviews_of(product.id, reader_id=None, sort=sort, stars=5, counted=True)
            assert [review.id for review in narrowed.items] == [
                one for one in order if one in {b, d}
            ]
            assert narrowed.total == 2


INSERT = text(
    "INSERT INTO review (id, line_id, order_id, product_id, seller_id, author_id, stars, text)"
    " SELECT gen_random_uuid(), l.id, l.order_id, l.product_id, coalesce(:seller, l.seller_id),"
    " coalesce(:author, l.buyer_id), 5, 'Mine' FROM order_line l WHERE l.id = :line"
)


class TestDatabase:
    """What the database itself refuses, whatever the shop's code does."""

    def refused(self, line_id: UUID, **who: UUID) -> str | None:
        values = {"seller": None, "author": None, "line": line_id} | who
        with pytest.raises(IntegrityError) as error:
            session().execute(INSERT, values)
        session().rollback()
        return violated(error.value)

    def test_without_a_purchase(self, product: Product) -> None:
        _buyer, line_id = bought(product)
        stranger = make_user().id
        assert self.refused(line_id, author=stranger) == "review_of_delivered_line"
        session().execute(INSERT, {"line": line_id, "seller": None, "author": None})  # theirs
        session().rollback()

    def test_before_the_delivery(self, product: Product) -> None:
        line_id = line_of(paid(make_user(), {product.id: 1}))
        assert self.refused(line_id) == "review_of_delivered_line"

    def test_after_the_money_went_back(self, product: Product) -> None:
        buyer = make_user()
        order_id = delivered(buyer, {product.id: 1})
        line_id = line_of(order_id)
        session().execute(text("UPDATE orders SET state = 'cancelled', cancel_reason = 'refunded'"))
        session().commit()
        assert self.refused(line_id) == "review_of_delivered_line"
        with pytest.raises(NotDelivered):
            writing.write(author_id=buyer.id, line_id=line_id, stars=5, text="Fine")

    def test_of_ones_own_product(self, product: Product) -> None:
        buyer, line_id = bought(product)
        own = {"seller": buyer.id, "author": buyer.id}
        assert self.refused(line_id, **own) == "review_of_delivered_line"
        session().execute(text("ALTER TABLE review DISABLE TRIGGER USER"))
        with pytest.raises(IntegrityError) as error:
            session().execute(INSERT, {"line": line_id, **own})
        session().rollback()
        assert violated(error.value) == "ck_review_not_own_product"

    def test_a_second_one_of_a_line(self, product: Product) -> None:
        make_review(product)
        line_id = session().scalar(text("SELECT line_id FROM review"))
        assert self.refused(line_id) == "uq_review_line_id"

    def test_changed_to_another_line(self, product: Product) -> None:
        make_review(product)
        _other, line_id = bought(product)
        with pytest.raises(IntegrityError) as error:
            session().execute(text("UPDATE review SET line_id = :id"), {"id": line_id})
        session().rollback()
        assert violated(error.value) == "review_of_delivered_line"


def test_fifty_at_once_count_as_a_recount_does(
    application: Flask, product: Product, login: Callable[..., object]
) -> None:
    people: list[tuple[User, UUID]] = [bought(product) for _ in range(50)]
    seller_id = product.seller_id
    given = [(buyer.id, line_id, number) for number, (buyer, line_id) in enumerate(people)]
    session().commit()

    def act(one: tuple[UUID, UUID, int]) -> None:
        buyer_id, line_id, number = one
        chance = Random(number)
        with application.app_context():
            for _time in range(3):
                stars = chance.randint(1, 5)
                review_id = writing.write(
                    author_id=buyer_id, line_id=line_id, stars=stars, text=f"Words {stars}"
                )
            if number % 5 == 0:
                moderation.hide(moderator_id=seller_id, review_id=review_id, reason="Test")
            elif number % 5 == 1:
                writing.delete_own(author_id=buyer_id, review_id=review_id)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(act, [*given, *given[:0]]))
    session().rollback()
    assert broken() == {}
    assert sum(histogram(product)) == 30
    count, total = session().execute(text("SELECT review_count, star_sum FROM seller_rating")).one()
    shown = cards.page_of(product.id)
    assert (count, total) == (shown.review_count, shown.star_sum)


def test_two_clicks_write_one(application: Flask, product: Product) -> None:
    buyer, line_id = bought(product)
    buyer_id = buyer.id
    session().commit()

    def click(_number: int) -> UUID:
        with application.app_context():
            return writing.write(author_id=buyer_id, line_id=line_id, stars=4, text="Twice")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(click, range(8)))) == 1
    assert histogram(product) == (0, 0, 0, 1, 0)
