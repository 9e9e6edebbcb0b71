"""The shop while PostgreSQL breaks under it: nothing is half done, and nothing stays broken."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.engine import make_url
from werkzeug.test import TestResponse

from app.auth.models import User
from app.embedded.postgres import start_postgres
from app.embedded.processes import EmbeddedServer
from app.extensions import db
from app.kit.db import session
from app.orders.models import Order, OrderState
from app.orders.service import placing
from app.settings import Settings
from tests.conftest import PASSWORD
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.apps import another_app
from tests.support.bought import approved, fill, told
from tests.support.cutting_proxy import CuttingProxy
from tests.support.sale import assert_promises_hold, count

JSON = {"Accept": "application/json"}
BUYERS = 4
RECOVERY_SECONDS = 20


@pytest.fixture
def way(make_settings: Callable[..., Settings]) -> Iterator[CuttingProxy]:
    """A way to the database that can be cut."""
    address = make_url(make_settings().database_url)
    assert address.host
    assert address.port
    proxy = CuttingProxy(address.host, address.port)
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
def cut_off(
    app: Flask, make_settings: Callable[..., Settings], way: CuttingProxy
) -> Iterator[Flask]:
    """A process of the shop that reaches the database that way."""
    address = make_url(make_settings().database_url).set(host="127.0.0.1", port=way.port)
    with another_app(
        make_settings(database_url=address.render_as_string(hide_password=False))
    ) as created:
        yield created


@pytest.mark.parametrize("answer_lost", [False, True], ids=["commit-lost", "answer-lost"])
class TestCutAtCommit:
    def test_second_click_finds_out_what_became_of_the_first(
        self, cut_off: Flask, way: CuttingProxy, answer_lost: bool
    ) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("A", "B", "C"))
        wish = {"checkout_key": str(fill(buyer, {product.id: 2}))}
        browser = cut_off.test_client()
        browser.post("/auth/login", data={"email": buyer.email, "password": PASSWORD})
        way.cut(b"INSERT INTO orders", answer_lost=answer_lost)
        answer = browser.post("/order/checkout/paypal", json=wish, headers=JSON)
        assert way.cuts == 1
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert count("orders") == answer_lost
        # PayPal is away in this test: the order stands, and can be paid as soon as it is back.
        again = browser.post("/order/checkout/paypal", json=wish, headers=JSON)
        assert again.json["code"] == "payments.unavailable"
        assert count("orders") == count("payment") == 1
        assert count("stock_item", "state = 'reserved'") == 2
        assert_promises_hold()

    def test_money_is_booked_once(
        self,
        cut_off: Flask,
        way: CuttingProxy,
        drain: Callable[[], None],
        sweep: Callable[[], None],
        answer_lost: bool,
    ) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("A",))
        order_id = approved(buyer, {product.id: 1})
        way.cut(b"INSERT INTO ledger_transaction", answer_lost=answer_lost)
        with cut_off.app_context(), pytest.raises(Exception, match=r"server closed|connection"):
            told(order_id, "COMPLETED")
        assert way.cuts == 1
        assert count("ledger_transaction") == answer_lost
        told(order_id, "COMPLETED")
        sweep()  # the jobs of a commit that nobody heard of
        drain()
        assert state_of(order_id) is OrderState.DELIVERED
        assert count("ledger_transaction") == count("delivery") == 1
        assert_promises_hold()


def state_of(order_id: UUID) -> OrderState:
    db.session.rollback()
    return session().get_one(Order, order_id, populate_existing=True).state


@pytest.fixture
def postgres() -> Iterator[EmbeddedServer]:
    """A PostgreSQL of this test's own, which keeps its promises."""
    directory = Path(tempfile.mkdtemp(prefix="byteshop-database-"))
    directory.chmod(0o711)
    server = start_postgres(directory / "postgres")
    yield server
    server.stop()
    shutil.rmtree(directory)


def test_crash_of_the_database_under_load_is_survived(
    make_settings: Callable[..., Settings], postgres: EmbeddedServer
) -> None:
    with another_app(make_settings(database_url=postgres.url)) as shop:
        with shop.app_context():
            upgrade(directory=str(Path(__file__).parent.parent / "migrations"))
            product = make_product(make_user(roles=("seller",)), stock=tuple(map(str, range(500))))
            buyers = [make_user() for _ in range(BUYERS)]
            db.session.remove()
        stop = threading.Event()
        answers: list[TestResponse] = []
        placed: list[UUID] = []
        threads = [
            threading.Thread(target=browse, args=(shop, product.id, stop, answers)),
            *(
                threading.Thread(target=order, args=(shop, buyer, product.id, stop, placed))
                for buyer in buyers
            ),
        ]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: len(placed) > 2 * BUYERS)
            crash(postgres)
            wait_until(lambda: any(answer.status_code != 200 for answer in answers))
            wait_until(lambda: answers[-1].status_code == 200)
            before = len(placed)
            wait_until(lambda: len(placed) > before + 2 * BUYERS)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        away = [answer for answer in answers if answer.status_code != 200]
        assert {answer.status_code for answer in away} == {503}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in away)
        with shop.app_context():
            # What was said to be done is done, and nothing is half done.
            assert count("orders") >= len(placed) == len(set(placed))
            known = set(session().execute(text("SELECT id FROM orders")).scalars())
            assert set(placed) <= known
            pieces = "SELECT sum(quantity) FROM order_line l JOIN orders o ON o.id = l.order_id"
            held = session().execute(text(f"{pieces} WHERE o.state = 'open'")).scalar_one()
            assert count("stock_item", "state = 'reserved'") == held
            assert_promises_hold()
            db.session.remove()


def test_restart_of_the_database_between_two_requests_is_not_noticed(app: Flask) -> None:
    with ExitStack() as stack:  # five sessions that wait in the pool afterwards
        for connection in [stack.enter_context(db.engine.connect()) for _ in range(5)]:
            connection.execute(text("SELECT 1"))
    with psycopg.connect(**psycopg_words()) as admin:  # what a restart says to each session
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    browser = app.test_client()
    assert [browser.get("/products").status_code for _ in range(7)] == [200] * 7


@pytest.mark.parametrize("kept", [True, False])
def test_statements_stay_prepared_from_one_request_to_the_next(
    app: Flask, make_settings: Callable[..., Settings], kept: bool
) -> None:
    with another_app(make_settings(prepare_statements=kept)) as shop:
        browser = shop.test_client()
        for _ in range(3):
            browser.get("/products")
        with shop.app_context(), db.engine.connect() as connection:
            prepared = connection.execute(text("SELECT count(*) FROM pg_prepared_statements"))
            assert (prepared.scalar_one() > 0) is kept


def psycopg_words() -> dict[str, Any]:
    words: dict[str, Any] = db.engine.url.translate_connect_args(username="user", database="dbname")
    return words


def browse(
    shop: Flask, product_id: UUID, stop: threading.Event, answers: list[TestResponse]
) -> None:
    browser = shop.test_client()
    while not stop.is_set():
        answers.append(browser.get(f"/products/{product_id}"))


def order(
    shop: Flask, buyer: User, product_id: UUID, stop: threading.Event, placed: list[UUID]
) -> None:
    """Place one order after the other; a crash is an error that may be tried again."""
    while not stop.is_set():
        with shop.app_context():
            try:
                key = fill(buyer, {product_id: 1})
                placed.append(
                    placing.place_order(buyer_id=buyer.id, checkout_key=key, address=None)
                )
            except Exception:  # noqa: BLE001 # what is placed in the end is looked at
                time.sleep(0.05)


def crash(server: EmbeddedServer) -> None:
    """Kill one of the server's processes: it ends every session at once and recovers."""
    backends = psutil.Process(server.process.pid).children(recursive=True)
    victim = next(process for process in backends if "checkpointer" in " ".join(process.cmdline()))
    victim.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
