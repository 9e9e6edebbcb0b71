"""The shop while a store stands still: it takes calls and answers none."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import text

from app.embedded.postgres import start_postgres
from app.embedded.processes import EmbeddedServer
from app.embedded.valkey import start_valkey
from app.extensions import db
from app.settings import Settings
from tests.conftest import PASSWORD
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.apps import another_app
from tests.support.freezing import frozen

JSON = {"Accept": "application/json"}


def seconds(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedServer]:
    """A server of these tests alone, where root's PostgreSQL, which is another user, gets to."""
    with TemporaryDirectory(prefix="byteshop-frozen-") as directory:
        Path(directory).chmod(0o711)
        server = start_postgres(Path(directory) / "postgres", durable=False)
        yield server
        server.stop()


@pytest.fixture
def make_shop(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., Flask]]:
    """A shop with single settings replaced; its connections are closed afterwards."""
    with ExitStack() as stack:

        def make(**changes: object) -> Flask:
            return stack.enter_context(another_app(make_settings(**changes)))

        yield make


class TestValkey:
    @pytest.fixture
    def valkey(self, tmp_path: Path) -> Iterator[EmbeddedServer]:
        server = start_valkey(tmp_path / "valkey", durable=False)
        yield server
        server.stop()

    def test_first_waits_for_a_second_and_nobody_after_that(
        self, app: Flask, valkey: EmbeddedServer, make_shop: Callable[..., Flask]
    ) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("KEY-1",))
        browser = make_shop(redis_url=valkey.url).test_client()
        assert browser.get("/api/v1/products").status_code == 200
        with frozen(valkey):
            assert seconds(lambda: browser.get("/api/v1/products")) < 1.8
            assert seconds(lambda: browser.get("/api/v1/products")) < 0.8
            began = time.monotonic()
            credentials = {"email": buyer.email, "password": PASSWORD}
            assert browser.post("/auth/login", data=credentials).status_code == 303
            chosen = {"product_id": str(product.id), "quantity": "1"}
            assert browser.post("/order/basket/add", data=chosen).status_code == 303
            assert browser.get("/order/checkout").status_code == 200
            assert browser.post("/live/ticket", headers=JSON).status_code == 503
            assert time.monotonic() - began < 4
        # The next try, at most a pause later, is answered.
        deadline = time.monotonic() + 10
        while browser.post("/live/ticket", headers=JSON).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def test_limits_hold_meanwhile(
        self, app: Flask, valkey: EmbeddedServer, make_shop: Callable[..., Flask]
    ) -> None:
        limited = make_shop(redis_url=valkey.url, api_requests_per_minute=5)
        browser = limited.test_client()
        with frozen(valkey):
            answers = [browser.get("/api/v1/products").status_code for _ in range(7)]
        assert answers == [200] * 5 + [429] * 2


class TestPostgres:
    @pytest.fixture
    def browser(self, postgres: EmbeddedServer, make_shop: Callable[..., Flask]) -> FlaskClient:
        application = make_shop(database_url=postgres.url)
        with application.app_context():
            upgrade(directory=str(Path(__file__).parent.parent / "migrations"))
        return application.test_client()

    def test_everybody_is_told_within_five_seconds_to_come_back(
        self, postgres: EmbeddedServer, browser: FlaskClient
    ) -> None:
        assert browser.get("/").status_code == 200
        took: list[float] = []
        codes: list[int] = []

        def visit() -> None:
            took.append(seconds(lambda: codes.append(browser.get("/").status_code)))

        with frozen(postgres):
            visitors = [threading.Thread(target=visit) for _ in range(8)]
            for visitor in visitors:
                visitor.start()
            for visitor in visitors:
                visitor.join()
            assert codes == [503] * 8
            assert max(took) < 5
            assert seconds(lambda: browser.get("/")) < 5
        deadline = time.monotonic() + 10
        while browser.get("/").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def test_slow_statement_of_a_server_that_lives_is_waited_for(
        self, postgres: EmbeddedServer, browser: FlaskClient
    ) -> None:
        with browser.application.app_context():
            assert db.session.scalar(text("SELECT 1 FROM pg_sleep(4)")) == 1
