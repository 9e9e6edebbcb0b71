"""What people see and hear of a dispute: buyer, sellers, staff, programs."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.orders.queries.disputes import disputes
from app.orders.queries.purchases import purchase_of
from app.webhooks.service import endpoints
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import delivered, soup, words
from tests.support.disputes import decided, disputed, told
from tests.support.programs import program_of

Login = Callable[..., FlaskClient]
Drain = Callable[[], None]


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",), display_name="Ann's Keys")


@pytest.fixture
def other(app: Flask) -> User:
    return make_user(roles=("seller",))


@pytest.fixture
def buyer(app: Flask) -> User:
    return make_user()


@pytest.fixture
def order_id(seller: User, other: User, buyer: User) -> UUID:
    """A lamp for ten euros of the one, a rug for five of the other."""
    lamp = make_product(seller, price_minor=1000, title="Lamp", stock=("KEY-A",))
    rug = make_product(other, price_minor=500, title="Rug", stock=("KEY-B",))
    return delivered(buyer, {lamp.id: 1, rug.id: 1})


def notices(user: User) -> list[tuple[str, str]]:
    """What somebody was told of disputes: the act, and as whom."""
    session().rollback()
    rows = session().execute(
        text(
            "SELECT params ->> 'act', params ->> 'side' FROM notification"
            " WHERE user_id = :user AND kind = 'dispute' ORDER BY id"
        ),
        {"user": user.id},
    )
    return [tuple(row) for row in rows]


class TestPages:
    def test_buyer_sees_what_is_locked_and_why(
        self, login: Login, buyer: User, order_id: UUID
    ) -> None:
        claim = told(1500)
        disputed(order_id, claim)
        page = login(buyer).get(f"/order/purchases/{order_id}")
        shown = words(page)
        assert "You dispute €15.00 of this purchase at PayPal" in shown
        assert "locked until PayPal decides your dispute" in shown
        lines = purchase_of(buyer.id, order_id).lines
        answer = login(buyer).post(
            f"/order/purchases/{order_id}/pieces/{lines[0].pieces[0].id}/reveal"
        )
        assert answer.status_code == 409
        assert "disputed at PayPal" in words(answer)
        disputed(order_id, decided(claim, "RESOLVED_BUYER_FAVOUR"))
        assert "PayPal gave you back €15.00" in words(
            login(buyer).get(f"/order/purchases/{order_id}")
        )

    def test_seller_sees_their_own_part_alone(
        self, login: Login, seller: User, order_id: UUID
    ) -> None:
        dispute_id = disputed(order_id, told(1500))
        browser = login(seller)
        listed = words(browser.get("/order/sales/disputes"))
        assert "€9.00" in listed
        assert "Not received" in listed
        one = words(browser.get(f"/order/sales/disputes/{dispute_id}"))
        for part in ("Lamp", "€10.00", "€9.00", "I got nothing", "PayPal waits for evidence until"):
            assert part in one
        assert "Rug" not in one
        assert "Held until PayPal decides" in words(browser.get("/order/sales"))
        assert (
            login(make_user(roles=("seller",)))
            .get(f"/order/sales/disputes/{dispute_id}")
            .status_code
            == 404
        )

    def test_staff_sees_all_of_it(self, login: Login, buyer: User, order_id: UUID) -> None:
        dispute_id = disputed(order_id, told(1500))
        browser = login(make_user(roles=("moderator",)))
        listed = soup(browser.get("/admin/disputes"))
        assert f"/admin/disputes/{dispute_id}" in str(listed)
        one = words(browser.get(f"/admin/disputes/{dispute_id}"))
        for part in ("Lamp", "Rug", "€15.00", buyer.email, "Claim"):
            assert part in one
        assert browser.get(f"/order/moderation/{order_id}").status_code == 200
        assert f"/order/moderation/{order_id}" in browser.get(f"/admin/disputes/{dispute_id}").text
        assert browser.get(f"/admin/disputes/{UUID(int=0)}").status_code == 404

    def test_list_shows_open_ones_unless_asked(self, login: Login, order_id: UUID) -> None:
        claim = told(300)
        dispute_id = disputed(order_id, claim)
        disputed(order_id, decided(claim, "RESOLVED_SELLER_FAVOUR"))
        browser = login(make_user(roles=("admin",)))
        assert str(dispute_id) not in browser.get("/admin/disputes").text
        assert str(dispute_id) in browser.get("/admin/disputes?state=all").text

    def test_lists_go_on_where_a_page_ends(self, order_id: UUID, seller: User) -> None:
        for _each in range(3):
            disputed(order_id, told(100))
        first = disputes(seller_id=seller.id, size=2)
        rest = disputes(seller_id=seller.id, size=2, after=first.next_cursor)
        assert len({one.id for one in (*first.items, *rest.items)}) == 3

    def test_programs_of_the_seller(self, app: Flask, seller: User, order_id: UUID) -> None:
        dispute_id = disputed(order_id, told(1500))
        program = program_of(app, seller)
        answer = program.get("/payments/disputes")
        [listed] = answer.json["items"]
        assert listed["held"] == {"minor": 900, "currency": "EUR"}
        assert [sale["disputed"] for sale in program.get("/payments/sales").json["items"]] == [True]
        one = program.get(f"/payments/disputes/{dispute_id}").json
        [line] = one["lines"]
        assert (line["title"], line["held"]["minor"]) == ("Lamp", 1000)
        assert program.get(f"/payments/disputes/{UUID(int=0)}").status_code == 404


class TestTelling:
    def test_everybody_is_told_once_of_beginning_and_end(
        self, buyer: User, seller: User, order_id: UUID, drain: Drain
    ) -> None:
        moderator = make_user(roles=("moderator",))
        claim = told(1500)
        for seen in (claim, decided(claim, "ACCEPTED")):
            for _again in range(2):
                disputed(order_id, seen)
            drain()
        assert notices(buyer) == [("opened", "buyer"), ("lost", "buyer")]
        assert notices(seller) == [("opened", "seller"), ("lost", "seller")]
        assert notices(moderator) == [("opened", "staff"), ("lost", "staff")]

    def test_words_lead_to_the_page(
        self, login: Login, seller: User, order_id: UUID, drain: Drain
    ) -> None:
        dispute_id = disputed(order_id, told(1500))
        drain()
        page = login(seller).get("/notifications")
        assert "PayPal holds €9.00 until it decides" in words(page)
        [link] = re.findall(r"/notifications/[0-9a-f-]{36}", page.text)[:1]
        assert login(seller).get(link).location == f"/order/sales/disputes/{dispute_id}"

    def test_webhooks_tell_each_seller_of_their_own(
        self, seller: User, order_id: UUID, drain: Drain
    ) -> None:
        endpoints.create(
            owner_id=seller.id,
            url="https://a.example/x",
            events=["dispute.opened", "dispute.resolved"],
        )
        claim = told(1500)
        disputed(order_id, claim)
        disputed(order_id, decided(claim, "RESOLVED_BUYER_FAVOUR"))
        drain()
        session().rollback()
        rows = (
            session()
            .execute(text("SELECT type, payload -> 'data' FROM webhook_message ORDER BY id"))
            .all()
        )
        assert [row[0] for row in rows] == ["dispute.opened", "dispute.resolved"]
        [line] = rows[1][1]["lines"]
        assert (line["title"], line["lost"]["minor"]) == ("Lamp", 1000)
