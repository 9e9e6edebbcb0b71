"""Connections to Redis behind one breaker: who finds it silent waits a second, nobody after that.

https://redis.readthedocs.io/en/stable/connections.html
"""

from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

from app.kit.breaker import Breaker

ANSWER_SECONDS = 1.0
PAUSE_SECONDS = 5.0


class Paused(RedisConnectionError):
    """Redis did not answer a moment ago, so it is not asked now."""


class _Pool(ConnectionPool):
    """Gives no connection while the breaker is open."""

    breaker: Breaker

    def get_connection(self, *args: Any, **kwargs: Any) -> Any:
        if not self.breaker.allows():
            raise Paused("Redis does not answer.")
        return super().get_connection(*args, **kwargs)


class _Guard:
    """What a connection of any kind does besides: it tells the breaker how it went."""

    breaker: Breaker

    def connect(self) -> None:
        """See redis-py; one that refuses at once keeps nobody waiting, and trips nothing."""
        try:
            super().connect()  # type: ignore[misc]  # that of the connection it is mixed into
        except RedisTimeout:
            self.breaker.failed()
            raise

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """See redis-py."""
        try:
            found = super().read_response(*args, **kwargs)  # type: ignore[misc]  # same
        except RedisTimeout:
            self.breaker.failed()
            raise
        self.breaker.answered()
        return found


def guarded_pool(url: str) -> ConnectionPool:
    """A pool with a breaker of its own; nothing is reached yet."""
    breaker = Breaker("redis", PAUSE_SECONDS)
    parsed = parse_url(url)  # type: ignore[no-untyped-call]  # redis-py
    kind = parsed.get("connection_class", Connection)
    pool = _Pool.from_url(
        url,
        connection_class=type("GuardedConnection", (_Guard, kind), {"breaker": breaker}),
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        # Once more where a connection was kept for too long; never where nobody answers.
        retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
    )
    pool.breaker = breaker
    return pool
