"""Sweeps: one row that is locked, waits or fails holds up no other."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.extensions import db
from app.kit import retention
from app.kit.db import session
from app.orders.models import Basket, Order, OrderState, Owner
from app.orders.service import basket, delivering, ending, units
from app.payments.service import paying
from app.products.models import Product
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import make_due, pass_deadline
from tests.products.stocking import stock_up
from tests.support.bought import paid, placed, told, words
from tests.support.sale import SandboxControl, chase, count, fill_basket, start

QUICK = 4  # seconds; a lock is waited for twice as long


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


@contextmanager
def locked(table: str, where: str) -> Iterator[None]:
    """Somebody else holds these rows."""
    with db.engine.connect() as other, other.begin():
        other.execute(text(f"SELECT 1 FROM {table} WHERE {where} FOR UPDATE"))
        yield


def state_of(order_id: UUID) -> OrderState:
    session().rollback()
    return session().get_one(Order, order_id, populate_existing=True).state


class TestExpiry:
    def test_locked_order_holds_up_nobody(self, seller: User) -> None:
        product = make_product(seller, stock=("A", "B", "C"))
        first, *others = [placed(make_user(), {product.id: 1}) for _ in range(3)]
        pass_deadline()
        began = time.monotonic()
        with locked("orders", f"id = '{first}'"):
            assert ending.expire_overdue().done == 2
        assert time.monotonic() - began < QUICK
        assert {state_of(order_id) for order_id in others} == {OrderState.EXPIRED}
        assert ending.expire_overdue().done == 1, "its turn comes"

    def test_order_that_fails_holds_up_nobody(
        self, seller: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        product = make_product(seller, stock=("A", "B", "C"))
        bad, *others = [placed(make_user(), {product.id: 1}) for _ in range(3)]
        pass_deadline()
        free = units.free

        def fail(order: Order) -> None:
            if order.id == bad:
                raise RuntimeError("broken")
            free(order)

        monkeypatch.setattr(units, "free", fail)
        swept = ending.expire_overdue()
        assert (swept.done, swept.failed) == (2, 1)
        assert {state_of(order_id) for order_id in others} == {OrderState.EXPIRED}
        assert str(bad) in [getattr(record, "row", "") for record in caplog.records]


def waiting(product: Product, pieces: int = 1) -> UUID:
    """An order that was paid for when its units were gone."""
    order_id = placed(make_user(), {product.id: pieces})
    pass_deadline()
    ending.expire_overdue()
    session().execute(
        text("UPDATE stock_item SET state = 'withdrawn' WHERE state = 'free' AND product_id = :id"),
        {"id": product.id},
    )
    session().commit()
    told(order_id, "COMPLETED")
    return order_id


def make_late() -> None:
    session().execute(text("UPDATE orders SET next_delivery_at = clock_timestamp()"))
    session().commit()


class TestLateDelivery:
    def test_those_that_wait_for_stock_starve_nobody(
        self, seller: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivering, "LATE_LIMIT", 2)
        for number in range(3):
            waiting(make_product(seller, stock=(f"GONE-{number}",)))
        lost = paid(make_user(), {make_product(seller, stock=("HERE",)).id: 1})
        make_late()
        for _ in range(2):
            delivering.deliver_late()
        assert state_of(lost) is OrderState.DELIVERED

    def test_delivered_as_soon_as_all_of_the_stock_is_there(
        self, seller: User, login: Callable[[User], FlaskClient]
    ) -> None:
        product = make_product(seller, stock=("GONE-1", "GONE-2"))
        order_id = waiting(product, 2)
        make_late()
        delivering.deliver_late()
        assert delivering.deliver_late().done == 0
        buyer_id = session().get_one(Order, order_id).buyer_id
        page = words(login(session().get_one(User, buyer_id)).get(f"/order/purchases/{order_id}"))
        assert "as soon as the seller adds more" in page
        assert "only a moment" not in page
        stock_up(product, ["NEW-1"])
        delivering.deliver_late()
        assert state_of(order_id) is OrderState.PAID, "one is too few"
        stock_up(product, ["NEW-2"])
        assert delivering.deliver_late().done == 1
        assert state_of(order_id) is OrderState.DELIVERED

    def test_each_try_waits_longer(self, seller: User) -> None:
        order_id = waiting(make_product(seller, stock=("GONE",)))
        pauses = []
        for _ in range(3):
            make_late()
            delivering.deliver_late()
            order = session().get_one(Order, order_id, populate_existing=True)
            assert order.next_delivery_at is not None
            pauses.append((order.next_delivery_at - datetime.now(UTC)).total_seconds())
        assert [round(pause, -1) for pause in pauses] == [10, 20, 40]

    def test_order_that_fails_holds_up_nobody(
        self, seller: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        product = make_product(seller, stock=("A", "B"))
        bad, good = [paid(make_user(), {product.id: 1}) for _ in range(2)]
        sell = units.sell

        def fail(order: Order) -> dict[UUID, list[UUID]]:
            if order.id == bad:
                raise RuntimeError("broken")
            return sell(order)

        monkeypatch.setattr(units, "sell", fail)
        make_late()
        swept = delivering.deliver_late()
        assert (swept.done, swept.failed) == (1, 1)
        assert state_of(good) is OrderState.DELIVERED
        assert delivering.deliver_late().failed == 0, "the failed one waits for its next try"

    def test_locked_order_holds_up_nobody(self, seller: User) -> None:
        product = make_product(seller, stock=("A", "B"))
        first, second = [paid(make_user(), {product.id: 1}) for _ in range(2)]
        make_late()
        began = time.monotonic()
        with locked("orders", f"id = '{first}'"):
            assert delivering.deliver_late().done == 1
        assert time.monotonic() - began < QUICK
        assert state_of(second) is OrderState.DELIVERED


class TestChase:
    def test_locked_and_failing_payments_hold_up_nobody(
        self, paypal: SandboxControl, seller: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        product = make_product(seller, stock=("A", "B", "C"))
        starts = []
        for buyer in [make_user() for _ in range(3)]:
            fill_basket(buyer, product.id)
            starts.append(start(buyer))
            paypal.approve(starts[-1].paypal_order_id)
        make_due()
        busy, bad, good = [started.order_id for started in starts]
        look = paying.look

        def fail(*, reference: UUID) -> object:
            if reference == bad:
                raise RuntimeError("broken")
            return look(reference=reference)

        monkeypatch.setattr(paying, "look", fail)
        began = time.monotonic()
        with locked("payment", f"reference = '{busy}'"):
            assert chase() == 3
        assert time.monotonic() - began < QUICK
        assert state_of(good) is OrderState.PAID
        assert chase() == 1
        assert state_of(busy) is OrderState.PAID, "its turn comes"


def test_forgotten_basket_whose_guest_comes_back_holds_up_no_other(
    seller: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    product = make_product(seller, kind="text")
    for number in range(6):
        guest = Owner(guest_hash=bytes([number]))
        basket.add(owner=guest, product_id=product.id, quantity=1)
    long_ago = datetime.now(UTC) - timedelta(days=31)
    session().execute(text("UPDATE basket SET updated_at = :at"), {"at": long_ago})
    session().commit()
    with locked("basket", f"id = '{session().query(Basket.id).limit(1).scalar()}'"):
        retention.drop_old()
    assert count("basket") == 1
