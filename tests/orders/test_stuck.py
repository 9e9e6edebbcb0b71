"""Payments that are stuck: listed with what is wrong, and put right by what is lawful."""

from collections.abc import Callable
from uuid import UUID

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.kit import promises
from app.kit.db import session
from app.kit.money import Money
from app.orders.errors import NoReason, NotStuck
from app.orders.models import OperatorAct, OrderState
from app.orders.queries.stuck import StuckKind, stuck_payment, stuck_payments
from app.orders.service import capturing, unsticking
from app.payments.errors import NotBookable, PaymentUnavailable
from app.products.errors import OutOfStock
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.conftest import CREDENTIALS
from tests.orders.test_late_fees import cash
from tests.orders.test_sale import wait_for
from tests.orders.test_webhooks import pend
from tests.support.bought import approved, paid, soup, told, words
from tests.support.programs import program_of
from tests.support.sale import (
    SandboxControl,
    StartedCheckout,
    assert_promises_hold,
    count,
    fill_basket,
    order_of,
    start,
)

Drain = Callable[[], None]
Login = Callable[..., FlaskClient]
BOOK, WAIT = OperatorAct.BOOK_AND_DELIVER, OperatorAct.WAIT_FOR_STOCK
REFUND = OperatorAct.REFUND_WHOLE
REASON = "The buyer agreed to it by mail"


@pytest.fixture
def admin(app: Flask) -> User:
    return make_user(roles=("admin",), display_name="Olga Operator")


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


def mismatched(paypal: SandboxControl, seller: User, value: str = "9.50") -> StartedCheckout:
    """An order of 10.00 for which PayPal took something else."""
    buyer = make_user()
    fill_basket(buyer, make_product(seller, stock=("A",)).id)
    started = start(buyer)
    difference = f"{abs(1000 - round(float(value) * 100)) / 100:.2f}"
    kind = "discount" if float(value) < 10 else "handling"
    token = requests.post(
        f"{paypal.url}/v1/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=CREDENTIALS[:2],
        timeout=10,
    ).json()["access_token"]
    requests.patch(
        f"{paypal.url}/v2/checkout/orders/{started.paypal_order_id}",
        json=[
            {
                "op": "replace",
                "path": f"/purchase_units/@reference_id=='{started.order_id}'/amount",
                "value": {
                    "currency_code": "EUR",
                    "value": value,
                    "breakdown": {
                        "item_total": {"currency_code": "EUR", "value": "10.00"},
                        kind: {"currency_code": "EUR", "value": difference},
                    },
                },
            }
        ],
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    ).raise_for_status()
    paypal.approve(started.paypal_order_id)
    capturing.capture(order_id=started.order_id)
    return started


def undelivered(seller: User) -> UUID:
    """A paid order whose goods are gone, for longer than it may be."""
    product = make_product(seller, stock=("A",))
    order_id = paid(make_user(), {product.id: 1})
    session().execute(text("UPDATE orders SET paid_at = now() - interval '11 minutes'"))
    session().execute(
        text("UPDATE stock_item SET state = 'free', holder = NULL, reserved_until = NULL")
    )
    session().execute(text("DELETE FROM stock_item"))
    session().commit()
    return order_id


class TestMismatched:
    @pytest.mark.parametrize("value", ["9.50", "10.70"])
    def test_what_paypal_took_is_booked_and_the_goods_are_delivered(
        self, paypal: SandboxControl, seller: User, admin: User, drain: Drain, value: str
    ) -> None:
        before = paypal.cash()
        started = mismatched(paypal, seller, value)
        stuck = stuck_payment(started.order_id)
        assert stuck is not None
        assert (stuck.kind, stuck.taken_minor) == (StuckKind.MISMATCHED, round(float(value) * 100))
        assert stuck.acts == (BOOK, REFUND)
        unsticking.decide(actor_id=admin.id, order_id=started.order_id, act=BOOK, reason=REASON)
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert cash() == paypal.cash() - before
        assert stuck_payment(started.order_id) is None
        owed = text("""SELECT -sum(e.amount_minor) FROM ledger_entry e JOIN ledger_account a
            ON a.id = e.account_id WHERE a.kind IN ('seller_pending', 'platform_revenue')""")
        assert session().scalar(owed) == 1000, "sellers get what they sold for"
        assert_promises_hold()
        acts = session().execute(text("SELECT act, reason, actor_id FROM operator_decision")).all()
        assert acts == [("book_and_deliver", REASON, admin.id)]

    def test_it_is_booked_once(self, paypal: SandboxControl, seller: User, admin: User) -> None:
        started = mismatched(paypal, seller)
        unsticking.decide(actor_id=admin.id, order_id=started.order_id, act=BOOK, reason=REASON)
        with pytest.raises(NotStuck):
            unsticking.decide(actor_id=admin.id, order_id=started.order_id, act=BOOK, reason=REASON)
        assert count("ledger_transaction") == 1
        assert count("operator_decision") == 1

    def test_silent_paypal_books_nothing(
        self, paypal: SandboxControl, seller: User, admin: User
    ) -> None:
        started = mismatched(paypal, seller)
        paypal.fault("rate_limit", operation="get", times=9)
        with pytest.raises(PaymentUnavailable):
            unsticking.decide(actor_id=admin.id, order_id=started.order_id, act=BOOK, reason=REASON)
        assert count("operator_decision") == 0

    def test_money_that_is_not_there_is_not_booked(
        self, paypal: SandboxControl, seller: User, admin: User
    ) -> None:
        paypal.fault("pending", operation="capture", times=1)
        started = mismatched(paypal, seller)
        with pytest.raises(NotBookable, match="PENDING"):
            unsticking.decide(actor_id=admin.id, order_id=started.order_id, act=BOOK, reason=REASON)
        assert count("operator_decision") == 0

    def test_money_of_another_currency_is_not_offered_to_be_booked(
        self, seller: User, admin: User
    ) -> None:
        order_id = approved(make_user(), {make_product(seller, stock=("A",)).id: 1})
        told(order_id, "COMPLETED", amount=Money(1000, "USD"))
        stuck = stuck_payment(order_id)
        assert stuck is not None
        assert stuck.acts == (REFUND,)
        with pytest.raises(NotStuck):
            unsticking.decide(actor_id=admin.id, order_id=order_id, act=BOOK, reason=REASON)

    @pytest.mark.parametrize("reason", ["", "  ", "no", "x" * 1001])
    def test_reason_is_insisted_on(
        self, paypal: SandboxControl, seller: User, admin: User, reason: str
    ) -> None:
        started = mismatched(paypal, seller)
        with pytest.raises(NoReason):
            unsticking.decide(actor_id=admin.id, order_id=started.order_id, act=BOOK, reason=reason)


class TestUnsettled:
    def test_paypal_is_asked_again(
        self,
        paypal: SandboxControl,
        serving: str,
        seller: User,
        admin: User,
        drain: Drain,
    ) -> None:
        buyer = make_user()
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.end_pending(pend(paypal, started), "complete")
        wait_for(lambda: count("payment", "told_completed_at IS NOT NULL") == 1)
        assert stuck_payment(started.order_id) is None, "it has a quarter of an hour"
        session().execute(text("UPDATE payment SET told_completed_at = now() - interval '1 hour'"))
        session().commit()
        [stuck] = stuck_payments().items
        assert (stuck.kind, stuck.acts) == (StuckKind.UNSETTLED, (BOOK,))
        unsticking.decide(actor_id=admin.id, order_id=started.order_id, act=BOOK, reason=REASON)
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert stuck_payments().items == []
        assert_promises_hold()


class TestUndelivered:
    def test_waiting_is_noted_and_delivering_waits_for_stock(
        self, seller: User, admin: User
    ) -> None:
        order_id = undelivered(seller)
        stuck = stuck_payment(order_id)
        assert stuck is not None
        assert (stuck.kind, stuck.decision) == (StuckKind.UNDELIVERED, None)
        with pytest.raises(OutOfStock):
            unsticking.decide(actor_id=admin.id, order_id=order_id, act=BOOK, reason=REASON)
        assert count("operator_decision") == 0
        unsticking.decide(actor_id=admin.id, order_id=order_id, act=WAIT, reason="Seller is asked")
        stuck = stuck_payment(order_id)
        assert stuck is not None
        assert stuck.decision is not None
        assert (stuck.decision.act, stuck.decision.reason) == (WAIT, "Seller is asked")
        assert stuck.decision.actor_name == "Olga Operator"


class TestPage:
    def test_operator_reads_what_is_wrong_and_books_it(
        self, paypal: SandboxControl, seller: User, admin: User, login: Login
    ) -> None:
        started = mismatched(paypal, seller)
        browser = login(admin)
        listed = browser.get("/admin/payments/stuck")
        assert "PayPal took €9.50 instead of €10.00." in words(listed)
        [link] = [a["href"] for a in soup(listed).select("td a")]
        page = soup(browser.get(link))
        form, _refund = page.select("main form")
        refused = browser.post(form["action"], data={"reason": "x"})
        assert refused.status_code == 422
        assert "Say why" in words(refused)
        assert soup(refused).select_one("textarea").text.strip() == "x"
        done = browser.get(browser.post(form["action"], data={"reason": REASON}).location)
        assert "The payment is settled." in words(done)
        assert REASON in words(done)
        assert "Olga Operator" in words(done)
        assert order_of(started).is_paid
        assert "Nothing is stuck" in words(browser.get("/admin/payments/stuck"))

    def test_refusal_is_told_where_it_was_asked(
        self, seller: User, admin: User, login: Login
    ) -> None:
        order_id = undelivered(seller)
        browser = login(admin)
        page = soup(browser.get(f"/admin/payments/stuck/{order_id}"))
        book, wait, _refund = (form["action"] for form in page.select("main form"))
        refused = browser.post(book, data={"reason": REASON})
        assert refused.status_code == 409
        assert "Sold out" in words(refused)
        assert soup(refused).select_one("textarea").text.strip() == REASON
        noted = browser.get(browser.post(wait, data={"reason": "Seller is asked"}).location)
        assert "Your decision is noted." in words(noted)
        assert "Wait for stock, Olga Operator" in words(browser.get("/admin/payments/stuck"))

    def test_words_are_russian_for_russians(self, seller: User, login: Login) -> None:
        order_id = approved(make_user(), {make_product(seller, stock=("A",)).id: 1})
        told(order_id, "COMPLETED", amount=Money(999, "EUR"))
        browser = login(make_user(roles=("admin",), locale="ru"))
        assert "PayPal списал 9,99 € вместо 10,00 €." in words(browser.get("/admin/payments/stuck"))

    def test_administrators_have_it_in_their_menu(self, admin: User, login: Login) -> None:
        assert "/admin/payments/stuck" in login(admin).get("/order/basket").text
        assert "/admin/payments/stuck" not in login(make_user()).get("/order/basket").text


class TestJson:
    def test_program_lists_and_decides(
        self, app: Flask, paypal: SandboxControl, seller: User, admin: User
    ) -> None:
        started = mismatched(paypal, seller)
        program = program_of(app, admin)
        [one] = program.get("/admin/payments/stuck?total=true").json["items"]
        assert (one["kind"], one["acts"]) == ("mismatched", ["book_and_deliver", "refund_whole"])
        assert (one["total"]["minor"], one["taken"]["minor"]) == (1000, 950)
        path = f"/admin/payments/stuck/{started.order_id}"
        assert program.post(f"{path}/wait-for-stock", json={"reason": REASON}).status_code == 409
        done = program.post(f"{path}/book-and-deliver", json={"reason": REASON})
        assert done.status_code == 200, done.json
        assert (done.json["state"], done.json["stuck"]) == ("paid", False)
        again = program.post(f"{path}/book-and-deliver", json={"reason": REASON})
        assert (again.status_code, again.json["code"]) == (409, "orders.not_stuck")


class TestMany:
    def test_pages_follow_each_other(self, seller: User) -> None:
        product = make_product(seller, stock=tuple("ABC"))
        ids = []
        for _ in range(3):
            order_id = approved(make_user(), {product.id: 1})
            told(order_id, "COMPLETED", amount=Money(999, "EUR"))
            ids.append(order_id)
        first = stuck_payments(size=2, counted=True)
        assert [one.order_id for one in first.items] == ids[:0:-1]
        assert first.total == 3
        rest = stuck_payments(size=2, after=first.next_cursor)
        assert [one.order_id for one in rest.items] == ids[:1]

    def test_decisions_stay_as_they_were(self, app: Flask) -> None:
        name = "what operators decided never changes"
        [found] = [result for result in promises.check() if result.name == name]
        assert found.holds
