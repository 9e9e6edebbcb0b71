"""RQ: makes things fast; never the only place that knows of a piece of work."""

import logging
import time
from collections.abc import Callable
from typing import Any, cast

from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout
from rq import Queue

log = logging.getLogger(__name__)

# In order of urgency: a worker empties the first before it looks at the next. Webhooks, which go to
# strangers' servers, and the clock's work have a worker of their own (see Procfile).
QUEUES = ("delivery", "mail", "default", "timed", "webhooks")
_CONNECT_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
# Nobody waits for a Redis that does not answer while another has just waited in vain.
_PAUSE_SECONDS = 5.0
_PAUSED_UNTIL = "redis_paused_until"


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


def is_paused() -> bool:
    """Whether Redis did not answer a moment ago: what may be lost or done later is not tried."""
    until: float = current_app.extensions.get(_PAUSED_UNTIL, 0.0)
    return time.monotonic() < until


def pause_after(error: RedisError) -> None:
    """Note that Redis did not answer; one that refuses at once keeps nobody waiting."""
    if isinstance(error, RedisTimeout):
        current_app.extensions[_PAUSED_UNTIL] = time.monotonic() + _PAUSE_SECONDS


def enqueue(
    job: Callable[..., Any], *args: Any, queue: str = "default", job_id: str | None = None
) -> bool:
    """Put a call of `job` into a queue; False (and a log line) where Redis can't be reached."""
    if is_paused():
        return False
    try:
        Queue(queue, connection=redis()).enqueue(
            job, *args, job_id=job_id, result_ttl=0, failure_ttl=3600, job_timeout=60
        )
    except RedisError as error:
        log.warning("queue unreachable, left to the sweeper", extra={"error": str(error)})
        pause_after(error)
        return False
    return True


def waiting() -> set[str] | None:
    """The ids of the jobs that no worker has taken yet; None where Redis can't be reached."""
    try:
        return {
            job_id for name in QUEUES for job_id in Queue(name, connection=redis()).get_job_ids()
        }
    except RedisError as error:
        log.warning("queue unreachable", extra={"error": str(error)})
        return None
