"""Limits on how often something may be done, counted in Redis.

While Redis is away each process counts for itself: the limits get looser by the number of
processes, but never fall away.
"""

import time
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app
from flask_babel import gettext as _
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.connection import ConnectionPool
from redis.exceptions import RedisError

from app.kit.errors import TooMany

_KEY = "ratelimit"


class _Limiter:
    def __init__(self, redis_url: str, pool: ConnectionPool) -> None:
        self.shared = MovingWindowRateLimiter(RedisStorage(redis_url, connection_pool=pool))
        self.own = MovingWindowRateLimiter(MemoryStorage())


def init_app(app: Flask) -> None:
    """Give the application its counters, which share the connections to Redis."""
    pool = app.extensions["redis"].connection_pool
    app.extensions[_KEY] = _Limiter(app.config["REDIS_URL"], pool)


@dataclass(frozen=True)
class Left:
    """What is left of a limit, and in how many seconds some of it comes back."""

    limit: int
    remaining: int
    reset_seconds: int


def left(limit: str, *key: str) -> Left:
    """How much of `limit` is left to `key`."""
    limiter = cast(_Limiter, current_app.extensions[_KEY])
    item = parse(limit)
    try:
        window = limiter.shared.get_window_stats(item, *key)
    except RedisError:
        window = limiter.own.get_window_stats(item, *key)
    seconds = max(0, int(window.reset_time - time.time()) + 1)
    return Left(item.amount, window.remaining, min(seconds, item.get_expiry()))


def spend(limit: str, *key: str) -> None:
    """Count one use of `key` against `limit` ("5/minute"); TooMany when it is used up."""
    limiter = cast(_Limiter, current_app.extensions[_KEY])
    item = parse(limit)
    try:
        strategy = limiter.shared
        allowed = strategy.hit(item, *key)
    except RedisError:
        strategy = limiter.own
        allowed = strategy.hit(item, *key)
    if not allowed:
        raise TooMany(
            "too_many",
            _("Too many attempts. Please wait a little."),
            retry_after=_seconds_left(strategy, item, key),
        )


def _seconds_left(
    strategy: MovingWindowRateLimiter, item: RateLimitItem, key: tuple[str, ...]
) -> int:
    try:
        reset = strategy.get_window_stats(item, *key).reset_time
    except RedisError:
        return item.get_expiry()
    return max(1, int(reset - time.time()) + 1)
