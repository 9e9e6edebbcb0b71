"""A seller's public page, its one address, and what is said there."""

from collections.abc import Callable
from urllib.parse import quote, urljoin
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.auth.service import accounts, moderation
from app.kit.db import session
from app.products import ratings
from app.reviews.queries.sellers import profile_of
from app.reviews.service.replies import KEPT, note_reply_time
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import bought, make_review
from tests.support.bought import PARTIAL, delivered, soup, words

Login = Callable[..., FlaskClient]


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",), display_name="Ann's Keys")


def address(name: str) -> str:
    return f"/sellers/{quote(name)}"


class TestPage:
    def test_of_a_new_seller(self, client: FlaskClient, seller: User) -> None:
        shown = words(client.get(address("Ann's Keys")))
        for part in ("Ann's Keys", "No reviews yet", "Nothing for sale right now", "as if 5 more"):
            assert part in shown
        # What was never measured is not made up.
        assert "Typical delivery" not in shown
        assert "Typical reply" not in shown

    def test_of_one_who_has_sold(self, client: FlaskClient, seller: User) -> None:
        lamp = make_product(seller, kind="text", title="Lamp")
        make_product(seller, kind="text", title="Carpet")
        make_product(make_user(roles=("seller",)), kind="text", title="Somebody else's")
        make_review(lamp, stars=5)
        bought(lamp)
        note_reply_time(seller_id=seller.id, seconds=7200)
        page = soup(client.get(address("Ann's Keys")))
        stats = {
            one.select_one(".stat__label").get_text(): one.select_one(".stat__value").get_text()
            for one in page.select(".stat")
        }
        assert stats.pop("Typical delivery").endswith(("second", "seconds"))
        assert stats == {
            "Rating": "4.2 ★",
            "Sales": "2",
            "Refunded": "0.0 %",
            "Invalid items": "0.0 %",
            "Typical reply": "2 hours",
        }
        titles = [card.get_text() for card in page.select(".product-card__title")]
        assert titles == ["Carpet", "Lamp"]
        cards = [card.get_text(" ", strip=True) for card in page.select(".product-card__rating")]
        assert cards == ["Rating: 4.2 seller, 1 review", "Rating: 5.0 1 review"]

    def test_products_are_searched_and_sorted(self, client: FlaskClient, seller: User) -> None:
        for title, price in (("Red lamp", 300), ("Blue lamp", 200), ("Carpet", 100)):
            make_product(seller, kind="text", title=title, price_minor=price)
        for query, titles in {
            "?q=lamp": {"Red lamp", "Blue lamp"},
            "?sort=price_asc": ["Carpet", "Blue lamp", "Red lamp"],
            "?sort=nonsense": ["Carpet", "Blue lamp", "Red lamp"],
            "?q=nowhere": [],
        }.items():
            for headers in ({}, PARTIAL):
                page = soup(client.get(address("Ann's Keys") + query, headers=headers))
                found = [card.get_text() for card in page.select(".product-card__title")]
                assert (set(found) if isinstance(titles, set) else found) == titles, query
        assert client.get(address("Ann's Keys") + "?q=" + "x" * 101).status_code == 422
        assert client.get(address("Ann's Keys") + "?after=x").status_code == 422

    def test_pages(self, client: FlaskClient, seller: User) -> None:
        for number in range(31):
            make_product(seller, kind="text", title=f"Lamp {number}")
        page = soup(client.get(address("Ann's Keys")))
        assert "31 products" in page.get_text()
        more = page.select_one(".load-more a")["href"]
        rest = soup(client.get(more, headers=PARTIAL))
        assert len(page.select(".product-card")) + len(rest.select(".product-card")) == 31


class TestAddress:
    def test_is_one_for_each_seller(self, client: FlaskClient, seller: User) -> None:
        for other in (address("ann's keys"), address("Annskeys"), f"/sellers/-/{seller.id}"):
            answer = client.get(f"{other}?q=a")
            assert (answer.status_code, answer.location) == (302, "/sellers/Ann's%20Keys?q=a")

    def test_a_name_may_have_any_sign(self, app: Flask, client: FlaskClient) -> None:
        for name in ("A/B & Co?", "Ключи №1", "50% #off", "<b>Bold</b>"):
            seller = make_user(roles=("seller",), display_name=name)
            make_product(seller, kind="text", title=f"Of {name}")
            link = client.get(f"/sellers/-/{seller.id}").location
            page = soup(client.get(link))
            assert page.h1.get_text() == name
            assert soup(client.get(page.select_one(".seller-link")["href"])).h1.get_text() == name

    def test_no_name_leads_to_another_page(
        self, app: Flask, client: FlaskClient, seller: User
    ) -> None:
        for name in ("/Bob", "../x", "..", "a//b", f"-/{seller.id}", "a%2Fb", "%2e%2e"):
            own = make_user(roles=("seller",), display_name=name)
            link = client.get(f"/sellers/-/{own.id}").location
            # As a browser reads it: steps are walked before the server is asked.
            assert urljoin("http://shop/products/x", link) == f"http://shop{link}"
            assert "//" not in link
            answer = client.get(link)
            assert (answer.status_code, soup(answer).h1.get_text()) == (200, name)

    def test_old_names_lead_to_the_new_one(self, client: FlaskClient, seller: User) -> None:
        for name in ("Bob's Keys", "Carol's Keys"):
            accounts.update_profile(user_id=seller.id, display_name=name, locale="en")
        for old in ("Ann's Keys", "Bob's Keys"):
            answer = client.get(address(old))
            assert (answer.status_code, answer.location) == (302, "/sellers/Carol's%20Keys")
        # Whoever is called so now comes first.
        make_user(roles=("seller",), display_name="Bob's Keys")
        assert client.get(address("Bob's Keys")).status_code == 200

    def test_nobodys_and_buyers_names(self, client: FlaskClient, seller: User) -> None:
        buyer = make_user(display_name="Just a buyer")
        for path in (
            address("Nobody"),
            address("Just a buyer"),
            f"/sellers/-/{buyer.id}",
            f"/sellers/-/{uuid4()}",
            "/sellers/%00%ff",
            "/sellers/" + "x" * 1500,
        ):
            assert client.get(path).status_code == 404, path

    def test_a_banned_seller_is_gone(self, client: FlaskClient, seller: User) -> None:
        moderation.ban_user(user_id=seller.id)
        for path in (address("Ann's Keys"), f"/sellers/-/{seller.id}"):
            answer = client.get(path)
            assert answer.status_code == 410
            assert "This seller no longer sells here." in words(answer)


def test_the_name_is_a_link_wherever_it_stands(
    client: FlaskClient, seller: User, login: Login
) -> None:
    product = make_product(seller, kind="text")
    buyer = make_user()
    order_id = delivered(buyer, {product.id: 1})
    line_id = session().scalar(text("SELECT id FROM order_line"))
    browser = login(buyer)
    browser.post("/order/basket/add", data={"product_id": product.id, "quantity": 1})
    for path in (
        "/",
        "/products",
        f"/products/{product.id}",
        "/order/basket",
        "/order/purchases",
        f"/order/purchases/{order_id}",
        f"/order/purchases/{order_id}/lines/{line_id}",
    ):
        links = soup(browser.get(path)).select("a.seller-link[href^='/sellers/']")
        assert [link.get_text() for link in links[:1]] == ["Ann's Keys"], path
        answer = browser.get(links[0]["href"])
        assert soup(browser.get(answer.location or links[0]["href"])).h1.get_text() == "Ann's Keys"


def test_the_catalogue_is_filtered_by_a_seller(client: FlaskClient, seller: User) -> None:
    make_product(seller, kind="text", title="Lamp")
    make_product(make_user(roles=("seller",)), kind="text", title="Carpet")
    for query, titles in {"": ["Lamp"], "&q=lamp": ["Lamp"], "&q=carpet": []}.items():
        page = soup(client.get(f"/products?seller={quote('ann’s keys')}{query}"))
        found = [card.get_text() for card in page.select(".product-card__title")]
        assert found == titles, query
        assert page.select_one("#only-seller[checked]")["value"] == "ann’s keys"
        assert page.select_one("#active-filters").get_text() == "1"
    refused = client.get("/products?seller=Nobody")
    assert refused.status_code == 422
    assert "There is no such seller." in words(refused)


class TestMeasures:
    def test_reply_time_is_the_median_of_the_last(self, seller: User) -> None:
        for _time in range(10):
            note_reply_time(seller_id=seller.id, seconds=100_000)
        for seconds in range(KEPT):
            note_reply_time(seller_id=seller.id, seconds=seconds + 0.2)
        session().rollback()
        reply = profile_of(seller).median_reply
        assert reply is not None
        assert reply.total_seconds() == 24
        note_reply_time(seller_id=seller.id, seconds=-5)
        note_reply_time(seller_id=seller.id, seconds=1e12)
        kept = session().scalar(text("SELECT last_seconds FROM seller_replies"))
        assert len(kept) == KEPT
        assert (min(kept), max(kept)) == (0, 30 * 24 * 3600)

    @pytest.mark.parametrize(
        ("total", "count", "tenths"), [(5, 1, 42), (1, 1, 35), (250, 50, 49), (2400, 500, 48)]
    )
    def test_few_reviews_hardly_move_a_rating(self, total: int, count: int, tenths: int) -> None:
        rating = ratings.of_seller(total, count)
        assert rating is not None
        assert rating.tenths == tenths

    def test_averages_are_rounded_half_up(self) -> None:
        shown = [ratings.of_product(total, count) for total, count in ((89, 20), (9, 2), (13, 3))]
        assert [rating and rating.tenths for rating in shown] == [45, 45, 43]
        assert ratings.of_product(0, 0) is ratings.of_seller(0, 0) is None
