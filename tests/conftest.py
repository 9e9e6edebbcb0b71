"""Fixtures of every test: real servers, a database per worker, the application on top of them."""

import contextvars
import fcntl
import gc
import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from playwright.sync_api import Browser, sync_playwright
from rq import Queue
from sqlalchemy import event, text
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from app.auth import passwords
from app.auth.models import User
from app.chats.store.connection import close_store
from app.extensions import db
from app.factory import create_app
from app.kit import jobs, outbox
from app.kit.live.publishing import CHANNEL
from app.kit.worker import LeanWorker
from app.products.models import Product
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support import servers as test_servers
from tests.support.bought import delivered
from tests.support.browser import chromium_path
from tests.support.servers import RUN, Servers, servers

QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]
MOST_WORKERS = 7  # each takes two of Valkey's 16 databases
PASSWORD = "correct-horse-battery"
AGREED_HASHER = passwords._hasher
AGREED_NOBODYS_HASH = passwords._NOBODYS_HASH
TEMPLATE = "byteshop_template"


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's directory; the servers start when a test first asks for them."""
    gc.disable()  # until all tests are imported: there is no garbage to look for yet
    if not hasattr(config, "workerinput"):
        test_servers.open_run()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: each waits for servers and browsers for a good part of it."""
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the run's servers."""
    if not hasattr(config, "workerinput"):
        test_servers.close_run()


# Those that take longest, in the order in which they are handed out: at the end of a run no worker
# is left with a long one while the other has nothing to do.
LONGEST = (
    "flows/test_pages.py",  # and with it all flows
    "embedded/test_run.py",
    "api/test_document.py",
    "test_access_matrix.py",
    "embedded/test_servers.py",
    "chats/test_crashes.py",
    "orders/test_sale.py",
    "auth/rpc/test_leases.py",
    "live/test_live.py",
    "test_frozen_stores.py",
    "auth/rpc/test_server.py",
    "kit/test_slow_mail_servers.py",
    "test_setup.py",
    "sandbox/test_browser.py",
    "orders/test_crashes.py",
    "reviews/test_service.py",
    "orders/test_refunds.py",
    "orders/test_disputes.py",
    "orders/test_demo.py",
    "test_migrations.py",
    "payments/payouts/test_states.py",
    "payments/payouts/test_sending.py",
    "orders/test_crossing.py",
    "chats/test_sockets.py",
    "test_outages.py",
    "test_slow_clients.py",
    "test_bench.py",
    "files/test_photos.py",
    "products/test_catalogue.py",
    "auth/test_views.py",
    "products/test_stock_machine.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    ranks = {Path(__file__).parent / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(LONGEST)))


def pytest_collection_finish() -> None:
    """Leave alone what lives as long as the run: to look through it took a tenth of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


class OneShopForAllFlows(LoadFileScheduling):
    """Hands out a file at a time, but the flows together: a second shop for them costs most."""

    def _split_scope(self, nodeid: str) -> str:
        flows = "tests/flows/"
        return flows if nodeid.startswith(flows) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneShopForAllFlows:
    """Have tests handed out so."""
    return OneShopForAllFlows(config, log)


class IsolatedClient(FlaskClient):
    """A client whose requests share no application context with the test that makes them."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request as if from another process; the test's session forgets what it read."""
        kwargs.setdefault("buffered", True)  # files that were served are closed
        response = contextvars.Context().run(super().open, *args, **kwargs)
        db.session.rollback()
        return response


@pytest.fixture(scope="session")
def worker_number(worker_id: str) -> int:
    """0 without xdist, else 1, 2, …"""
    return 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Hash at next to no cost, but for who asks for the `agreed_cost`."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)
        patch.setattr(passwords, "_hasher", cheap)
        patch.setattr(passwords, "_NOBODYS_HASH", cheap.hash(token_hex()))
        yield


@pytest.fixture
def agreed_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords at the cost of a real shop."""
    monkeypatch.setattr(passwords, "_hasher", AGREED_HASHER)
    monkeypatch.setattr(passwords, "_NOBODYS_HASH", AGREED_NOBODYS_HASH)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for all tests of this worker; Playwright bears no second one beside it."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def run_servers() -> Servers:
    """The run's servers."""
    return servers()


@pytest.fixture(scope="session")
def make_settings(
    run_servers: Servers, worker_number: int, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Settings]:
    """Settings for this worker's own databases; keyword arguments replace single ones."""
    _ensure_template(run_servers, tmp_path_factory)
    database = run_servers.create_database(f"test_{worker_number}", template=TEMPLATE)
    data_dir = tmp_path_factory.mktemp("data")

    def make(**changes: Any) -> Settings:
        values = _plain_settings() | {
            "database_url": database,
            "redis_url": run_servers.redis_url_of(worker_number),
            "mongo_url": run_servers.mongo_url_of(f"test_{worker_number}"),
            "smtp_url": run_servers.smtp_url,
            "data_dir": data_dir,
        }
        return Settings(**(values | changes))

    return make


def _plain_settings() -> dict[str, Any]:
    return {
        "app_env": "test",
        "secret_key": "tests-only-tests-only-tests-only-tests",
        "stock_master_key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "fingerprint_key": "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
        "paypal_client_id": "test-client",
        "paypal_client_secret": "test-secret",
        "paypal_webhook_id": "WH-TEST",
        "paypal_base_url": "http://127.0.0.1:9",
        "paypal_web_url": "http://127.0.0.1:9",
        "public_url": "http://localhost",
        "roles": "web,chat",
        "max_open_checkouts_per_address": 1000,
        "webhook_allow_private": True,
        "login_tries_per_account": 1000,
        "login_tries_per_address": 10000,
        "registrations_per_address": 1000,
    }


def _ensure_template(run_servers: Servers, paths: pytest.TempPathFactory) -> None:
    """Run the migrations once, into the database that every worker's is copied from."""
    directory = Path(os.environ[RUN])
    done = directory / "template-done"
    with (directory / "template-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return
        url = run_servers.create_database(TEMPLATE)
        settings = Settings(
            **_plain_settings(),
            database_url=url,
            redis_url=run_servers.redis_url,
            data_dir=paths.mktemp("template"),
        )
        application = create_app(settings)
        with application.app_context():
            upgrade(directory=str(Path(__file__).parent.parent / "migrations"))
            db.engine.dispose()
        done.touch()


@pytest.fixture(scope="session")
def application(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """The application, no context pushed."""
    created = create_app(make_settings())
    created.config["WTF_CSRF_ENABLED"] = False
    created.test_client_class = IsolatedClient
    yield created
    with created.app_context():
        close_store()
        db.engine.dispose()


@pytest.fixture
def app(application: Flask) -> Iterator[Flask]:
    """The application with a context for the test's own calls; every table is empty."""
    application.extensions.pop("key_ring", None)  # the keys it knows go with the tables
    with application.app_context():
        empty_stores()
        yield application
        db.session.rollback()


# TRUNCATE makes new files for a table and each of its indexes, which takes ten times as long as
# deleting the few rows of a test; it is left for tables that have grown. Triggers that forbid to
# delete are the owner's to lift, where there are any: each lifting has every connection plan anew.
EMPTY = """
DO $$
DECLARE
    name text;
    is_guarded boolean;
    guarded text[] := ARRAY(
        SELECT tgrelid::regclass::text FROM pg_trigger
        WHERE NOT tgisinternal AND tgtype & 8 > 0  -- on DELETE
    );
BEGIN
    FOREACH name IN ARRAY string_to_array('{names}', ' ') LOOP
        IF pg_relation_size(name::regclass) > 500000 THEN
            EXECUTE format('TRUNCATE %I CASCADE', name);
            CONTINUE;
        END IF;
        is_guarded := name = ANY (guarded);
        BEGIN
            IF is_guarded THEN
                EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', name);
            END IF;
            EXECUTE format('DELETE FROM %I', name);
            IF is_guarded THEN
                EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', name);
            END IF;
        EXCEPTION WHEN foreign_key_violation THEN  -- a product and its content name each other
            EXECUTE format('TRUNCATE %I CASCADE', name);
        END;
    END LOOP;
END $$
"""


def empty_stores() -> None:
    """Empty this worker's Redis and every table, but that which running servers stand in."""
    connection = db.session.connection()
    lock, look = _statements()
    connection.exec_driver_sql(lock)
    found = connection.exec_driver_sql(look).mappings().one()
    filled = [name for name, is_filled in found.items() if is_filled]
    if filled:
        connection.execute(text(EMPTY.format(names=" ".join(filled))))
    db.session.commit()
    jobs.redis().flushdb()


@cache
def _statements() -> tuple[str, str]:
    """One that locks all tables, and one that says which have rows: those that name others first.

    Made once, since to sort the tables takes longer than to empty them.
    """
    tables = reversed(db.metadata.sorted_tables)
    names = [table.name for table in tables if table.name != "remembering_server"]
    are_filled = ", ".join(f"EXISTS (SELECT FROM {name}) AS {name}" for name in names)
    return f"LOCK TABLE {', '.join(names)}", f"SELECT {are_filled}"


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript, nobody logged in."""
    return app.test_client()


@pytest.fixture
def login(app: Flask) -> Callable[..., FlaskClient]:
    """Log a user in, in a new browser or the given one."""

    def log_in(user: User, browser: FlaskClient | None = None) -> FlaskClient:
        browser = browser or app.test_client()
        response = browser.post("/auth/login", data={"email": user.email, "password": PASSWORD})
        assert response.status_code == 303, response.get_data(as_text=True)
        return browser

    return log_in


@pytest.fixture
def drain(app: Flask) -> Callable[[], None]:
    """Do every job of the queues, and those they bring about."""

    def work() -> None:
        connection = jobs.redis()
        queues = [Queue(name, connection=connection) for name in jobs.QUEUES]
        while any(queue.count for queue in queues):
            LeanWorker(queues, connection=connection).work(burst=True, logging_level="CRITICAL")
        db.session.rollback()

    return work


@pytest.fixture
def heard(app: Flask) -> Iterator[Callable[..., list[tuple[str, str]]]]:
    """What open pages that watch these topics were told since this was last asked."""

    def since_then(*topics: str) -> list[tuple[str, str]]:
        # What was published before this word is heard before it, and Redis tells all to everybody.
        last = str(uuid4())
        jobs.redis().publish(CHANNEL, json.dumps({"topic": last, "event": "last"}))
        told = []
        while True:
            message = ear.get_message(timeout=10)
            assert message is not None
            news = json.loads(message["data"])
            if news["topic"] == last:
                return told
            if news["topic"] in topics:
                told.append((news["topic"], news["event"]))

    with jobs.redis().pubsub(ignore_subscribe_messages=True) as ear:
        ear.subscribe(CHANNEL)
        ear.get_message(timeout=5)
        yield since_then


@pytest.fixture
def sweep(app: Flask) -> Callable[[], None]:
    """Do what the clock's sweeper of the outbox does, once patience and leases are over."""

    def work() -> None:
        db.session.execute(
            text(
                "UPDATE outbox SET created_at = created_at - interval '1 minute',"
                " available_at = created_at WHERE done_at IS NULL"
            )
        )
        db.session.commit()
        outbox.sweep()

    return work


@pytest.fixture
def query_counter(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The SQL statements sent while the test runs; clear it before the part that counts."""

    statements: list[str] = []
    execute = psycopg.Connection.execute

    def remember(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    def remember_and_execute(connection: Any, statement: bytes, *values: Any) -> Any:
        statements.append(statement.decode())
        return execute(connection, statement, *values)

    # SQLAlchemy makes cursors; what `rows` runs without it goes to the connection itself.
    monkeypatch.setattr(psycopg.Connection, "execute", remember_and_execute)
    event.listen(db.engine, "before_cursor_execute", remember)
    yield statements
    event.remove(db.engine, "before_cursor_execute", remember)


@pytest.fixture
def sold_product(app: Flask) -> Iterator[Product]:
    """A product of which a piece is sold and delivered, and one is not."""
    sold = make_product(make_user(roles=("seller",)), stock=("KEY-1", "KEY-2"))
    delivered(make_user(), {sold.id: 1})
    yield sold
    db.session.rollback()
