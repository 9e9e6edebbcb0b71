"""Notifications by mail: at once, daily, never, and the way out of each."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.auth.service import moderation as people
from app.kit import mail
from app.kit.db import session, transactional
from app.kit.ids import new_id
from app.kit.outbox import emit
from app.notifications.errors import NoChoice
from app.notifications.models import MailMode, NotificationKind
from app.notifications.queries import modes_of, notifications_of
from app.notifications.service import digests, preferences, reading
from app.notifications.service.notifying import notify
from app.orders.events import OrderPaid
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.concurrency import at_once
from tests.support.bought import paid, soup, words
from tests.support.inbox import Inbox, path_in

Work = Callable[[], None]
Login = Callable[..., FlaskClient]
SALE, LOW = NotificationKind.SALE, NotificationKind.LOW_STOCK
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def seller(**columns: Any) -> User:
    """Somebody who sells."""
    return make_user(roles=("seller",), **columns)


def tell(user: User, key: str = "1", left: int = 2) -> None:
    """Tell a seller of low stock."""
    notify(
        user_id=user.id,
        kind=LOW,
        key=key,
        params={"product_id": str(user.id), "title": "Moonbase", "left": left},
    )


def choose(user: User, mode: MailMode, kind: NotificationKind = LOW) -> None:
    """Choose how a kind comes by mail."""
    preferences.choose(user_id=user.id, modes={kind: mode})


def make_due() -> None:
    """Let the next morning come, and the last one be a day ago."""
    session().execute(
        text(
            "UPDATE notification_digest SET due_at = due_at - interval '1 day',"
            " sent_at = sent_at - interval '1 day'"
        )
    )
    session().commit()


class TestSale:
    def test_seller_hears_what_was_sold_for_how_much_and_what_is_theirs(
        self, app: Flask, inbox: Inbox
    ) -> None:
        user = seller()
        product = make_product(
            user, stock=[f"KEY-{n}" for n in range(9)], title="Moonbase", price_minor=1000
        )
        order_id = paid(make_user(), {product.id: 2})
        found = inbox.only(user.email)
        assert found["subject"] == "Sold: 2 × Moonbase"
        for part in ("text", "html"):
            assert "Moonbase" in found[part]
            assert "€20.00" in found[part]
            assert "€18.00" in found[part]
            assert "KEY-" not in found[part]
        [told] = notifications_of(user.id).items
        assert path_in(found, "/notifications/") == f"/notifications/{told.id}"
        self.announce_again(order_id)
        assert len(inbox.of(user.email)) == 1

    @transactional
    def announce_again(self, order_id: Any) -> None:
        emit(OrderPaid(order_id))

    @pytest.mark.parametrize("locale", ["en", "ru"])
    def test_in_the_sellers_language(self, app: Flask, inbox: Inbox, locale: str) -> None:
        user = seller(locale=locale)
        product = make_product(user, stock=[f"KEY-{n}" for n in range(9)], title="Moonbase")
        paid(make_user(), {product.id: 1})
        found = inbox.only(user.email)
        for part in ("subject", "text", "html"):
            assert bool(CYRILLIC.search(found[part])) is (locale == "ru"), found[part]

    def test_hostile_title_is_only_text(self, app: Flask, inbox: Inbox) -> None:
        user = seller()
        title = "<script>alert(1)</script>"
        product = make_product(user, stock=[f"KEY-{n}" for n in range(9)], title=title)
        paid(make_user(), {product.id: 1})
        assert "<script>" not in inbox.only(user.email)["html"]


class TestChoice:
    def test_never(self, app: Flask, inbox: Inbox) -> None:
        user = seller()
        choose(user, MailMode.NEVER)
        tell(user)
        assert inbox.of(user.email) == []
        assert len(notifications_of(user.id).items) == 1

    def test_of_one_kind_leaves_the_others(self, app: Flask, inbox: Inbox) -> None:
        user = seller()
        choose(user, MailMode.NEVER, SALE)
        tell(user)
        assert "2 items left: Moonbase" in inbox.only(user.email)["subject"]

    def test_what_was_chosen_meanwhile_counts(self, app: Flask, inbox: Inbox) -> None:
        user = seller()
        tell(user)
        choose(user, MailMode.NEVER)
        assert inbox.of(user.email) == []

    def test_mail_of_a_purchase_is_nobodys_choice(self, app: Flask) -> None:
        user = make_user()
        with pytest.raises(NoChoice):
            choose(user, MailMode.NEVER, NotificationKind.DELIVERY)

    def test_page(self, app: Flask, login: Login) -> None:
        user = seller()
        browser = login(user)
        page = soup(browser.get("/notifications/preferences"))
        checked = {
            str(box["name"]): str(box["value"]) for box in page.select("input[type=radio][checked]")
        }
        assert checked["sale"] == checked["low_stock"] == "at_once"
        assert "delivery" not in checked
        answer = browser.post(
            "/notifications/preferences", data=checked | {"sale": "daily", "low_stock": "never"}
        )
        assert answer.status_code == 303
        assert modes_of(user.id)[SALE] is MailMode.DAILY
        assert modes_of(user.id)[LOW] is MailMode.NEVER

    def test_page_keeps_what_was_wrong_on_it(self, app: Flask, login: Login) -> None:
        user = seller()
        answer = login(user).post("/notifications/preferences", data={"sale": "hourly"})
        assert answer.status_code == 422
        assert modes_of(user.id)[SALE] is MailMode.AT_ONCE

    def test_buyer_is_not_asked_about_sales(self, app: Flask, login: Login) -> None:
        page = words(login(make_user()).get("/notifications/preferences"))
        assert "Sales" not in page
        assert "Moderation" in page

    def test_closed_account_hears_of_that_alone(self, app: Flask, inbox: Inbox) -> None:
        user = seller()
        people.ban_user(user_id=user.id)
        tell(user)
        assert inbox.only(user.email)["subject"] == "Your account was closed"

    def test_address_that_was_never_confirmed_gets_nothing(self, app: Flask, inbox: Inbox) -> None:
        user = seller(confirmed=False)
        tell(user)
        assert inbox.of(user.email) == []


class TestDaily:
    def test_one_mail_in_the_morning_with_what_is_unread(self, app: Flask, inbox: Inbox) -> None:
        user = seller()
        choose(user, MailMode.DAILY)
        for key in ("1", "2", "3"):
            tell(user, key, left=int(key))
        assert digests.send_due().done == 0
        assert inbox.of(user.email) == []
        reading.mark_read(user_id=user.id, notification_id=notifications_of(user.id).items[0].id)
        make_due()
        assert digests.send_due().done == 1
        found = inbox.only(user.email)
        assert found["subject"] == "2 unread notifications"
        assert "2 items left" in found["text"]
        assert "3 items left" not in found["text"]
        assert path_in(found, "/notifications/").startswith("/notifications/")

    def test_once_a_day_at_most(self, app: Flask, inbox: Inbox) -> None:
        user = seller()
        choose(user, MailMode.DAILY)
        tell(user)
        make_due()
        at_once(app, [digests.send_due] * 4)
        tell(user, "2")
        digests.send_due()
        assert len(inbox.of(user.email)) == 1
        [wait] = (
            session()
            .execute(
                text("SELECT due_at - sent_at FROM notification_digest WHERE due_at IS NOT NULL")
            )
            .scalars()
        )
        assert 12 * 3600 <= wait.total_seconds() <= 36 * 3600
        make_due()
        make_due()
        digests.send_due()
        assert len(inbox.of(user.email)) == 2

    def test_nothing_where_all_was_read_or_is_not_wanted_any_more(
        self, app: Flask, inbox: Inbox
    ) -> None:
        reader, leaver = seller(), seller()
        for user in (reader, leaver):
            choose(user, MailMode.DAILY)
            tell(user)
        reading.mark_all_read(user_id=reader.id)
        choose(leaver, MailMode.NEVER)
        make_due()
        digests.send_due()
        assert inbox.of(reader.email) == inbox.of(leaver.email) == []

    def test_long_one_says_how_many_more(self, app: Flask, inbox: Inbox) -> None:
        user = seller()
        choose(user, MailMode.DAILY)
        for number in range(digests.SHOWN + 3):
            tell(user, str(number))
        make_due()
        digests.send_due()
        found = inbox.only(user.email)
        assert "33 unread notifications" in found["subject"]
        assert "And 3 more." in found["text"]

    @pytest.mark.parametrize("locale", ["en", "ru"])
    def test_in_the_readers_language(self, app: Flask, inbox: Inbox, locale: str) -> None:
        user = seller(locale=locale)
        choose(user, MailMode.DAILY)
        tell(user)
        make_due()
        digests.send_due()
        found = inbox.only(user.email)
        for part in ("subject", "text", "html"):
            assert bool(CYRILLIC.search(found[part])) is (locale == "ru"), found[part]


class TestWayOut:
    """RFC 8058."""

    def path(self, inbox: Inbox, user: User) -> str:
        return path_in(inbox.of(user.email)[0], "/notifications/unsubscribe/")

    def test_headers_say_the_address_in_one_line(self, app: Flask) -> None:
        user = seller()
        tell(user)
        [told] = notifications_of(user.id).items
        address = mail.link(
            "notifications.unsubscribe", token=preferences.token_for(user.id, told.kind)
        )
        message = mail.compose(
            to=user.email,
            locale="en",
            template="notification",
            key=told.id,
            unsubscribe=address,
            name="Nadia",
            told=told,
            links=[],
            url="https://shop.example/",
            preferences_url="https://shop.example/",
        )
        head = message.as_bytes().partition(b"\r\n\r\n")[0].decode().split("\r\n")
        assert f"List-Unsubscribe: <{address}>" in head
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in head

    def test_one_post_without_a_login_ends_the_kind(
        self, app: Flask, inbox: Inbox, client: FlaskClient
    ) -> None:
        user = seller()
        tell(user)
        path = self.path(inbox, user)
        for _time in range(2):
            answer = client.post(path, data=ONE_CLICK, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 200  # a redirection would not be followed
            assert "You won't get these emails any more" in words(answer)
        assert modes_of(user.id)[LOW] is MailMode.NEVER
        assert modes_of(user.id)[SALE] is MailMode.AT_ONCE
        tell(user, "2")
        assert len(inbox.of(user.email)) == 1

    def test_looking_changes_nothing(self, app: Flask, inbox: Inbox, client: FlaskClient) -> None:
        user = seller()
        tell(user)
        path = self.path(inbox, user)
        page = soup(client.get(path))
        assert modes_of(user.id)[LOW] is MailMode.AT_ONCE
        form = page.select_one(f"form[action='{path}']")
        assert form is not None
        assert "Low stock" in page.get_text()
        assert client.get(path).headers["Cache-Control"] == "no-store"
        assert client.head(path).status_code == 200
        assert modes_of(user.id)[LOW] is MailMode.AT_ONCE

    def test_forged_token_is_refused(self, app: Flask, inbox: Inbox, client: FlaskClient) -> None:
        user, other = seller(), seller()
        tell(user)
        path = self.path(inbox, user)
        token = path.rpartition("/")[2]
        ident, kind, signature = token.split(".")
        forged = [
            f"{other.id.hex}.{kind}.{signature}",
            f"{ident}.sale.{signature}",
            f"{ident}.{kind}.{signature[:-1]}",
            f"{ident}.{kind}.",
            f"{ident}.nothing.{signature}",
            f"{new_id()}",
            "é.ü.ö",
        ]
        for one in forged:
            for ask in (client.get, client.post):
                assert ask(f"/notifications/unsubscribe/{one}").status_code == 404, one
        assert modes_of(user.id) == modes_of(other.id)

    def test_daily_mail_ends_all_that_is_daily(
        self, app: Flask, inbox: Inbox, client: FlaskClient
    ) -> None:
        user = seller()
        preferences.choose(user_id=user.id, modes={LOW: MailMode.DAILY, SALE: MailMode.DAILY})
        tell(user)
        make_due()
        digests.send_due()
        assert client.post(self.path(inbox, user), data=ONE_CLICK).status_code == 200
        modes = modes_of(user.id)
        assert modes[LOW] is modes[SALE] is MailMode.NEVER
        assert modes[NotificationKind.MODERATION] is MailMode.AT_ONCE

    def test_papers_of_a_purchase_have_none(self, app: Flask, inbox: Inbox, drain: Work) -> None:
        buyer = make_user()
        product = make_product(seller(), stock=("KEY-1",))
        paid(buyer, {product.id: 1})
        drain()
        assert "nsubscribe" not in inbox.only(buyer.email)["text"]

    def test_address_is_on_the_shops_own_host(self, app: Flask, inbox: Inbox) -> None:
        user = seller()
        tell(user)
        found = inbox.only(user.email)
        [address] = re.findall(r"https?://\S+/notifications/unsubscribe/\S+", found["text"])
        assert urlsplit(address).netloc == urlsplit(app.config["PUBLIC_URL"]).netloc
