"""Nobody pays twice for what is being paid for: it leaves the basket, once."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.orders.errors import BeingPaid
from app.orders.models import OrderState, Owner
from app.orders.queries.basket import basket_of
from app.orders.service import basket, capturing, placing
from app.orders.service.capturing import CaptureState
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import make_due
from tests.support.bought import approved, placed, told, words
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

Drain = Callable[[], None]


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


@pytest.fixture
def buyer(app: Flask) -> User:
    return make_user()


def in_basket(buyer: User) -> dict[UUID, int]:
    session().rollback()
    view = basket_of(Owner(user_id=buyer.id))
    return {line.product.id: line.quantity for line in view.lines} if view else {}


class TestPending:
    def test_one_more_piece_and_a_second_checkout_buy_that_piece_alone(
        self, paypal: SandboxControl, drain: Drain, buyer: User, seller: User
    ) -> None:
        product = make_product(seller, stock=[f"K-{n}" for n in range(9)])
        fill_basket(buyer, product.id, 2)
        first = start(buyer)
        paypal.fault("pending", operation="capture", times=1)
        paypal.approve(first.paypal_order_id)
        assert (
            capturing.capture_for(buyer_id=buyer.id, order_id=first.order_id).state
            is CaptureState.PENDING
        )
        assert in_basket(buyer) == {}
        fill_basket(buyer, product.id)
        second = start(buyer)
        paypal.approve(second.paypal_order_id)
        assert capture(buyer, second).state is CaptureState.PAID
        paypal.end_pending(str(paypal.captures()[-2]["id"]), "complete")
        make_due()
        chase()
        drain()
        assert order_of(first).state is order_of(second).state is OrderState.DELIVERED
        assert count("delivery") == 3

    def test_found_by_the_worker_alone_it_leaves_the_basket_all_the_same(
        self, buyer: User, seller: User, drain: Drain
    ) -> None:
        product = make_product(seller, stock=("A", "B"))
        told(approved(buyer, {product.id: 2}), "PENDING")
        drain()
        assert in_basket(buyer) == {}

    def test_what_fails_in_the_end_is_back_in_the_basket(
        self, buyer: User, seller: User, drain: Drain, login
    ) -> None:  # type: ignore[no-untyped-def]
        product = make_product(seller, stock=("A", "B", "C"))
        order_id = approved(buyer, {product.id: 2})
        told(order_id, "PENDING")
        drain()
        basket.add(owner=Owner(user_id=buyer.id), product_id=product.id, quantity=1)
        told(order_id, "DECLINED")
        drain()
        assert in_basket(buyer) == {product.id: 3}
        page = words(login(buyer).get(f"/order/purchases/{order_id}"))
        assert "Your items are in your basket." in page
        basket.put_back(order_id=order_id)
        assert in_basket(buyer) == {product.id: 3}, "once"

    def test_what_is_not_for_sale_any_more_does_not_come_back(
        self, buyer: User, seller: User, drain: Drain
    ) -> None:
        product = make_product(seller, stock=("A", "B"))
        order_id = approved(buyer, {product.id: 1})
        told(order_id, "PENDING")
        drain()
        session().execute(text("UPDATE product SET state = 'hidden'"))
        session().commit()
        told(order_id, "DECLINED")
        drain()
        assert in_basket(buyer) == {}


class TestChangedWhileItIsPaid:
    def test_only_what_was_bought_leaves_a_basket_that_was_filled_further(
        self, buyer: User, seller: User, drain: Drain
    ) -> None:
        product = make_product(seller, stock=("A", "B", "C"))
        other = make_product(seller, stock=("D", "E"))
        order_id = approved(buyer, {product.id: 2})
        basket.add(owner=Owner(user_id=buyer.id), product_id=product.id, quantity=1)
        basket.add(owner=Owner(user_id=buyer.id), product_id=other.id, quantity=1)
        told(order_id, "COMPLETED")
        assert in_basket(buyer) == {product.id: 1, other.id: 1}
        drain()
        assert in_basket(buyer) == {product.id: 1, other.id: 1}, "the worker takes nothing more"

    def test_what_is_being_paid_is_not_ordered_again_with_one_more(
        self, buyer: User, seller: User
    ) -> None:
        product = make_product(seller, stock=("A", "B", "C"))
        other = make_product(seller, stock=("D", "E"))
        order_id = approved(buyer, {product.id: 1})
        basket.add(owner=Owner(user_id=buyer.id), product_id=product.id, quantity=1)
        with pytest.raises(BeingPaid) as refusal:
            placing.place_order(buyer_id=buyer.id, checkout_key=key_of(buyer), address=None)
        assert refusal.value.params["order_id"] == str(order_id)
        basket.remove(owner=Owner(user_id=buyer.id), product_id=product.id)
        assert placed(buyer, {other.id: 1}) != order_id
