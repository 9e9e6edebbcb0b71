"""The cabinet: every purchase, found again, and shown as it was bought."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.kit.db import session
from app.kit.ids import new_id, parse_short_number, short_number
from app.orders.models import OrderState
from app.orders.queries.purchase_list import purchases_of
from app.orders.queries.purchases import purchase_of
from app.orders.queries.stages import Stage, stage_of
from app.orders.service import delivering, ending
from app.payments.models import PaymentState
from app.products.service import stock
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import PARTIAL, approved, delivered, paid, placed, soup, told, words

Login = Callable[..., FlaskClient]
HOSTILE_MARKDOWN = "**Strong** tea <script>alert(1)</script> [x](javascript:alert(1))"


def number_of(order_id: UUID) -> str:
    return short_number(order_id)


class TestList:
    def test_every_purchase_is_reached_by_its_links(self, app: Flask, login: Login) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        product = make_product(seller, kind="text")
        orders = [paid(buyer, {product.id: 1}) for _ in range(33)]
        browser = login(buyer)
        page = soup(browser.get("/order/purchases"))
        seen = [link["href"] for link in page.select("#purchases .list__link")]
        assert len(seen) == 30
        assert "33 purchases" in words(browser.get("/order/purchases"))
        more = page.select_one("[data-load-more]")["href"]
        plain = soup(browser.get(more))
        part = soup(browser.get(more, headers=PARTIAL))
        assert plain.find("h1") is not None
        assert part.find("h1") is None
        for answer in (plain, part):
            rest = [link["href"] for link in answer.select(".list__link")]
            assert answer.select_one("[data-load-more]") is None
            newest_first = [f"/order/purchases/{order_id}" for order_id in reversed(orders)]
            assert seen + rest == newest_first

    def test_statements_do_not_grow_with_the_purchases(
        self, app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        goods = {make_product(seller, kind="text").id: 1 for _ in range(3)}
        browser = login(buyer)
        counts = []
        for more in (1, 7):
            for _ in range(more):
                paid(buyer, goods)
            query_counter.clear()
            browser.get("/order/purchases")
            counts.append(len(query_counter))
        assert counts[0] == counts[1]
        assert counts[1] <= 6
        # Descriptions may be long, and a list shows none.
        assert not [statement for statement in query_counter if "description" in statement]

    def test_words_find_title_seller_and_number(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        ann = make_user(roles=("seller",), display_name="Ann's Keys")
        bob = make_user(roles=("seller",), display_name="Bob")
        tea = make_product(ann, kind="text", title="100% Tea_Recipe")
        ink = make_product(bob, kind="text", title="Ink for Printers")
        first, second = delivered(buyer, {tea.id: 1}), delivered(buyer, {ink.id: 1})
        stranger = delivered(make_user(), {tea.id: 1})
        found = {
            "tea": [first],
            "RECIPE 100%": [first],
            "ann's": [first],
            "bob printers": [second],
            "100%": [first],
            "_": [first],
            "coffee": [],
            number_of(second): [second],
            number_of(first).lower().replace("-", " "): [first],
            number_of(stranger): [],
            "": [second, first],
        }
        for asked, expected in found.items():
            page = purchases_of(buyer.id, words=asked)
            assert [order.id for order in page.items] == expected, asked
        shown = words(login(buyer).get("/order/purchases?q=coffee"))
        assert "None of your purchases match “coffee”." in shown

    def test_words_stay_out_of_the_shops_own_search(self, app: Flask, login: Login) -> None:
        page = soup(login(make_user()).get("/order/purchases?q=lamp"))
        assert page.select_one("#q")["value"] == "lamp"
        assert page.select_one("#site-search")["value"] == ""

    def test_what_came_to_nothing_is_listed_apart(self, app: Flask, login: Login) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        product = make_product(seller, kind="text")
        cancelled = placed(buyer, {product.id: 1})
        ending.cancel(buyer_id=buyer.id, order_id=cancelled)
        open_order = placed(buyer, {product.id: 1})
        assert [o.id for o in purchases_of(buyer.id).items] == [open_order]
        assert [o.id for o in purchases_of(buyer.id, unfinished=True).items] == [cancelled]
        assert number_of(cancelled) in words(login(buyer).get("/order/purchases?show=unfinished"))

    def test_empty_cabinet_says_so(self, app: Flask, login: Login) -> None:
        assert "No purchases yet" in words(login(make_user()).get("/order/purchases"))

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("after=nonsense", 422),
            ("after=" + "A" * 3000, 422),
            ("after=WzFd", 422),
            ("q=" + "x" * 101, 422),
            ("q=%00", 200),
            ("q=%F0%9F%98%80%27%22%25_%5C", 200),
            ("q=%FF%FE", 200),
            ("q=+++", 200),
            ("show=everything", 200),
        ],
    )
    def test_hostile_addresses_are_answered(
        self, app: Flask, login: Login, query: str, status: int
    ) -> None:
        answer = login(make_user()).get(f"/order/purchases?{query}")
        assert answer.status_code == status
        if "xxx" in query:
            kept = soup(answer).select_one("input[name=q][value*=xxx]")
            assert kept is not None


def test_short_numbers_are_read_as_people_write_them() -> None:
    for _ in range(50):
        value = new_id()
        number = short_number(value)
        assert value.hex.endswith(parse_short_number(number) or "?")
        assert parse_short_number(number.lower()) == parse_short_number(number)
        assert parse_short_number(number.replace("0", "o").replace("1", "i")) is not None
    for wrong in ("", "7KQ2", "7KQ2-M0XU", "7KQ2-M0XAA", "ключ-ключ"):
        assert parse_short_number(wrong) is None


class TestPurchase:
    def test_listing_is_shown_as_it_was_bought(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        seller = make_user(roles=("seller",), display_name="Ann's Keys")
        product = make_product(
            seller,
            stock=("SECRET-1", "SECRET-2"),
            title="Tea <b>recipes</b>",
            price_minor=1050,
        )
        describe = "UPDATE product SET description = :description"
        session().execute(text(describe), {"description": HOSTILE_MARKDOWN})
        session().commit()
        order_id = delivered(buyer, {product.id: 2})
        change = text("UPDATE product SET title = 'Other', description = 'x', price_minor = 1")
        session().execute(change)
        session().commit()
        answer = login(buyer).get(f"/order/purchases/{order_id}")
        shown, page = words(answer), soup(answer)
        for part in (
            "Tea <b>recipes</b>",
            "Sold by Ann's Keys",
            "€21.00",
            "€10.50",
            "Your purchase is ready",
        ):
            assert part in shown
        assert page.select_one(".prose strong").get_text() == "Strong"
        assert not page.select(".prose script, .prose a[href^='javascript:']")
        assert "SECRET" not in answer.get_data(as_text=True)
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("path", ["", "/reveal", "/download", f"/pieces/{UUID(int=1)}/reveal"])
    def test_strangers_find_nothing(self, app: Flask, login: Login, path: str) -> None:
        product = make_product(make_user(roles=("seller",)), kind="text")
        order_id = delivered(make_user(), {product.id: 1})
        browser = login(make_user())
        method = browser.post if path else browser.get
        for known in (order_id, new_id()):
            assert method(f"/order/purchases/{known}{path}").status_code == 404

    def test_sellers_do_not_see_the_buyers_page(self, app: Flask, login: Login) -> None:
        seller = make_user(roles=("seller",))
        order_id = delivered(make_user(), {make_product(seller, kind="text").id: 1})
        assert login(seller).get(f"/order/purchases/{order_id}").status_code == 404


class TestStatus:
    def test_page_turns_from_payment_to_goods(
        self, app: Flask, login: Login, heard: Callable[..., list[tuple[str, str]]]
    ) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("K-1", "K-2"))
        order_id = approved(buyer, {product.id: 1})
        url = f"/order/purchases/{order_id}"
        browser = login(buyer)
        waiting = soup(browser.get(url)).select_one("#order-status")
        assert waiting["data-stage"] == "confirming"
        assert waiting["data-live-topic"] == f"order:{order_id}"
        assert "every 3s" in waiting["hx-trigger"]
        nothing_new = browser.get(waiting["hx-get"], headers=PARTIAL)
        assert (nothing_new.status_code, nothing_new.data) == (204, b"")
        told(order_id, "PENDING")
        pending = soup(browser.get(waiting["hx-get"], headers=PARTIAL))
        assert pending.select_one("#order-status")["data-stage"] == "pending"
        assert "PayPal is holding the payment" in pending.get_text()
        told(order_id, "COMPLETED")
        on_its_way = soup(browser.get(url, headers=PARTIAL)).select_one("#order-status")
        assert on_its_way["data-stage"] == "paid"
        topic = f"order:{order_id}"
        heard(topic)
        delivering.deliver(order_id=order_id)
        assert heard(topic) == [(topic, "changed")]
        fragment = soup(browser.get(on_its_way["hx-get"], headers=PARTIAL))
        here = fragment.select_one("#order-status")
        assert here["data-stage"] == "delivered"
        assert "hx-trigger" not in here.attrs
        assert "data-live-topic" not in here.attrs
        assert len(here.select(".reveal form")) == 1
        page = soup(browser.get(url))
        there = page.select_one("#order-status")
        for token in (*here.select("[name=csrf_token]"), *there.select("[name=csrf_token]")):
            del token["value"]  # masked anew in each answer
        assert str(here) == str(there)
        # Who does not see it hears of it: in a region that was there before, and in the tab.
        news = fragment.select_one("hx-partial[hx-target='#order-news']")
        assert news.get_text().startswith("Your purchase is ready.")
        assert fragment.title.get_text() == "Your purchase is ready · ByteShop"
        heard = page.select_one("#order-news[role=status]")
        assert heard.find_parent(id="order-status") is None
        assert heard.get_text() == ""

    def test_page_is_looked_at_again_without_scripts(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("K-1",))
        order_id = approved(buyer, {product.id: 1})
        url = f"/order/purchases/{order_id}"
        browser = login(buyer)
        again = soup(browser.get(url)).select_one("#order-status a.no-js-only")
        assert again["href"] == url
        told(order_id, "COMPLETED")
        delivering.deliver(order_id=order_id)
        assert soup(browser.get(again["href"])).select_one("#order-status a.no-js-only") is None

    def test_declined_payment_leads_back_to_the_checkout(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("K-1",))
        order_id = approved(buyer, {product.id: 1})
        told(order_id, "DECLINED")
        page = soup(login(buyer).get(f"/order/purchases/{order_id}"))
        assert page.select_one("#order-status")["data-stage"] == "declined"
        assert page.select_one("#order-status a[href='/order/checkout']") is not None
        assert page.select_one(f"form[action='/order/{order_id}/cancel']") is not None

    def test_cancelled_purchase_says_nothing_was_charged(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("K-1",))
        order_id = placed(buyer, {product.id: 1})
        browser = login(buyer)
        answer = browser.post(f"/order/{order_id}/cancel")
        assert answer.location.endswith("/order/basket")
        shown = words(browser.get(f"/order/purchases/{order_id}"))
        assert "You cancelled this order. You have not been charged." in shown
        assert product.title in words(browser.get("/order/basket"))

    def test_money_that_went_back_is_told_and_the_goods_are_free(
        self, app: Flask, login: Login
    ) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("K-1",))
        order_id = approved(buyer, {product.id: 1})
        told(order_id, "REFUNDED")
        shown = words(login(buyer).get(f"/order/purchases/{order_id}"))
        assert "PayPal has refunded you." in shown
        assert stock.free_now(product.id) == 1

    def test_every_pair_of_states_has_a_stage(self) -> None:
        for state in OrderState:
            for payment in (*PaymentState, None):
                assert stage_of(state, payment, 100, 0) in Stage

    def test_statements_do_not_grow_with_the_lines(
        self, app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        browser = login(buyer)
        counts = []
        for lines in (1, 6):
            goods = {make_product(seller, kind="text").id: 2 for _ in range(lines)}
            order_id = delivered(buyer, goods)
            query_counter.clear()
            browser.get(f"/order/purchases/{order_id}")
            counts.append(len(query_counter))
        assert counts[0] == counts[1]
        assert purchase_of(buyer.id, order_id).pieces == 12
