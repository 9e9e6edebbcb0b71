"""One stream for each person: what is told once, read, counted and opened."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.auth.queries import count_of
from app.auth.service import moderation as people
from app.kit import promises, retention
from app.kit.db import session, transactional
from app.kit.outbox import emit
from app.notifications.errors import NoSuchNotification
from app.notifications.models import UNREAD, NotificationKind
from app.notifications.queries import notifications_of
from app.notifications.service import reading
from app.notifications.service.notifying import notify, topic_of
from app.orders.events import OrderDelivered, OrderPaid
from app.products.models import Product
from app.products.service import moderation
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.concurrency import at_once
from tests.support.bought import PARTIAL, delivered, soup, words

Work = Callable[[], None]
Login = Callable[..., FlaskClient]


@transactional
def again(event: object) -> None:
    """Announce what was announced before."""
    emit(event)


def titles(user: User) -> list[str]:
    """What somebody's stream says, the newest first."""
    return [told.words.title for told in notifications_of(user.id).items]


def told_some(user: User, count: int, kind: NotificationKind = NotificationKind.DELIVERY) -> None:
    """So many notifications."""
    for number in range(count):
        notify(
            user_id=user.id,
            kind=kind,
            key=f"{kind}-{number}",
            params={"order_id": str(user.id), "number": f"N{number}", "titles": ["A thing"]},
        )


def broken() -> list[str]:
    """The promises that do not hold."""
    return [result.name for result in promises.check() if not result.holds]


class TestSale:
    def test_each_seller_reads_of_their_own_and_the_buyer_of_the_order(
        self, app: Flask, drain: Work
    ) -> None:
        seller, other, buyer = (
            make_user(roles=("seller",)),
            make_user(roles=("seller",)),
            make_user(),
        )
        mine = make_product(seller, stock=("A-1", "A-2"), title="Moonbase", price_minor=1000)
        others = make_product(other, stock=("B-1",), title="Sunbase")
        order_id = delivered(buyer, {mine.id: 2, others.id: 1})
        drain()
        assert "Sold: 2 × Moonbase" in titles(seller)
        assert "Sold: 1 × Sunbase" in titles(other)
        assert not any("Sunbase" in title for title in titles(seller))
        [told] = notifications_of(buyer.id).items
        assert told.words.title.startswith("Your order ")
        assert told.params["order_id"] == str(order_id)
        assert count_of(buyer.id, UNREAD) == 1

    def test_event_that_comes_again_makes_one(self, app: Flask, drain: Work) -> None:
        seller, buyer = make_user(roles=("seller",)), make_user()
        product = make_product(seller, stock=[f"A-{n}" for n in range(9)])
        order_id = delivered(buyer, {product.id: 1})
        drain()
        for _time in range(2):
            again(OrderPaid(order_id))
            again(OrderDelivered(order_id))
            drain()
        assert len(titles(seller)) == len(titles(buyer)) == 1
        assert count_of(seller.id, UNREAD) == count_of(buyer.id, UNREAD) == 1

    def test_what_was_sold_is_nowhere_in_it(self, app: Flask, drain: Work) -> None:
        seller, buyer = make_user(roles=("seller",)), make_user()
        product = make_product(seller, stock=("SECRET-KEY-1",))
        delivered(buyer, {product.id: 1})
        drain()
        rows = session().scalars(text("SELECT params::text FROM notification")).all()
        assert rows
        assert not any("SECRET" in row for row in rows)

    def test_page_is_told(
        self, app: Flask, drain: Work, heard: Callable[..., list[tuple[str, str]]]
    ) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("A-1",))
        delivered(buyer, {product.id: 1})
        drain()
        assert heard(topic_of(buyer.id)) == [(topic_of(buyer.id), "changed")]


class TestAtOnce:
    def test_the_same_told_at_once_is_told_once(self, app: Flask) -> None:
        user = make_user()
        at_once(app, [lambda: told_some(user, 1)] * 8)
        assert len(titles(user)) == count_of(user.id, UNREAD) == 1

    def test_number_is_right_whoever_reads_and_tells_at_once(self, app: Flask) -> None:
        user = make_user()
        told_some(user, 20)
        ids = [told.id for told in notifications_of(user.id).items]
        acts: list[Callable[[], object]] = [
            *(
                lambda ident=ident: reading.mark_read(user_id=user.id, notification_id=ident)
                for ident in ids[:10]
            ),
            *([lambda: reading.mark_all_read(user_id=user.id)] * 5),
            lambda: told_some(user, 25),
        ]
        at_once(app, acts)
        unread = notifications_of(user.id, unread=True, size=100).items
        assert count_of(user.id, UNREAD) == len(unread)
        assert broken() == []


class TestModeration:
    @pytest.fixture
    def product(self, app: Flask) -> Product:
        return make_product(make_user(roles=("seller",)), title="Moonbase")

    def test_seller_reads_why_a_product_is_gone_and_that_it_is_back(
        self, product: Product, drain: Work
    ) -> None:
        admin = make_user(roles=("admin",))
        for _time in range(2):
            moderation.remove(
                moderator_id=admin.id, product_id=product.id, reason="Keys did not work"
            )
            moderation.restore(product_id=product.id)
        drain()
        items = notifications_of(product.seller_id).items
        assert [told.words.title for told in items] == [
            "Your product is back: Moonbase",
            "A moderator removed your product: Moonbase",
        ] * 2
        assert items[1].words.detail == "Reason: Keys did not work"

    def test_somebody_reads_that_they_were_banned_once_they_are_no_more(
        self, app: Flask, drain: Work
    ) -> None:
        user = make_user()
        people.ban_user(user_id=user.id)
        people.unban_user(user_id=user.id)
        drain()
        assert titles(user) == ["Your account is open again", "Your account was closed"]


class TestPage:
    def test_link_leads_to_the_thing_and_marks_it_read(
        self, app: Flask, login: Login, drain: Work
    ) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("A-1",))
        order_id = delivered(buyer, {product.id: 1})
        drain()
        browser = login(buyer)
        page = soup(browser.get("/notifications"))
        link = page.select_one("#notifications a.list__title")
        assert link is not None
        answer = browser.get(str(link["href"]))
        assert answer.status_code == 303
        assert answer.location == f"/order/purchases/{order_id}"
        assert count_of(buyer.id, UNREAD) == 0
        assert soup(browser.get("/notifications")).select(".notice--unread") == []

    def test_strangers_notification_is_not_found_and_stays_unread(
        self, app: Flask, login: Login
    ) -> None:
        owner = make_user()
        told_some(owner, 1)
        [told] = notifications_of(owner.id).items
        stranger = login(make_user())
        assert stranger.get(f"/notifications/{told.id}").status_code == 404
        assert stranger.post(f"/notifications/{told.id}/read").status_code == 404
        with pytest.raises(NoSuchNotification):
            reading.mark_read(user_id=make_user().id, notification_id=told.id)
        assert count_of(owner.id, UNREAD) == 1

    def test_filters_by_kind_and_unread(self, app: Flask, login: Login) -> None:
        user = make_user(roles=("seller",))
        told_some(user, 2)
        notify(
            user_id=user.id,
            kind=NotificationKind.LOW_STOCK,
            key="x",
            params={"product_id": str(user.id), "title": "Moonbase", "left": 2},
        )
        browser = login(user)
        reading.mark_read(user_id=user.id, notification_id=notifications_of(user.id).items[-1].id)

        def shown(address: str) -> int:
            return len(soup(browser.get(address)).select(".notice"))

        assert shown("/notifications") == 3
        assert shown("/notifications?unread=1") == 2
        assert shown("/notifications?kind=low_stock") == 1
        assert shown("/notifications?kind=delivery&unread=1") == 1
        assert shown("/notifications?kind=sale") == 0
        assert "2 items left: Moonbase" in words(browser.get("/notifications?kind=low_stock"))

    def test_pages_go_on_by_key(self, app: Flask, login: Login) -> None:
        user = make_user()
        told_some(user, 35)
        browser = login(user)
        page = soup(browser.get("/notifications"))
        assert len(page.select(".notice")) == 30
        more = page.select_one("[data-load-more]")
        assert more is not None
        rest = soup(browser.get(str(more["href"]), headers=PARTIAL))
        assert len(rest.select(".notice")) == 5
        assert rest.select("main") == []

    def test_all_read_leaves_what_came_since(self, app: Flask, login: Login) -> None:
        user = make_user()
        told_some(user, 3)
        browser = login(user)
        form = soup(browser.get("/notifications")).select_one("form[action='/notifications/read']")
        assert form is not None
        seen = form.select_one("[name=up_to]")
        assert seen is not None
        told_some(user, 4)
        answer = browser.post("/notifications/read", data={"up_to": str(seen["value"])})
        assert answer.status_code == 303
        assert count_of(user.id, UNREAD) == 1
        browser.post("/notifications/read")
        assert count_of(user.id, UNREAD) == 0
        assert broken() == []

    def test_page_in_russian(self, app: Flask, login: Login) -> None:
        user = make_user(locale="ru", roles=("seller",))
        for left in (1, 3, 5):
            notify(
                user_id=user.id,
                kind=NotificationKind.LOW_STOCK,
                key=str(left),
                params={"product_id": str(user.id), "title": "Луна", "left": left},
            )
        page = words(login(user).get("/notifications"))
        assert "Остался 1 экземпляр: Луна" in page
        assert "Осталось 3 экземпляра: Луна" in page
        assert "Осталось 5 экземпляров: Луна" in page


class TestBell:
    def bell(self, browser: FlaskClient, address: str = "/order/basket") -> str:
        found = soup(browser.get(address)).select_one("a.site-nav__bell")
        assert found is not None
        return str(found["aria-label"])

    def test_number_stands_in_the_header_of_every_page(self, app: Flask, login: Login) -> None:
        user = make_user()
        browser = login(user)
        assert self.bell(browser) == "Notifications: none unread"
        told_some(user, 3)
        assert self.bell(browser) == "Notifications: 3 unread"
        fragment = browser.get("/notifications/bell", headers=PARTIAL)
        assert fragment.headers["Cache-Control"] == "no-store"
        assert self.bell(browser, "/notifications/bell") == "Notifications: 3 unread"

    def test_guest_has_none(self, client: FlaskClient) -> None:
        assert soup(client.get("/order/basket")).select(".site-nav__bell") == []

    def test_it_costs_no_statement(
        self, app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        user = make_user()
        browser = login(user)
        browser.get("/order/basket")
        query_counter.clear()
        browser.get("/order/basket")
        without = len(query_counter)
        told_some(user, 3)
        query_counter.clear()
        assert self.bell(browser) == "Notifications: 3 unread"
        assert len(query_counter) == without
        assert not any("FROM notification" in statement for statement in query_counter)

    def test_page_of_many_costs_two(
        self, app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        user = make_user()
        told_some(user, 40)
        browser = login(user)
        browser.get("/notifications")
        query_counter.clear()
        browser.get("/notifications")
        assert len(query_counter) == 3, query_counter  # the login, the list, the basket


class TestOld:
    def test_what_nobody_opened_counts_as_read_and_goes_in_its_time(self, app: Flask) -> None:
        user = make_user()
        told_some(user, 2)
        self.age(reading.OLD + timedelta(days=1))
        told_some(user, 3)
        reading.lay_aside_old()
        assert count_of(user.id, UNREAD) == 1
        retention.drop_old()
        assert len(titles(user)) == 3
        self.age(timedelta(days=100))
        retention.drop_old()
        assert len(titles(user)) == 1
        assert broken() == []

    def age(self, by: timedelta) -> None:
        session().execute(text("UPDATE notification SET created_at = created_at - :by"), {"by": by})
        session().commit()
