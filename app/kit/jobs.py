"""RQ: makes things fast; never the only place that knows of a piece of work."""

import logging
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, cast

from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.job import Job, JobStatus

log = logging.getLogger(__name__)

# In order of urgency: a worker empties the first before it looks at the next. Webhooks, which go to
# strangers' servers, and the clock's work have a worker of their own (see Procfile).
QUEUES = ("delivery", "mail", "default", "timed", "webhooks")
JOB_SECONDS = 60  # then RQ's alarm ends a job
# A job that runs for longer has lost its worker, or its worker stands still.
LEASE_SECONDS = JOB_SECONDS + 15
# A job that has waited for so long is forgotten by the queue, and enqueued anew by who needs it:
# one that fell between the queue and a worker that was just killed would be waited for for ever.
_QUEUED_SECONDS = 60
_NO_END = -1  # Redis' word for a key that does not expire
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
            job,
            *args,
            job_id=job_id,
            ttl=_QUEUED_SECONDS,
            result_ttl=0,
            failure_ttl=3600,
            job_timeout=JOB_SECONDS,
        )
    except RedisError as error:
        log.warning("queue unreachable, left to the sweeper", extra={"error": str(error)})
        pause_after(error)
        return False
    return True


class Turn(StrEnum):
    """What came of the wish to have a job done once at a time."""

    TAKEN = "taken"  # it is in its queue
    BUSY = "busy"  # another one waits or runs
    AWAY = "away"  # Redis can't be reached


def enqueue_once(job: Callable[[str], Any], name: str, *, queue: str) -> Turn:
    """Put a call of `job` with this name into a queue, unless one waits or runs.

    One whose worker died, or stands still, is in the way until its lease is over, which begins
    when this is called while it runs.
    """
    if is_paused():
        return Turn.AWAY
    job_id = f"once-{name}"
    try:
        Queue(queue, connection=redis()).enqueue(
            job,
            name,
            job_id=job_id,
            unique=True,
            ttl=_QUEUED_SECONDS,
            result_ttl=0,
            failure_ttl=0,
            job_timeout=JOB_SECONDS,
        )
    except DuplicateJobError:
        return _lease(job_id)
    except RedisError as error:
        log.warning("queue unreachable, done here", extra={"error": str(error)})
        pause_after(error)
        return Turn.AWAY
    return Turn.TAKEN


def _lease(job_id: str) -> Turn:
    """Give the job that waits or runs an end: RQ takes the one it had away when it starts."""
    key = Job.key_for(job_id)
    try:
        if redis().ttl(key) == _NO_END:
            redis().expire(key, LEASE_SECONDS)
    except RedisError as error:
        pause_after(error)
        return Turn.AWAY
    return Turn.BUSY


def waiting(job_ids: Sequence[str]) -> set[str] | None:
    """Those of these jobs that no worker has taken yet; None where Redis can't be reached.

    Asks for these alone: a queue may be long.
    """
    if not job_ids or is_paused():
        return None if job_ids else set()
    try:
        with redis().pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hget(Job.key_for(job_id), "status")
            states = pipeline.execute()
    except RedisError as error:
        log.warning("queue unreachable", extra={"error": str(error)})
        pause_after(error)
        return None
    return {
        job_id
        for job_id, state in zip(job_ids, states, strict=True)
        if state == JobStatus.QUEUED.value.encode()
    }
