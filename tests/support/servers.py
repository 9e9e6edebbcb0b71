"""Throwaway servers for a test run: started by whoever needs them first, shared by all workers.

The root conftest calls `open_run()` in `pytest_configure` and `close_run()` in `pytest_unconfigure`
of the controller; everyone else calls `servers()`.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql

from app.embedded.mail import start_smtp
from app.embedded.mongo import start_mongo
from app.embedded.postgres import start_postgres
from app.embedded.processes import EmbeddedServer, stop_recorded
from app.embedded.valkey import start_valkey

RUN = "BYTESHOP_TEST_RUN"
NAMES = ("postgres", "valkey", "mongo", "mail")
# Held by the worker that started them; the controller stops them by what their directories say.
_started: list[EmbeddedServer] = []


@dataclass(frozen=True)
class Servers:
    """Addresses of the run's servers; each worker takes databases of its own there."""

    postgres_url_admin: str
    redis_url: str
    mongo_url: str
    smtp_url: str
    inbox_url: str

    def postgres_url(self, database: str) -> str:
        """SQLAlchemy's address of a database."""
        return f"{self.postgres_url_admin.rpartition('/')[0]}/{database}"

    def redis_url_of(self, number: int) -> str:
        """The address of one of Valkey's 16 databases."""
        return f"{self.redis_url.rpartition('/')[0]}/{number}"

    def mongo_url_of(self, database: str) -> str:
        """The address of a MongoDB database, which comes to be when it is written to."""
        return self.mongo_url.replace("/byteshop?", f"/{database}?")

    def create_database(self, database: str, *, template: str = "template0") -> str:
        """Make a database anew, empty or from a template nobody is connected to; its address."""
        self.drop_database(database)
        with self._admin() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    sql.Identifier(database), sql.Identifier(template)
                )
            )
        return self.postgres_url(database)

    def drop_database(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        with self._admin() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
            )

    @contextmanager
    def _admin(self) -> Iterator[psycopg.Connection]:
        address = self.postgres_url_admin.replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            yield connection


def open_run() -> None:
    """Give the run a directory; workers inherit its address. Starts nothing yet."""
    if RUN not in os.environ:
        os.environ[RUN] = tempfile.mkdtemp(prefix="byteshop-tests-")
        # PostgreSQL of root's runs as another user, who must get through.
        Path(os.environ[RUN]).chmod(0o711)


def close_run() -> None:
    """Stop what was started, and leave nothing behind."""
    directory = Path(os.environ.pop(RUN))
    with ThreadPoolExecutor() as pool:
        list(pool.map(stop_recorded, [directory / name for name in NAMES]))
    shutil.rmtree(directory)
    servers.cache_clear()


@cache
def servers() -> Servers:
    """The run's servers, started by the first caller of all workers."""
    directory = Path(os.environ[RUN])
    addresses = directory / "addresses.json"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not addresses.exists():
            addresses.write_text(json.dumps(asdict(_start(directory))))
    return Servers(**json.loads(addresses.read_text()))


def process_ids() -> dict[str, int]:
    """The first process of each server that this process has started."""
    return {server.name: server.process.pid for server in _started}


def _start(directory: Path) -> Servers:
    with ThreadPoolExecutor() as pool:
        postgres = pool.submit(start_postgres, directory / "postgres", durable=False)
        valkey = pool.submit(start_valkey, directory / "valkey", durable=False)
        mongo = pool.submit(start_mongo, directory / "mongo", durable=False)
        mail = pool.submit(start_smtp, directory / "mail")
    _started.extend(future.result() for future in (postgres, valkey, mongo, mail))
    return Servers(
        postgres_url_admin=postgres.result().url,
        redis_url=valkey.result().url,
        mongo_url=mongo.result().url,
        smtp_url=mail.result().url,
        inbox_url=mail.result().page_url or "",
    )
