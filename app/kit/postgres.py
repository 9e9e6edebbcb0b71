"""Connections to PostgreSQL that do not wait for ever for a server that stands still.

Its own `statement_timeout` does not help: a server that is frozen, or whose machine is gone, ends
nothing. Nor do TCP's time-outs, while its machine still acknowledges what it is sent.

And connections that are taken from the pool without asking the server whether they still work: one
that a restart has closed has its end waiting to be read, which is seen without a word to anybody.
"""

import functools
import select
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from flask import Flask
from psycopg.abc import PQGen
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError

from app.extensions import db
from app.kit.breaker import Breaker

RV = TypeVar("RV")
CONNECT_SECONDS = 2  # libpq takes no less
# After so long without a sign of life a new connection is tried. A statement may take its time, or
# wait for a lock, as long as the server greets others meanwhile.
SILENT_SECONDS = 1.5
PAUSE_SECONDS = 1.0
PREPARED_MAX = 300  # statements that a connection keeps prepared; about as many as the shop has


class Frozen(psycopg.OperationalError):
    """The server does not answer."""


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that gives up, and is closed, once the server greets nobody any more."""

    breaker: Breaker
    greet: "functools.partial[psycopg.Connection[Any]]"

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        """See psycopg; all statements, commits and rollbacks pass here. Raises Frozen."""
        if not self.breaker.allows():
            self._give_up()
        found = super().wait(self._watched(gen), *args, **kwargs)
        self.breaker.answered()
        return found

    def _watched(self, gen: PQGen[RV]) -> Generator[Any, Any, RV]:
        heard = time.monotonic()
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > SILENT_SECONDS:
                    self._look()
                    heard = time.monotonic()
                state = gen.send(ready)
        except StopIteration as end:
            found: RV = end.value
            return found

    def _look(self) -> None:
        """Raise Frozen if the server does not greet a new connection."""
        if not self.breaker.allows():
            self._give_up()
        try:
            self.greet().close()
        except psycopg.errors.ConnectionTimeout:
            self.breaker.failed()
            self._give_up()
        except psycopg.OperationalError:
            pass  # an answer, too: it has no room for one more, or is about to end this session
        self.breaker.answered()

    def _give_up(self) -> None:
        self.close()
        raise Frozen("PostgreSQL does not answer.")


def _insist_on_silence(
    connection: psycopg.Connection[Any], _record: object, _proxy: object
) -> None:
    """Give a connection out of the pool only if its server has said nothing since.

    While nobody asks it anything it says only that it ends the session. The pool then drops what it
    has, and connects anew.
    """
    heard = select.poll()
    heard.register(connection.fileno(), select.POLLIN)
    if heard.poll(0):
        raise InvalidatePoolError


def init_app(app: Flask) -> None:
    """Have the application's engine connect so."""
    breaker = Breaker("postgresql", PAUSE_SECONDS)

    def connect(
        _dialect: object, _record: object, words: list[Any], params: dict[str, Any]
    ) -> psycopg.Connection[Any]:
        if not breaker.allows():
            raise Frozen("PostgreSQL does not answer.")
        try:
            connection = WatchedConnection.connect(*words, **params)
        except psycopg.errors.ConnectionTimeout:
            breaker.failed()
            raise
        connection.prepared_max = PREPARED_MAX
        connection.breaker = breaker
        connection.greet = functools.partial(psycopg.connect, *words, **params)
        breaker.answered()
        return connection

    with app.app_context():
        event.listen(db.engine, "do_connect", connect)
        event.listen(db.engine, "checkout", _insist_on_silence)
