"""Money at PayPal that is not as it was asked for, and orders that PayPal no longer knows."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.auth.models import User
from app.kit import promises
from app.kit.db import session
from app.kit.money import Money
from app.orders.models import Order, OrderState
from app.orders.service import ending
from app.orders.service.capturing import CaptureState
from app.payments.service import paying
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import make_due, pass_deadline
from tests.support.bought import approved, told, words
from tests.support.programs import program_of
from tests.support.sale import (
    SandboxControl,
    capture,
    chase,
    count,
    fill_basket,
    key_of,
    order_of,
    start,
)


@pytest.fixture
def buyer(app: Flask) -> User:
    return make_user()


@pytest.fixture
def order_id(buyer: User):  # type: ignore[no-untyped-def]
    return approved(buyer, {make_product(make_user(roles=("seller",)), stock=("A", "B")).id: 1})


DIFFERENT = [
    {"amount": Money(999, "EUR")},
    {"amount": Money(1000, "USD")},
    {"custom_id": "somebody-elses"},
]


class TestMismatch:
    @pytest.mark.parametrize("otherwise", DIFFERENT)
    @pytest.mark.parametrize("status", ["COMPLETED", "PENDING"])
    def test_buyer_is_told_the_truth(
        self,
        app: Flask,
        login: Callable[[User], FlaskClient],
        buyer: User,
        order_id,  # type: ignore[no-untyped-def]
        otherwise,
        status: str,
    ) -> None:
        told(order_id, status, **otherwise)
        page = words(login(buyer).get(f"/order/purchases/{order_id}"))
        assert "PayPal took a payment that doesn't match this order" in page
        assert "operator has been told" in page
        assert "Under review" in page
        assert "Confirming" not in page
        assert program_of(app, buyer).get(f"/order/{order_id}").json["stage"] == "mismatched"

    def test_operator_is_told_once_and_paypal_is_asked_no_more(
        self, order_id, caplog: pytest.LogCaptureFixture
    ) -> None:  # type: ignore[no-untyped-def]
        for _ in range(3):
            told(order_id, "COMPLETED", amount=Money(999, "EUR"))
        [record] = [record for record in caplog.records if record.levelname == "ERROR"]
        assert "amount 9.99 EUR, not 10.00 EUR" in record.why  # type: ignore[attr-defined]
        make_due()
        assert paying.due() == []

    def test_check_of_the_promises_names_it_with_its_amounts(self, order_id) -> None:  # type: ignore[no-untyped-def]
        told(order_id, "COMPLETED", amount=Money(999, "EUR"))
        name = "PayPal took nothing that differs from what was asked for"
        [broken] = [result for result in promises.check() if result.name == name]
        assert not broken.holds
        assert f"order {order_id}" in broken.detail
        assert "9.99 EUR, not 10.00 EUR" in broken.detail

    def test_it_can_not_be_cancelled_or_paid_again(
        self, login: Callable[[User], FlaskClient], buyer: User, order_id
    ) -> None:  # type: ignore[no-untyped-def]
        told(order_id, "COMPLETED", amount=Money(999, "EUR"))
        assert not ending.cancel(buyer_id=buyer.id, order_id=order_id)
        page = login(buyer).get(f"/order/purchases/{order_id}").text
        assert f"/order/{order_id}/cancel" not in page
        assert 'href="/order/checkout"' not in page

    def test_money_given_back_ends_the_order(self, order_id) -> None:  # type: ignore[no-untyped-def]
        told(order_id, "COMPLETED", amount=Money(999, "EUR"))
        told(order_id, "REFUNDED", amount=Money(999, "EUR"))
        order = session().get_one(Order, order_id)
        assert (order.state, order.cancel_reason) == (OrderState.CANCELLED, "refunded")
        assert count("outbox", "listener = 'mail.payment_failed'") == 1


class TestDropped:
    def test_paypal_is_asked_no_more_about_what_it_has_dropped(
        self, paypal: SandboxControl, buyer: User
    ) -> None:
        fill_basket(buyer, make_product(make_user(roles=("seller",)), stock=("A",)).id)
        started = start(buyer)
        paypal.drop(started.paypal_order_id)
        make_due()
        assert chase() == 1
        make_due()
        assert chase() == 0

    def test_a_look_that_is_refused_says_nothing(self, paypal: SandboxControl, buyer: User) -> None:
        fill_basket(buyer, make_product(make_user(roles=("seller",)), stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        paypal.fault("token_expired", operation="get", times=9)
        assert capture(buyer, started).state is CaptureState.CONFIRMING
        taken = {one["order_id"] for one in paypal.captures()}
        assert started.paypal_order_id not in taken
        paypal.calm_down()
        assert capture(buyer, started).state is CaptureState.PAID

    def test_buyer_who_comes_back_pays_all_the_same(
        self, paypal: SandboxControl, drain: Callable[[], None], buyer: User
    ) -> None:
        fill_basket(buyer, make_product(make_user(roles=("seller",)), stock=("A",)).id)
        first = start(buyer)
        pass_deadline()
        ending.expire_overdue()
        paypal.drop(first.paypal_order_id)
        make_due()
        chase()
        again = start(buyer, key_of(buyer))
        assert again.order_id == first.order_id
        paypal.approve(again.paypal_order_id)
        make_due()
        assert chase() == 1, "the sweeper has an eye on it again"
        drain()
        assert order_of(first).state is OrderState.DELIVERED

    def test_paypal_that_does_not_answer_is_asked_again(
        self, paypal: SandboxControl, buyer: User
    ) -> None:
        fill_basket(buyer, make_product(make_user(roles=("seller",)), stock=("A",)).id)
        start(buyer)
        make_due()
        paypal.fault("rate_limit", operation="get", times=1)
        chase()
        make_due()
        assert chase() == 1


class TestNames:
    @pytest.mark.parametrize(
        "title", ["\N{VIDEO GAME}" * 64, "x" + "\N{VIDEO GAME}" * 63 + "yz", "x" * 120]
    )
    def test_title_of_many_pictures_is_sold(
        self, paypal: SandboxControl, buyer: User, title: str
    ) -> None:
        seller = make_user(roles=("seller",))
        fill_basket(buyer, make_product(seller, stock=("A",), title=title).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID
