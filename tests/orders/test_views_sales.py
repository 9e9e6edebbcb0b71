"""What a seller sees of their sales and their money."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.kit.ids import short_number
from app.orders.queries.sales import sales_of
from app.payments.queries import Earnings, earnings_of
from app.payments.service import releasing
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import PARTIAL, approved, delivered, paid, soup, words
from tests.support.payouts import run

Login = Callable[..., FlaskClient]


class TestSales:
    def test_lists_gross_commission_share_and_release(self, app: Flask, login: Login) -> None:
        seller, other = make_user(roles=("seller",)), make_user(roles=("seller",))
        tea = make_product(seller, kind="text", price_minor=999, title="Tea")
        ink = make_product(other, kind="text", price_minor=500, title="Ink")
        run("UPDATE product SET refund_days = 0")
        order_id = delivered(make_user(), {tea.id: 3, ink.id: 1})
        browser = login(seller)
        answer = browser.get("/order/sales")
        shown = words(answer)
        # 10 % of 29.97 is 2.997, rounded half up.
        for part in ("Tea", "€29.97", "-€3.00", "€26.97", "Pending", short_number(order_id)):
            assert part in shown
        assert "Ink" not in shown
        assert "Held until" in shown
        assert "Longer hold: new seller" in shown
        assert "For you it is 7 days now" in shown
        assert answer.headers["Cache-Control"] == "no-store"

    def test_money_turns_available_after_the_hold(
        self, app: Flask, login: Login, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seller = make_user(roles=("seller",))
        tea = make_product(seller, kind="text", price_minor=1000)
        run("UPDATE product SET refund_days = 0")
        settings = app.extensions["settings"]
        paid(make_user(), {tea.id: 1})
        monkeypatch.setitem(
            app.extensions,
            "settings",
            settings.model_copy(update={"hold_days": 0, "new_seller_hold_days": 0}),
        )
        paid(make_user(), {tea.id: 2})
        assert releasing.release_due().done == 1
        earnings = earnings_of(seller_id=seller.id, currency="EUR")
        assert (earnings.pending_minor, earnings.available_minor) == (900, 1800)
        newest, oldest = sales_of(seller.id).items
        assert newest.share.released_at is not None
        assert newest.share.hold_reason == "standard"
        assert oldest.share.released_at is None
        hold = oldest.share.release_at - oldest.paid_at
        assert abs(hold - timedelta(days=settings.new_seller_hold_days)) < timedelta(seconds=1)
        shown = words(login(seller).get("/order/sales"))
        assert "€18.00" in shown
        assert "Available since" in shown

    def test_totals_count_paid_sales_alone(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        tea = make_product(seller, kind="text", price_minor=1000)
        paid(make_user(), {tea.id: 2})
        approved(make_user(), {tea.id: 5})
        earnings = earnings_of(seller_id=seller.id, currency="EUR")
        assert earnings == Earnings(1, 2, 2000, 200, pending_minor=1800)

    def test_every_sale_is_reached_with_a_fixed_number_of_statements(
        self, app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        seller, buyer = make_user(roles=("seller",)), make_user()
        tea = make_product(seller, kind="text")
        browser = login(seller)
        paid(buyer, {tea.id: 1})
        query_counter.clear()
        browser.get("/order/sales")
        few = len(query_counter)
        for _ in range(31):
            paid(buyer, {tea.id: 1})
        query_counter.clear()
        page = soup(browser.get("/order/sales"))
        assert len(query_counter) == few
        assert len(page.select("tbody tr:not(.load-more)")) == 30
        more = page.select_one("[data-load-more]")["href"]
        part = soup(browser.get(more, headers=PARTIAL))
        assert part.find("thead") is None
        assert len(part.select("tr:not(.load-more)")) == 2
        assert len(soup(browser.get(more)).select("tbody tr")) == 2

    def test_no_sales_yet(self, app: Flask, login: Login) -> None:
        shown = words(login(make_user(roles=("seller",))).get("/order/sales"))
        assert "No sales yet" in shown

    def test_is_for_sellers(self, app: Flask, login: Login, client: FlaskClient) -> None:
        assert login(make_user()).get("/order/sales").status_code == 403
        assert client.get("/order/sales").status_code == 303

    def test_broken_link_is_explained(self, app: Flask, login: Login) -> None:
        browser = login(make_user(roles=("seller",)))
        assert browser.get("/order/sales?after=x").status_code == 422
