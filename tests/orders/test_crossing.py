"""Refunds asked for here, and disputes and reversals at PayPal, that cross on their way."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from app.auth.models import User
from app.kit.db import session
from app.kit.outbox import TryLater
from app.orders.service import capturing, disputing, returning
from app.orders.service.returning import Scope
from app.orders.tasks import look_at_reversal
from app.payments.events import CaptureReversed
from app.payments.models.disputes import Dispute
from app.products.models import Product
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.refunds import Bought, buy, cash
from tests.support.sale import (
    SandboxControl,
    assert_promises_hold,
    fill_basket,
    order_of,
    start,
)

Drain = Callable[[], None]


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


@pytest.fixture
def keys(seller: User) -> Product:
    """Three keys for ten euros each."""
    return make_product(seller, stock=("KEY-A", "KEY-B", "KEY-C"))


@pytest.fixture
def bought(paypal: SandboxControl, keys: Product) -> Bought:
    """Two of them, delivered."""
    return buy(paypal, make_user(), {keys.id: 2})


def ask_for(bought: Bought, seller: User, minor: int) -> None:
    """The seller gives money back; PayPal is not asked yet."""
    returning.refund(
        actor_id=seller.id,
        by_staff=False,
        order_id=bought.order_id,
        scope=Scope(amount_minor=minor),
        reason="It was broken",
    )


def disputes(bought: Bought) -> list[tuple[str, int, int]]:
    """The state of each dispute, what it held and what was lost."""
    session().rollback()
    rows = session().scalars(select(Dispute).order_by(Dispute.id))
    return [(row.state.value, row.held_minor, row.lost_minor) for row in rows]


class TestDispute:
    @pytest.mark.parametrize("minor", [2000, 700])
    def test_of_money_that_a_refund_was_asked_of_is_held_once_paypal_refuses_that(
        self, bought: Bought, seller: User, drain: Drain, minor: int
    ) -> None:
        """PayPal refunds nothing of what is disputed."""
        dispute_id = bought.paypal.dispute(bought.capture_id)["dispute_id"]
        ask_for(bought, seller, minor)
        disputing.look(paypal_id=dispute_id)
        drain()
        assert [refund.state.value for refund in bought.refunds] == ["failed"]
        assert disputes(bought) == [("open", 2000, 0)]
        bought.assert_books_agree()
        assert_promises_hold()

    @pytest.mark.parametrize("minor", [2000, 700])
    def test_that_is_lost_before_paypal_is_asked_for_a_refund_is_booked(
        self, bought: Bought, seller: User, drain: Drain, minor: int
    ) -> None:
        dispute_id = bought.paypal.dispute(bought.capture_id)["dispute_id"]
        ask_for(bought, seller, minor)
        disputing.look(paypal_id=dispute_id)
        bought.paypal.decide(dispute_id, "buyer")
        disputing.look(paypal_id=dispute_id)
        drain()
        assert disputes(bought) == [("lost", 2000, 2000)]
        bought.assert_books_agree()
        assert_promises_hold()

    def test_of_what_is_left_after_a_refund_that_paypal_has_made_is_held_soon(
        self, bought: Bought, seller: User, drain: Drain
    ) -> None:
        ask_for(bought, seller, 700)
        bought.paypal.fault("reset_after_commit", operation="refund")
        drain()
        dispute_id = bought.paypal.dispute(bought.capture_id)["dispute_id"]
        disputing.look(paypal_id=dispute_id)
        assert disputes(bought) == [("open", 1300, 0)]


class TestReversal:
    @pytest.mark.parametrize("minor", [2000, 700])
    def test_of_money_that_a_refund_was_asked_of_is_booked_once_paypal_refuses_that(
        self, bought: Bought, seller: User, drain: Drain, minor: int
    ) -> None:
        reversal = bought.paypal.reverse(bought.capture_id)
        ask_for(bought, seller, minor)
        event = CaptureReversed(bought.order_id, reversal)
        with pytest.raises(TryLater):
            look_at_reversal(event)
        drain()
        look_at_reversal(event)
        assert [refund.state.value for refund in bought.refunds] == ["failed"]
        assert disputes(bought) == [("lost", 2000, 2000)]
        bought.assert_books_agree()
        assert_promises_hold()

    def test_heard_of_before_the_payment_is_booked_waits_for_that(
        self, paypal: SandboxControl, keys: Product
    ) -> None:
        """The shop has no answer from PayPal yet, which has the money, and no longer."""
        buyer, before = make_user(), paypal.cash() - cash()
        fill_basket(buyer, keys.id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        paypal.fault("error_after_commit", operation="capture")
        capturing.capture(order_id=started.order_id, buyer_id=buyer.id)
        [capture] = paypal.captures()
        event = CaptureReversed(started.order_id, paypal.reverse(capture["id"]))
        with pytest.raises(TryLater):
            look_at_reversal(event)
        capturing.capture(order_id=started.order_id, buyer_id=buyer.id)
        assert order_of(started).is_paid
        look_at_reversal(event)
        assert cash() == paypal.cash() - before
        assert_promises_hold()
