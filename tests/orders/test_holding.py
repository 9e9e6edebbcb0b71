"""What a buyer may hold without paying, however the order came by its units, and for how long."""

from functools import partial

import pytest
from flask import Flask
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.orders.errors import TooManyCheckouts, TooManyInPaypalsHands
from app.orders.models import Order, OrderState
from app.orders.policy import MAX_IN_PAYPALS_HANDS
from app.orders.service import capturing, ending, placing
from app.orders.service.capturing import CaptureState
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import pass_deadline
from tests.support.apps import another_app
from tests.support.bought import fill, told
from tests.support.sale import (
    SandboxControl,
    assert_promises_hold,
    capture,
    count,
    fill_basket,
    in_parallel,
    order_of,
    start,
)


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


@pytest.fixture
def buyer(app: Flask) -> User:
    return make_user()


def place(buyer: User, key: object, address: str | None = None) -> object:
    return placing.place_order(buyer_id=buyer.id, checkout_key=key, address=address)  # type: ignore[arg-type]


def state_of(order_id: object) -> OrderState:
    session().rollback()
    return session().get_one(Order, order_id, populate_existing=True).state


class TestTakenUpAgain:
    def test_old_keys_hold_no_more_than_one_checkout(self, buyer: User, seller: User) -> None:
        product = make_product(seller, stock=[f"K-{n}" for n in range(20)])
        keys, orders = [], []
        for _ in range(4):
            keys.append(fill(buyer, {product.id: 1}))
            orders.append(place(buyer, keys[-1]))
            pass_deadline()
            ending.expire_overdue()
        for key in keys:
            place(buyer, key)
        assert count("orders", "state = 'open'") == 1
        assert [state_of(order_id) for order_id in orders[:-1]] == [OrderState.CANCELLED] * 3
        assert count("stock_item", "state = 'reserved'") == 4, "the last basket's pieces alone"

    def test_taken_up_again_counts_against_what_one_buyer_may_hold(
        self, buyer: User, seller: User
    ) -> None:
        product = make_product(seller, stock=[f"K-{n}" for n in range(20)])
        key = fill(buyer, {product.id: 1})
        place(buyer, key)
        pass_deadline()
        ending.expire_overdue()
        for _ in range(MAX_IN_PAYPALS_HANDS):
            pending(buyer, fill(buyer, {product.id: 1}))
        with pytest.raises(TooManyInPaypalsHands):
            place(buyer, key)

    def test_taken_up_again_counts_where_it_is_taken_up(
        self, app: Flask, seller: User, make_settings
    ) -> None:  # type: ignore[no-untyped-def]
        product = make_product(seller, stock=[f"K-{n}" for n in range(9)])
        with another_app(make_settings(max_open_checkouts_per_address=2)) as shop:
            buyers = [make_user() for _ in range(3)]
            keys = [fill_basket(buyer, product.id) for buyer in buyers]
            for buyer, key, place_of in zip(buyers, keys, ("192.0.2.1",) * 3, strict=True):
                with shop.app_context():
                    placing.place_order(buyer_id=buyer.id, checkout_key=key, address=place_of)
                pass_deadline()
                ending.expire_overdue()
            with shop.app_context():
                retake = [
                    partial(
                        placing.place_order,
                        buyer_id=buyer.id,
                        checkout_key=key,
                        address="198.51.100.7",
                    )
                    for buyer, key in zip(buyers, keys, strict=True)
                ]
                retake[0]()
                retake[1]()
                with pytest.raises(TooManyCheckouts):
                    retake[2]()

    def test_one_place_holds_no_more_by_asking_at_once(
        self, app: Flask, seller: User, make_settings
    ) -> None:  # type: ignore[no-untyped-def]
        product = make_product(seller, stock=[f"K-{n}" for n in range(9)])
        with another_app(make_settings(max_open_checkouts_per_address=2)) as shop:
            for round_ in range(1, 4):
                buyers = [make_user() for _ in range(6)]
                works = [
                    partial(
                        placing.place_order,
                        buyer_id=buyer.id,
                        checkout_key=fill_basket(buyer, product.id),
                        address=f"2001:db8:{round_}::{number + 1}",
                    )
                    for number, buyer in enumerate(buyers)
                ]
                results = in_parallel(shop, works)
                refused = [one for one in results if isinstance(one, TooManyCheckouts)]
                assert len(refused) == 4, results
                assert count("orders", "state = 'open'") == 2 * round_


def pending(buyer: User, key: object) -> object:
    """Order the basket by eCheck."""
    order_id = place(buyer, key)
    session().execute(
        text("UPDATE payment SET paypal_order_id = :pp, payee = 'SHOP' WHERE reference = :id"),
        {"pp": f"PP-{order_id}", "id": order_id},
    )
    session().commit()
    capturing.take_in_hand(order_id=order_id)  # type: ignore[arg-type]
    told(order_id, "PENDING")  # type: ignore[arg-type]
    return order_id


class TestLateApproval:
    @pytest.mark.parametrize(
        "change", ["price_minor = 9900", "price_minor = 1", "state = 'hidden'"]
    )
    def test_what_is_offered_otherwise_by_now_costs_nothing(
        self, paypal: SandboxControl, buyer: User, seller: User, change: str
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",), price_minor=100).id)
        started = start(buyer)
        pass_deadline()
        ending.expire_overdue()
        session().execute(text(f"UPDATE product SET {change}"))
        session().commit()
        paypal.approve(started.paypal_order_id)
        before = len(paypal.captures())
        result = capture(buyer, started)
        assert result.state is CaptureState.STOPPED
        assert "the offer has changed" in result.message
        assert "not been charged" in result.message
        assert len(paypal.captures()) == before
        assert order_of(started).state is OrderState.CANCELLED
        assert count("stock_item", "state = 'free'") == 1
        assert_promises_hold()

    def test_hold_limits_count_for_a_late_approval(
        self, paypal: SandboxControl, buyer: User, seller: User
    ) -> None:
        product = make_product(seller, stock=[f"K-{n}" for n in range(MAX_IN_PAYPALS_HANDS + 3)])
        fill_basket(buyer, product.id)
        started = start(buyer)
        pass_deadline()
        ending.expire_overdue()
        for _ in range(MAX_IN_PAYPALS_HANDS):
            pending(buyer, fill(buyer, {product.id: 1}))
        paypal.approve(started.paypal_order_id)
        before = len(paypal.captures())
        assert capture(buyer, started).state is CaptureState.STOPPED
        assert len(paypal.captures()) == before
