"""Reviews in pages: each state of the section, the forms, and what others see of it."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.products.models import Product
from app.reviews.queries.reviews import review_for, reviews_of
from app.reviews.service import answering, moderation, writing
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import bought, make_review
from tests.support.bought import PARTIAL, delivered, soup, words

Login = Callable[..., FlaskClient]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} [a](javascript:x)"


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",), display_name="Ann's Keys")


@pytest.fixture
def product(seller: User) -> Product:
    return make_product(seller, kind="text", title="Lamp")


def page_of(product: Product) -> str:
    return f"/products/{product.id}"


class TestSection:
    def test_without_reviews_it_says_so(self, client: FlaskClient, product: Product) -> None:
        shown = soup(client.get(page_of(product)))
        assert "No reviews yet" in shown.select_one("#reviews").get_text()
        assert not shown.select("#reviews form, #reviews .histogram, .product__meta .rating")

    def test_of_one(self, client: FlaskClient, product: Product) -> None:
        make_review(product, stars=4, words="Bright")
        answer = client.get(page_of(product))
        section = soup(answer).select_one("#reviews")
        shown = " ".join(section.get_text(" ").split())
        for part in ("4.0", "1 review", "Bright", "Verified purchase"):
            assert part in shown
        bars = {
            row.span.get_text(): row.progress["value"] for row in section.select(".histogram a")
        }
        assert bars == {"5 ★": "0", "4 ★": "1", "3 ★": "0", "2 ★": "0", "1 ★": "0"}
        assert section.select_one(".stars[aria-label='4 of 5 stars']")
        # A guest neither votes nor reports.
        assert not section.select(".review form, .review details")
        assert "4.0" in soup(answer).select_one(".product__meta .rating").get_text()

    def test_of_many_the_rest_is_a_click_away(self, client: FlaskClient, product: Product) -> None:
        for number in range(13):
            make_review(product, stars=1 + number % 5, words=f"Words no. {number}.")
        page = soup(client.get(page_of(product)))
        assert len(page.select("#reviews .review")) == 5
        more = page.select_one("#reviews .load-more a")["href"]
        seen = [article["id"] for article in page.select("#reviews .review")]
        while more:
            part = soup(client.get(more, headers=PARTIAL))
            seen += [article["id"] for article in part.select("li > .review")]
            found = part.select_one(".load-more a")
            more = found and found["href"]
        assert len(seen) == len(set(seen)) == 13

    def test_by_stars_and_sorted_with_and_without_scripts(
        self, client: FlaskClient, product: Product
    ) -> None:
        for stars in (5, 1, 5, 3):
            make_review(product, stars=stars, words=f"It is {stars}.")
        address = f"{page_of(product)}/reviews?stars=5&sort=worst"
        whole, part = client.get(address), client.get(address, headers=PARTIAL)
        assert "<html" not in part.text
        for answer in (whole, part):
            texts = [one.get_text() for one in soup(answer).select(".review__text")]
            assert texts == ["It is 5.", "It is 5."]
            assert soup(answer).select_one("#reviews-stars option[selected]")["value"] == "5"
        assert soup(whole).h1.get_text() == "Lamp"
        nothing = words(client.get(f"{page_of(product)}/reviews?stars=2"))
        assert "No reviews match the filter." in nothing

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("sort=x&stars=9&hidden=y", 200),
            ("after=nonsense", 422),
            ("after=WzFd", 422),
            ("sort=best&after=WzFd", 422),
            ("pages=99999999999999999999", 200),
            ("stars=%00", 200),
        ],
    )
    def test_hostile_addresses_are_answered(
        self, client: FlaskClient, product: Product, query: str, status: int
    ) -> None:
        make_review(product)
        answer = client.get(f"{page_of(product)}/reviews?{query}")
        assert answer.status_code == status

    def test_hostile_words_are_inert(
        self, client: FlaskClient, seller: User, product: Product
    ) -> None:
        author = make_user(display_name="<b>Eve</b>")
        review_id = make_review(product, words=HOSTILE, author=author)
        answering.reply(seller_id=seller.id, review_id=review_id, text=HOSTILE)
        for address in (page_of(product), f"{page_of(product)}/reviews", f"/reviews/{review_id}"):
            section = soup(client.get(address)).select_one(".review")
            assert not section.select("script, img, b, .review__text a, [onerror]")
            texts = [one.get_text() for one in section.select(".review__text")]
            assert texts == [HOSTILE, HOSTILE]
            assert section.select_one(".review__author").get_text() == "<b>Eve</b>"

    def test_statements_do_not_grow(
        self, client: FlaskClient, product: Product, query_counter: list[str]
    ) -> None:
        counts = []
        for _round in range(2):
            make_review(product)
            query_counter.clear()
            client.get(page_of(product))
            counts.append(len(query_counter))
        assert counts[0] == counts[1]

    def test_kept_cards_show_what_is_said_now(
        self, client: FlaskClient, product: Product, seller: User
    ) -> None:
        make_product(seller, kind="text", title="Carpet")
        seen = []
        for stars in (None, 5, 2):
            if stars:
                make_review(product, stars=stars)
            for path in ("/products", "/products"):  # from the database, and as it was kept
                page = soup(client.get(path))
                cards = page.select(".product-card__rating strong")
            seen.append([card.get_text() for card in cards])
        # The carpet, which has no reviews, shows its seller's.
        assert seen == [[], ["4.2", "5.0"], ["3.9", "3.5"]]


class TestWriting:
    def test_a_buyer_writes_on_the_products_page(self, product: Product, login: Login) -> None:
        buyer, line_id = bought(product)
        browser = login(buyer)
        form = soup(browser.get(page_of(product))).select_one("#review-form")
        assert form["action"] == f"/reviews/lines/{line_id}"
        answer = browser.post(form["action"], data={"stars": "5", "text": "Shines"})
        assert answer.status_code == 303
        assert answer.location == f"{page_of(product)}#reviews"
        page = soup(browser.get(page_of(product)))
        assert not page.select("#review-form")
        assert "Thank you. Your review is published." in page.select_one("#notices").get_text()
        own = page.select_one("#reviews .panel .review")
        assert own.select_one(f"a[href='/reviews/lines/{line_id}']")
        again = soup(browser.get(f"/reviews/lines/{line_id}"))
        assert again.select_one("textarea").get_text().strip() == "Shines"
        assert again.select_one("input[checked]")["value"] == "5"

    def test_what_is_refused_stays_typed(self, product: Product, login: Login) -> None:
        buyer, line_id = bought(product)
        browser = login(buyer)
        for headers in ({}, PARTIAL):
            answer = browser.post(f"/reviews/lines/{line_id}", data={"text": "no"}, headers=headers)
            assert answer.status_code == 422
            form = soup(answer).select_one("#review-form")
            assert form.select_one("textarea").get_text().strip() == "no"
            assert "Choose one to five stars." in form.get_text()
            assert ("<html" in answer.text) == (not headers)

    def test_only_for_ones_own_delivered_purchase(self, product: Product, login: Login) -> None:
        _buyer, line_id = bought(product)
        stranger = login(make_user())
        assert stranger.get(f"/reviews/lines/{line_id}").status_code == 404
        assert stranger.post(f"/reviews/lines/{line_id}").status_code == 404
        assert not soup(stranger.get(page_of(product))).select("#review-form")

    def test_own_review_is_deleted(self, product: Product, login: Login) -> None:
        buyer, line_id = bought(product)
        review_id = writing.write(author_id=buyer.id, line_id=line_id, stars=1, text="Bad one")
        stranger = login(make_user())
        assert stranger.post(f"/reviews/{review_id}/delete").status_code == 404
        browser = login(buyer)
        for _click in range(2):
            answer = browser.post(f"/reviews/{review_id}/delete")
            assert answer.status_code == 303
        shown = words(browser.get(answer.location))
        assert "Bad one" not in shown
        assert "No reviews yet" in shown

    def test_the_purchase_asks_once_something_is_revealed(
        self, product: Product, login: Login
    ) -> None:
        buyer = make_user()
        order_id = delivered(buyer, {product.id: 1})
        browser = login(buyer)
        page = soup(browser.get(f"/order/purchases/{order_id}"))
        assert "Write a review" not in page.get_text()
        reveal = page.select_one(".reveal form")["action"]
        piece = soup(browser.post(reveal, headers=PARTIAL))
        assert piece.select_one("#purchase-reviews[hx-swap-oob] a")["href"].startswith("/reviews/")
        page = soup(browser.get(f"/order/purchases/{order_id}"))
        assert page.select_one("#purchase-reviews a").get_text().startswith("Write a review")
        line_id = UUID(page.select_one("#purchase-reviews a")["href"].rpartition("/")[2])
        writing.write(author_id=buyer.id, line_id=line_id, stars=4, text="Nice")
        page = soup(browser.get(f"/order/purchases/{order_id}"))
        assert page.select_one("#purchase-reviews a").get_text().startswith("Edit your review")

    def test_of_a_product_no_longer_for_sale(self, product: Product, login: Login) -> None:
        buyer, line_id = bought(product)
        session().execute(text("UPDATE product SET state = 'hidden'"))
        session().commit()
        answer = login(buyer).post(
            f"/reviews/lines/{line_id}", data={"stars": "5", "text": "Was good"}
        )
        assert answer.location.startswith("/order/purchases/")


class TestReactions:
    def test_the_seller_answers(self, seller: User, product: Product, login: Login) -> None:
        review_id = make_review(product)
        browser = login(seller)
        act = soup(browser.get(page_of(product))).select_one(".review form")["action"]
        assert act == f"/reviews/{review_id}/reply"
        refused = browser.post(act, data={"text": "x" * 2001}, headers=PARTIAL)
        assert refused.status_code == 422
        block = soup(refused)
        assert len(block.select_one("details[open] textarea").get_text()) == 2001
        assert "Use at most 2,000 characters." in block.get_text()
        part = soup(browser.post(act, data={"text": "Thank you!"}, headers=PARTIAL))
        assert part.select_one(".review__reply .review__text").get_text() == "Thank you!"
        assert "Reply from the seller" in words(browser.get(f"/reviews/{review_id}"))
        browser.post(f"/reviews/{review_id}/reply/delete")
        assert not soup(browser.get(page_of(product))).select(".review__reply")
        other = login(make_user(roles=("seller",)))
        assert other.post(act, data={"text": "Hi"}).status_code == 404

    def test_a_vote_is_given_and_taken_back(self, product: Product, login: Login) -> None:
        review_id = make_review(product)
        browser = login(make_user())
        act = f"/reviews/{review_id}/helpful"
        for wanted, pressed in (("1", "true"), ("1", "true"), ("0", "false"), ("0", "false")):
            part = soup(browser.post(act, data={"helpful": wanted}, headers=PARTIAL))
            assert part.select_one("button[aria-pressed]")["aria-pressed"] == pressed
            form = part.select_one("form[action$=helpful]")
            assert form.select_one("[name=helpful]")["value"] != wanted
        here = f"http://localhost{page_of(product)}"
        answer = browser.post(act, data={"helpful": "1"}, headers={"Referer": here})
        assert answer.location == f"{page_of(product)}#review-{review_id}"
        assert review_for(review_id, reader_id=None, is_staff=False).helpful_count == 1

    def test_author_and_seller_have_no_vote(
        self, seller: User, product: Product, login: Login
    ) -> None:
        author = make_user()
        review_id = make_review(product, author=author)
        for person in (author, seller):
            browser = login(person)
            assert not soup(browser.get(page_of(product))).select("form[action$=helpful]")
            assert browser.post(f"/reviews/{review_id}/helpful").status_code == 409

    def test_somebody_reports_and_a_moderator_hides(self, product: Product, login: Login) -> None:
        author = make_user()
        review_id = make_review(product, words="Rude words", author=author)
        reporter = login(make_user())
        answer = reporter.post(
            f"/reviews/{review_id}/report", data={"text": "Insults"}, headers=PARTIAL
        )
        assert "A moderator will look at this review." in words(answer)
        for role in ("moderator", "admin"):
            staff = login(make_user(roles=(role,)))
            assert soup(staff.get(page_of(product))).select_one("form[action$=hide]")
            refused = staff.post(f"/reviews/{review_id}/hide", data={"text": ""})
            assert refused.status_code == 422
            hidden = staff.post(
                f"/reviews/{review_id}/hide", data={"text": "Insults people"}, headers=PARTIAL
            )
            assert "A moderator has hidden this review" in words(hidden)
            assert "Rude words" not in words(reporter.get(page_of(product)))
            assert reporter.get(f"/reviews/{review_id}").status_code == 404
            # Its author is told why, on the same page; moderators find it there, too.
            assert "Reason: Insults people" in words(login(author).get(page_of(product)))
            assert "Rude words" in words(staff.get(f"{page_of(product)}/reviews?hidden=y"))
            assert staff.post(f"/reviews/{review_id}/unhide").status_code == 303
        assert reporter.post(f"/reviews/{review_id}/hide").status_code == 403

    def test_moderators_decide_on_what_was_reported(self, product: Product, login: Login) -> None:
        first, second = (make_review(product, words=f"Rude {word}") for word in ("first", "second"))
        for review_id, reason in ((first, "Insults"), (first, "Shouts"), (second, "Untrue")):
            moderation.report(user_id=make_user().id, review_id=review_id, reason=reason)
        for role in ("moderator", "admin"):
            staff = login(make_user(roles=(role,)))
            page = soup(staff.get("/reviews/reported"))
            assert [one.get_text() for one in page.select(".review > p.review__text")] == [
                "Rude second",
                "Rude first",
            ]
            assert "Reported by 2 people" in page.select_one("main").get_text()
            assert {"Insults", "Shouts", "Untrue"} <= set(page.select_one("main").stripped_strings)
            assert page.select_one(".menu a[href='/reviews/reported']")
            assert page.select_one(".menu a[href='/chats/reported']")
            assert staff.get("/chats/reported").status_code == 200
        kept = staff.post(f"/reviews/{second}/keep")
        assert (kept.status_code, kept.location) == (303, "/reviews/reported")
        staff.post(f"/reviews/{first}/hide", data={"text": "Insults people"})
        assert "Nothing reported" in words(staff.get("/reviews/reported"))
        assert [one.id for one in reviews_of(product.id, reader_id=None).items] == [second]

    def test_hidden_ones_are_for_moderators(self, product: Product, login: Login) -> None:
        review_id = make_review(product, words="Rude words")
        moderation.hide(moderator_id=make_user().id, review_id=review_id, reason="Insults")
        page = login(make_user()).get(f"{page_of(product)}/reviews?hidden=y")
        assert "Rude words" not in words(page)
