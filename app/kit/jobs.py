"""RQ: makes things fast; never the only place that knows of a piece of work."""

import logging
from collections.abc import Callable
from typing import Any, cast

from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue

log = logging.getLogger(__name__)

# In order of urgency: a worker empties the first before it looks at the next.
QUEUES = ("delivery", "default", "slow")
_CONNECT_SECONDS = 1.0
_ANSWER_SECONDS = 5.0


def init_app(app: Flask) -> None:
    """Give the application its connection to Redis; nothing is reached yet."""
    app.extensions["redis"] = Redis.from_url(
        app.config["REDIS_URL"],
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
    )


def redis() -> "Redis":
    """The current application's Redis. It may be lost at any moment: catch RedisError."""
    return cast("Redis", current_app.extensions["redis"])


def enqueue(job: Callable[..., Any], *args: Any, queue: str = "default") -> bool:
    """Put a call of `job` into a queue; False (and a log line) where Redis can't be reached."""
    try:
        Queue(queue, connection=redis()).enqueue(
            job, *args, result_ttl=0, failure_ttl=3600, job_timeout=60
        )
    except RedisError as error:
        log.warning("queue unreachable, left to the sweeper", extra={"error": str(error)})
        return False
    return True
