import json
import re

import pytest
from sqlalchemy import select

from app.auth.models import User
from app.auth.service import accounts, credentials, moderation, selling
from app.kit import jobs
from app.kit.db import db_now, session, transactional
from app.kit.ids import new_id
from app.kit.outbox import OutboxRow, emit
from app.notifications.models import Notification
from app.orders.events import OrderApprovalReversed, OrderDelivered, OrderFailed, OrderPending
from app.orders.models import Order, OrderLine, OrderState
from app.orders.queries.purchases import purchase_of
from app.products.models import Category, Product
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import approved, paid, told
from tests.support.inbox import Inbox, path_in

HOME = "203.0.113.7"
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


@transactional
def bought(buyer: User, title: str = "Windows 11 Pro") -> Order:
    """A delivered order of two pieces, announced."""
    seller = make_user(roles=("seller",))
    category = Category(slug="software", name_en="Software", name_ru="Программы")
    session().add(category)
    session().flush()
    product = Product(
        seller_id=seller.id,
        category_id=category.id,
        kind="key",
        title=title,
        price_minor=1000,
        currency="EUR",
    )
    order = Order(
        buyer_id=buyer.id,
        checkout_key=category.id,
        state=OrderState.DELIVERED,
        total_minor=2000,
        currency="EUR",
        expires_at=db_now(),
    )
    session().add_all([product, order])
    session().flush()
    session().add(
        OrderLine(
            order_id=order.id,
            position=0,
            product_id=product.id,
            buyer_id=buyer.id,
            seller_id=seller.id,
            seller_name=seller.display_name,
            kind="key",
            shared=False,
            title=title,
            description="",
            quantity=2,
            unit_price_minor=1000,
            commission_minor=200,
        )
    )
    emit(OrderDelivered(order.id))
    return order


class TestDelivered:
    def test_the_buyer_gets_a_link_to_the_purchase(self, app, inbox: Inbox):
        buyer = make_user()
        order = bought(buyer)
        mail = inbox.only(buyer.email)
        assert order.number in mail["subject"]
        assert path_in(mail, "/order/purchases/") == f"/order/purchases/{order.id}"
        assert "2 × Windows 11 Pro" in mail["text"]
        assert "Windows 11 Pro" in mail["html"]

    def test_mail_that_the_server_refuses_is_sent_once_it_takes_mail_again(
        self, app, inbox: Inbox, drain, sweep, monkeypatch
    ):
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("KEY-1",))
        monkeypatch.setitem(app.config, "SMTP_URL", "smtp://127.0.0.1:1")
        order_id = paid(buyer, {product.id: 1})
        drain()
        [piece] = purchase_of(buyer.id, order_id).lines[0].pieces  # the goods wait for no mail
        assert piece.number == 1
        monkeypatch.undo()
        assert inbox.of(buyer.email) == []
        sweep()
        assert path_in(inbox.only(buyer.email), "/order/") == f"/order/purchases/{order_id}"

    def test_a_hostile_title_is_only_text(self, app, inbox: Inbox):
        buyer = make_user(display_name="<img src=x>")
        bought(buyer, "<script>alert(1)</script>\r\nBcc: all@example.com")
        mail = inbox.only(buyer.email)
        assert "<script>" not in mail["html"]
        assert "<img src=x>" not in mail["html"]


class TestSecrets:
    def test_the_secret_of_a_link_is_in_the_mail_alone(self, app, inbox: Inbox):
        user = make_user(confirmed=False)
        accounts.resend_confirmation(email=user.email, address=HOME)
        credentials.request_password_reset(email=user.email, address=HOME)
        queued = b"".join(
            value
            for key in jobs.redis().scan_iter("rq:job:*")
            for value in jobs.redis().hgetall(key).values()
        )
        assert queued
        secrets = [
            path_in(mail, start).removeprefix(start)
            for mail, start in zip(
                sorted(inbox.of(user.email), key=lambda mail: mail["subject"]),
                ("/auth/confirm/", "/auth/reset/"),
                strict=True,
            )
        ]
        rows = session().scalars(select(OutboxRow)).all()
        assert len(rows) == 2
        assert all(row.done_at for row in rows)
        for secret in secrets:
            assert len(secret) >= 43
            assert secret not in json.dumps([row.payload for row in rows])
            assert secret.encode() not in queued
            assert not any(secret in mail["subject"] for mail in inbox.of(user.email))

    def test_every_mail_has_a_link_of_its_own(self, app, inbox: Inbox):
        user = make_user(confirmed=False)
        for _time in range(2):
            accounts.resend_confirmation(email=user.email, address=HOME)
        first, second = (path_in(mail, "/auth/confirm/") for mail in inbox.of(user.email))
        assert first != second


class TestStrangers:
    def test_what_somebody_calls_themselves_is_not_mailed_to_others(self, app, inbox: Inbox):
        spam = "Win at https://evil.example"
        user = make_user(confirmed=False, display_name=spam)
        accounts.resend_confirmation(email=user.email, address=HOME)
        credentials.request_password_reset(email=user.email, address=HOME)
        accounts.register(
            email=user.email,
            password="seven-green-tractors",
            display_name=spam,
            locale="en",
            address=HOME,
        )
        mails = inbox.of(user.email)
        assert len(mails) == 3
        for mail in mails:
            assert mail["text"].startswith("Hello,\n")
            assert "evil.example" not in f"{mail['subject']}{mail['text']}{mail['html']}"


class TestSilence:
    def test_a_confirmed_address_is_not_asked_to_confirm(self, app, inbox: Inbox):
        user = make_user()
        accounts.resend_confirmation(email=user.email, address=HOME)
        assert inbox.of(user.email) == []

    def test_a_closed_account_gets_no_link(self, app, inbox: Inbox):
        user = make_user()
        moderation.ban_user(user_id=user.id)
        credentials.request_password_reset(email=user.email, address=HOME)
        closed = inbox.only(user.email)
        assert closed["subject"] == "Your account was closed"
        assert "/auth/reset/" not in closed["text"]


class TestPaymentFailed:
    def test_buyer_hears_that_a_payment_bounced(self, app, inbox: Inbox, drain):
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("KEY-1",))
        order_id = approved(buyer, {product.id: 1})
        told(order_id, "PENDING")
        drain()
        wait = inbox.only(buyer.email)
        assert "PayPal is holding your payment" in wait["subject"]
        assert "don't have to pay again" in wait["text"]
        assert path_in(wait, "/order") == f"/order/purchases/{order_id}"
        for _ in range(2):
            told(order_id, "PENDING")
            told(order_id, "DECLINED")
        drain()
        [mail] = [one for one in inbox.of(buyer.email) if one["subject"] != wait["subject"]]
        assert "failed" in mail["subject"]
        assert "You have not been charged" in mail["text"]
        assert path_in(mail, "/order") == "/order/basket"
        stream = [
            (one.params["act"], one.params["number"])
            for one in session().scalars(select(Notification).order_by(Notification.id))
            if one.user_id == buyer.id
        ]
        number = purchase_of(buyer.id, order_id).number
        assert stream == [("pending", number), ("failed", number)]

    def test_wait_that_is_over_by_then_is_not_mailed(self, app, inbox: Inbox, drain):
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("KEY-1",))
        order_id = approved(buyer, {product.id: 1})
        told(order_id, "PENDING")
        told(order_id, "COMPLETED")
        drain()
        assert "ready" in inbox.only(buyer.email)["subject"]


@transactional
def failed(buyer: User, reason: str = "payment_failed") -> Order:
    """A cancelled order, announced as one whose payment failed."""
    order = Order(
        buyer_id=buyer.id,
        checkout_key=new_id(),
        state=OrderState.CANCELLED,
        cancel_reason=reason,
        total_minor=2000,
        currency="EUR",
        expires_at=db_now(),
    )
    session().add(order)
    session().flush()
    emit(OrderFailed(order.id))
    return order


@transactional
def waiting(user: User) -> None:
    """An order whose payment PayPal holds, announced."""
    order = Order(
        buyer_id=user.id,
        checkout_key=new_id(),
        state=OrderState.APPROVED,
        total_minor=2000,
        currency="EUR",
        expires_at=db_now(),
    )
    session().add(order)
    session().flush()
    emit(OrderPending(order.id))


@transactional
def taken_back(user: User) -> None:
    """An order whose approval PayPal has taken back, announced."""
    order = Order(
        buyer_id=user.id,
        checkout_key=new_id(),
        state=OrderState.OPEN,
        total_minor=2000,
        currency="EUR",
        expires_at=db_now(),
    )
    session().add(order)
    session().flush()
    emit(OrderApprovalReversed(order.id))


ACTS = {
    "pending": waiting,
    "taken back": taken_back,
    "failed": failed,
    "refunded": lambda user: failed(user, "refunded"),
    "confirm": lambda user: accounts.resend_confirmation(email=user.email, address=HOME),
    "reset": lambda user: credentials.request_password_reset(email=user.email, address=HOME),
    "known": lambda user: accounts.register(
        email=user.email,
        password="seven-green-tractors",
        display_name="Nadia",
        locale="en",
        address=HOME,
    ),
    "changed": lambda user: credentials.change_password(
        user_id=user.id,
        current="correct-horse-battery",
        new="seven-green-tractors",
        address=HOME,
    ),
    "payout": lambda user: selling.change_paypal_email(
        user_id=user.id,
        paypal_email="new@example.com",
        password="correct-horse-battery",
        address="",
    ),
    "delivered": bought,
}


class TestLanguages:
    @pytest.mark.parametrize("act", ACTS)
    @pytest.mark.parametrize("locale", ["en", "ru"])
    def test_a_person_reads_mails_in_their_own_language(self, app, inbox: Inbox, act, locale):
        user = make_user(
            confirmed=act != "confirm",
            roles=("seller",),
            locale=locale,
            display_name="Nadia",
        )
        ACTS[act](user)
        mail = inbox.only(user.email)
        for part in ("subject", "text", "html"):
            assert bool(CYRILLIC.search(mail[part])) is (locale == "ru"), mail[part]
        assert f'lang="{locale}"' in mail["html"]
