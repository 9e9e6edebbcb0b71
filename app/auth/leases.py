"""Servers that answer from memory, and how a revocation is known to all of them before it returns.

A server remembers while it holds `_MEMORY`, an advisory lock of PostgreSQL that all who remember
share. A revocation, once committed, asks for that lock alone: each server sees that somebody waits,
forgets everything and lets go. So whoever gets the lock knows that all that is remembered from then
on was read after the commit.

Nobody waits for a server that stands still or is cut off. It trusts its memory for `LEASE_SECONDS`
from its last look at who waits, and has forgotten everything if it looks later than that. A look
before the revocation's question has run out after as long; one after it saw the question.

A connection may be lost on PostgreSQL's side, its locks with it, before its server knows. So each
server has a row, as long as it remembers, and a lock of its own number. A row whose lock nobody
holds is of a server that vanished: the revocation waits as long as a lease, and strikes it off.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import psycopg
from sqlalchemy import Engine, delete, func, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app.auth.models import RememberingServer
from app.kit.db import (
    LOCK_NOT_AVAILABLE,
    after_commit,
    end_read,
    session,
    sqlstate,
    transactional,
)

log = logging.getLogger(__name__)
Driver = psycopg.Connection[tuple[Any, ...]]
LEASE_SECONDS = 0.75  # as both sides count them, each by its own clock
_PATIENCE_SECONDS = LEASE_SECONDS * 1.1  # no two clocks run alike
_LOOK_SECONDS = 0.2  # between two looks at who waits, if nobody calls
_PAUSE_SECONDS = 0.02  # in which those who wait get the lock
_AGAIN_SECONDS = 1.0  # before a lost connection is made anew
_CHANNEL = "credentials_ended"
_LOCKS = 7_249_303  # the first number of these advisory locks; the second is a server's, or:
_MEMORY = 0

_HELD = text(
    f"""
    SELECT objid::bigint AS number, pid FROM pg_locks
    WHERE locktype = 'advisory' AND classid = {_LOCKS} AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """  # noqa: S608  # numbers of our own
)
_LOOK = f"""
    SELECT
        EXISTS (SELECT FROM remembering_server WHERE number = %s),
        EXISTS (
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND classid = {_LOCKS} AND objid = {_MEMORY}
            AND objsubid = 2 AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        )
    """  # noqa: S608


class Lost(psycopg.OperationalError):
    """The server is not written down any more: it has to begin anew."""


class Lease:
    """A server's leave to remember, kept up by a thread with a connection of its own.

    `renewed` is told each moment (of the monotonic clock) at which nobody waited for the server to
    forget: what it remembers counts for LEASE_SECONDS from then on. `lost` is told to forget all.
    """

    def __init__(
        self, engine: Engine, *, renewed: Callable[[float], None], lost: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._renewed = renewed
        self._lost = lost
        self._number: int | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def start(self) -> None:
        """Begin to ask for it."""
        self._thread.start()

    def stop(self) -> None:
        """Give it back."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hold()
            except (SQLAlchemyError, psycopg.Error) as error:
                log.warning("nothing is remembered for now", extra={"error": type(error).__name__})
            finally:
                self._lost()
            self._stopping.wait(_AGAIN_SECONDS)

    def _hold(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                self._remember(cast(Driver, connection.connection.dbapi_connection))
            finally:
                connection.invalidate()  # its locks must not go back to the pool with it

    def _remember(self, driver: Driver) -> None:
        number = 1 + secrets.randbelow(2**31 - 1)
        driver.execute(f"LISTEN {_CHANNEL}")
        driver.execute("SELECT pg_advisory_lock(%s::int, %s::int)", (_LOCKS, number))
        self._write_down(driver, number)
        while not self._stopping.is_set():
            self._share(driver, number)
        self._write_down(driver, None)

    def _write_down(self, driver: Driver, number: int | None) -> None:
        """Replace the server's row; what it remembered under the old one is forgotten by now."""
        if self._number is not None:
            driver.execute("DELETE FROM remembering_server WHERE number = %s", (self._number,))
        self._number = number
        if number is not None:
            driver.execute("INSERT INTO remembering_server (number) VALUES (%s)", (number,))

    def _share(self, driver: Driver, number: int) -> None:
        """Hold the lock until somebody waits for it."""
        asked_at = time.monotonic()
        shared = "SELECT pg_try_advisory_lock_shared(%s::int, %s::int)"
        if not _row(driver, shared, _LOCKS, _MEMORY)[0]:
            self._stopping.wait(_PAUSE_SECONDS)
            return
        is_called = is_awaited = False
        while not (is_called or is_awaited or self._stopping.is_set()):
            self._renewed(asked_at)
            is_called = any(driver.notifies(timeout=_LOOK_SECONDS, stop_after=1))
            asked_at = time.monotonic()
            is_known, is_awaited = _row(driver, _LOOK, number)
            if not is_known:
                raise Lost
        self._lost()
        _row(driver, "SELECT pg_advisory_unlock_shared(%s::int, %s::int)", _LOCKS, _MEMORY)
        self._stopping.wait(_PAUSE_SECONDS)


def _row(driver: Driver, statement: str, *values: int) -> tuple[Any, ...]:
    row = driver.execute(statement.encode(), values).fetchone()
    assert row is not None
    return row


def forget_everywhere() -> None:
    """Have no server answer from before the transaction now open, once it is committed.

    The transaction's caller goes on when that is so: within milliseconds, or after little more
    than LEASE_SECONDS if a server stands still or has vanished.
    """
    after_commit(wait_for_servers)


def wait_for_servers() -> None:
    """Return once no server answers from what it read before now."""
    if not _call():
        return
    if not _all_have_let_go():
        log.warning("a server that remembers does not answer: its connection is ended")
        _end_silent()
    elif vanished := _vanished():
        time.sleep(_PATIENCE_SECONDS)
        _strike_off(vanished)


@transactional
def _call() -> bool:
    """Call upon all that remember to look who waits; whether there are any."""
    is_known = session().scalar(select(RememberingServer.number).limit(1)) is not None
    if not is_known and session().execute(_HELD).first() is None:
        return False
    session().execute(select(func.pg_notify(_CHANNEL, "")))
    return True


@transactional
def _all_have_let_go() -> bool:
    """Whether all that remember, and are there, have forgotten, in the time that a lease has."""
    milliseconds = str(round(_PATIENCE_SECONDS * 1000))
    session().execute(select(func.set_config("lock_timeout", milliseconds, True)))
    try:
        with session().begin_nested():
            session().execute(select(func.pg_advisory_xact_lock(_LOCKS, _MEMORY)))
    except OperationalError as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


def _end_silent() -> None:
    """End the connections that keep the lock: those after us need not wait for them, too."""
    holding = [row.pid for row in session().execute(_HELD) if row.number == _MEMORY]
    for pid in holding:
        session().execute(select(func.pg_terminate_backend(pid)))
    end_read()


def _vanished() -> list[int]:
    """Who remembered, and is gone without a word."""
    known = set(session().scalars(select(RememberingServer.number)))
    there = {row.number for row in session().execute(_HELD)}
    end_read()
    return sorted(known - there)


@transactional
def _strike_off(numbers: Sequence[int]) -> None:
    session().execute(delete(RememberingServer).where(RememberingServer.number.in_(numbers)))
