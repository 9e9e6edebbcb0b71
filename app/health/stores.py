"""Whether the stores that the shop needs can be reached, told within the time of a probe."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy.engine import make_url

from app.settings import Settings

ESSENTIAL = frozenset({"postgresql", "redis"})  # without the others the shop sells on
_SECONDS = 2
_KEPT_SECONDS = 1.0


class Watch:
    """What stood in the way a moment ago: many who ask at once cost the stores one question."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._failures: dict[str, Exception | None] = {}

    def failures(self) -> dict[str, Exception | None]:
        """See `reach`; an answer counts for a second, and who asks meanwhile waits for it."""
        with self._lock:
            if time.monotonic() - self._asked_at > _KEPT_SECONDS:
                self._failures = reach(self._settings)
                self._asked_at = time.monotonic()
            return self._failures


def reach(settings: Settings) -> dict[str, Exception | None]:
    """By store: what stood in the way, or None. Asks all at once, each for two seconds at most."""
    with ThreadPoolExecutor(len(_PROBES)) as pool:
        failures = pool.map(lambda probe: _failure(probe, settings), _PROBES.values())
        return dict(zip(_PROBES, failures, strict=True))


def _failure(probe: Callable[[Settings], None], settings: Settings) -> Exception | None:
    try:
        probe(settings)
    except (psycopg.Error, RedisError, PyMongoError, OSError) as error:
        return error
    return None


def _postgresql(settings: Settings) -> None:
    # Not by the pool: a connection that the server has frozen on would keep the probe for ever.
    address = make_url(settings.database_url).set(drivername="postgresql")
    psycopg.connect(address.render_as_string(hide_password=False), connect_timeout=_SECONDS).close()


def _redis(settings: Settings) -> None:
    with Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=_SECONDS,
        socket_timeout=_SECONDS,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        client.ping()


def _mongodb(settings: Settings) -> None:
    milliseconds = _SECONDS * 1000
    with MongoClient[dict[str, object]](
        settings.mongo_url, timeoutMS=milliseconds, connectTimeoutMS=milliseconds
    ) as client:
        client.admin.command("ping")


def _smtp(settings: Settings) -> None:
    parts = urlsplit(settings.smtp_url)
    port = parts.port or (465 if parts.scheme == "smtps" else 25)
    socket.create_connection((parts.hostname or "127.0.0.1", port), timeout=_SECONDS).close()


_PROBES = {"postgresql": _postgresql, "redis": _redis, "mongodb": _mongodb, "smtp": _smtp}
