"""A sale while Redis stands still: it is paid at once, and delivered as soon as it goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError

from app.embedded.processes import EmbeddedServer
from app.embedded.valkey import start_valkey
from app.kit.clock import Clock
from app.kit.redis_pool import guarded_pool
from app.orders.models import OrderState
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.freezing import frozen
from tests.support.sale import (
    SandboxControl,
    assert_promises_hold,
    capture,
    count,
    fill_basket,
    order_of,
    start,
)

SECONDS = 30


@pytest.fixture
def valkey(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedServer]:
    """A server of this test alone, which the application uses."""
    server = start_valkey(tmp_path / "valkey", durable=False)
    own = Redis(connection_pool=guarded_pool(server.url))
    monkeypatch.setitem(app.extensions, "redis", own)
    yield server
    own.close()
    server.stop()


def test_is_paid_meanwhile_and_delivered_afterwards(
    app: Flask, valkey: EmbeddedServer, paypal: SandboxControl, drain: Callable[[], None]
) -> None:
    buyer = make_user()
    product = make_product(make_user(roles=("seller",)), stock=("KEY-1",))
    fill_basket(buyer, product.id)
    with frozen(valkey):
        began = time.monotonic()
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capture(buyer, started)
        assert time.monotonic() - began < 5
        assert order_of(started).state is OrderState.PAID
    tick, deadline = Clock(app).tick, time.monotonic() + SECONDS
    while order_of(started).state is not OrderState.DELIVERED:
        assert time.monotonic() < deadline
        tick()
        with suppress(RedisError):  # until the breaker lets one try again
            drain()
        time.sleep(0.1)
    assert count("delivery") == 1
    assert_promises_hold()
