"""A whole shop of processes with stores of its own, and all that may be done to it."""

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self, TypeVar
from uuid import UUID

import requests
from flask import Flask
from flask_migrate import upgrade
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from app.auth.service import moderation
from app.embedded.postgres import start_postgres
from app.embedded.valkey import start_valkey
from app.kit.db import undo
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.faults.plans import PRODUCTS, SCARCE, SELLERS, Fault
from tests.support.apps import another_app
from tests.support.sale import SandboxControl
from tests.support.servers import Servers
from tests.support.shop import COMMANDS, ROOT, Shop, environment_for
from tests.support.stores import Store

ROLES = ("paypal", "web", "worker", "clock")
CANARY = "CANARY-KEY"
KINDS = ("key", "key", "link", "text")
SECONDS = 30.0
LOOK_SECONDS = 0.1
R = TypeVar("R")


class World:
    """The shop, PayPal and their stores. Use as a context manager.

    `app` is the shop in the run's own process, which nothing kills.
    """

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._stack = ExitStack()
        self._turn = threading.RLock()  # one thing is killed or started at a time
        self._over = threading.Event()
        self.strikes: list[str] = []
        self.sellers: list[UUID] = []
        self.products: list[UUID] = []
        self.keys: set[str] = set()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            place = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="byteshop-faults-"))
            )
            place.chmod(0o711)  # PostgreSQL of root's runs as another user
            self._make(stack, place)
            self._stack = stack.pop_all()
        return self

    def _make(self, stack: ExitStack, place: Path) -> None:
        self.postgres = Store(start_postgres, place / "postgres")
        stack.callback(self.postgres.stop)
        self.valkey = Store(start_valkey, place / "valkey")
        stack.callback(self.valkey.stop)
        self.orders = place / "crashes"
        self.orders.mkdir()
        environment = environment_for(
            database_url=self.postgres.server.url,
            redis_url=self.valkey.server.url,
            mongo_url=self._servers.mongo_url_of("faults"),
            smtp_url=self._servers.smtp_url,
            data_dir=place,
        ) | {
            "API_REQUESTS_PER_MINUTE": "1000000",
            "CRASH_DIR": str(self.orders),
            "PYTHONPATH": str(ROOT),
        }
        self.app: Flask = stack.enter_context(_application(environment))
        logs = place / "logs"
        logs.mkdir()
        self.shop = stack.enter_context(Shop(environment, logs, commands=_dying()))
        self.paypal = SandboxControl(self.shop.paypal_url)
        self.shop.start(*ROLES)
        keeper = threading.Thread(target=self._keep_alive, daemon=True)
        keeper.start()
        stack.callback(keeper.join)
        stack.callback(self._over.set)

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    # --- what is there -------------------------------------------------------------------------

    def fill(self, wanted: dict[int, int]) -> None:
        """Make sellers with as many keys as are wanted, with half as many of the scarce one."""
        with self.app.app_context():
            sellers = [make_user(roles=("seller",)) for _ in range(SELLERS)]
            for number in range(PRODUCTS):
                pieces = wanted.get(number, 0)
                count = pieces // 2 if number == SCARCE else pieces
                kind = KINDS[number % len(KINDS)]
                keys = tuple(f"{CANARY}-{number}-{each}" for each in range(count))
                keys = () if kind == "text" else keys
                product = make_product(
                    sellers[number % SELLERS],
                    kind=kind,
                    stock=keys,
                    content=f"{CANARY}-{number}-shared",
                    price_minor=137 + 211 * number,
                )
                self.products.append(product.id)
                self.keys.update(keys)
            self.sellers = [seller.id for seller in sellers]

    def asking(self, work: Callable[[], R]) -> R:
        """What a call within the shop's own process answers, asked again while stores are away."""
        deadline = time.monotonic() + SECONDS
        while True:
            with self.app.app_context():
                try:
                    return work()
                except (DBAPIError, RedisError):
                    undo()
                    if time.monotonic() > deadline:
                        raise
            time.sleep(LOOK_SECONDS)

    @staticmethod
    def at_paypal(work: Callable[[], R]) -> R:
        """What a call of the sandbox's side doors answers, made again where its line breaks."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                return work()
            except requests.RequestException:
                if time.monotonic() > deadline:
                    raise
            time.sleep(LOOK_SECONDS)

    # --- what is done to it --------------------------------------------------------------------

    def strike(self, fault: Fault) -> None:
        """Have something go wrong."""
        self.strikes.append(str(fault))
        match fault.kind:
            case "crash":
                (self.orders / fault.details["point"]).touch()
            case "kill":
                with self._turn:
                    role = fault.details["role"]
                    if role in self.shop.processes:
                        self.shop.kill(role)
            case "valkey flushed":
                with contextlib.suppress(RedisError), Redis.from_url(self.valkey.server.url) as one:
                    one.flushall()
            case "valkey gone":
                with self._turn:
                    self.valkey.crash()
            case "postgres restarted":
                with self._turn:
                    self.postgres.crash(away_seconds=0.3)
            case "paypal" | "webhook":
                self.at_paypal(lambda: self.paypal.fault(**fault.details))
            case _:
                raise ValueError(fault.kind)

    @contextmanager
    def banned(self, seller: int | None) -> Iterator[None]:
        """A seller is shut out meanwhile."""
        if seller is None:
            yield
            return
        user_id = self.sellers[seller]
        self.asking(lambda: moderation.ban_user(user_id=user_id))
        try:
            yield
        finally:
            self.asking(lambda: moderation.unban_user(user_id=user_id))

    def calm_down(self) -> None:
        """Nothing goes wrong any more, and whatever was killed is back."""
        faults = f"{self.paypal.url}/sandbox/faults"
        self.at_paypal(lambda: requests.delete(faults, timeout=SECONDS).raise_for_status())
        for order in self.orders.iterdir():
            if order.name != "struck":
                order.unlink(missing_ok=True)
        self._start_dead()

    def crashes(self) -> list[str]:
        """The points at which processes were killed."""
        struck = self.orders / "struck"
        return struck.read_text().splitlines() if struck.exists() else []

    # --- who is killed comes back --------------------------------------------------------------

    def _keep_alive(self) -> None:
        """Start what has died, as whoever runs a shop's processes does."""
        while not self._over.wait(LOOK_SECONDS):
            self._start_dead()

    def _start_dead(self) -> None:
        with self._turn:
            for role in ROLES:
                process = self.shop.processes.get(role)
                if process is not None and process.poll() is not None:
                    self.shop.kill(role)  # what it left behind
                if role not in self.shop.processes:
                    self.shop.start(role)


@contextmanager
def _application(environment: dict[str, str]) -> Iterator[Flask]:
    values = {key.lower(): value for key, value in environment.items()}
    settings = Settings(
        **{key: value for key, value in values.items() if key in Settings.model_fields}
    )
    with another_app(settings) as created:
        with created.app_context():
            upgrade(directory=str(ROOT / "migrations"))
        yield created


def _dying() -> dict[str, list[str]]:
    """The roles' commands, with the application that may be killed at any point."""

    def mortal(word: str) -> str:
        return {"wsgi": "tests.faults.dying", "wsgi:app": "tests.faults.dying:app"}.get(word, word)

    return {role: [mortal(word) for word in words] for role, words in COMMANDS.items()}
