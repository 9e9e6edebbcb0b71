"""RQ: makes things fast; never the only place that knows of a piece of work."""

import logging
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, cast

from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.job import Job, JobStatus

from app.kit.redis_pool import ANSWER_SECONDS, Paused, guarded_pool

log = logging.getLogger(__name__)

# In order of urgency: a worker empties the first before it looks at the next. Webhooks, which go to
# strangers' servers, and the clock's work have a worker of their own (see Procfile). What PayPal is
# asked about may be much, and PayPal slow: the clock's work goes before it.
QUEUES = ("delivery", "mail", "default", "timed", "paypal", "webhooks")
JOB_SECONDS = 60  # then RQ's alarm ends a job
# A job that runs for longer has lost its worker, or its worker stands still.
LEASE_SECONDS = JOB_SECONDS + 15
# A job that has waited for so long is forgotten by the queue, and enqueued anew by who needs it:
# one that fell between the queue and a worker that was just killed would be waited for for ever.
_QUEUED_SECONDS = 60


def init_app(app: Flask) -> None:
    """Give the application its connection to Redis; nothing is reached yet."""
    app.extensions["redis"] = Redis(connection_pool=guarded_pool(app.config["REDIS_URL"]))


def redis() -> "Redis":
    """The current application's Redis. It may be lost at any moment: catch RedisError.

    While it does not answer, one waits for it, for a second, and the others are told at once.
    """
    return cast("Redis", current_app.extensions["redis"])


def patient_redis() -> "Redis":
    """A connection of one's own to Redis for a worker, which waits there for its next job."""
    return Redis.from_url(current_app.config["REDIS_URL"], socket_connect_timeout=ANSWER_SECONDS)


def _note(error: RedisError, what: str) -> None:
    """A line of the log, unless the breaker has written one."""
    if not isinstance(error, Paused):
        log.warning(what, extra={"error": str(error)})


def enqueue(
    job: Callable[..., Any], *args: Any, queue: str = "default", job_id: str | None = None
) -> bool:
    """Put a call of `job` into a queue; False (and a log line) where Redis can't be reached."""
    try:
        with redis().pipeline(transaction=False) as pipeline:
            Queue(queue, connection=redis()).enqueue(
                job, *args, job_id=job_id, ttl=_QUEUED_SECONDS, pipeline=pipeline
            )
            pipeline.execute()
    except RedisError as error:
        _note(error, "queue unreachable, left to the sweeper")
        return False
    return True


class Turn(StrEnum):
    """The result of `enqueue_once`."""

    TAKEN = "taken"  # it is in its queue
    BUSY = "busy"  # another one waits or runs
    AWAY = "away"  # Redis can't be reached


def enqueue_once(job: Callable[[str], Any], name: str, *, queue: str) -> Turn:
    """Put a call of `job` with this name into a queue, unless one waits or runs.

    One whose worker died, or stands still, is in the way until its lease is over, which began when
    it was taken.
    """
    job_id = f"once-{name.replace('.', '-')}"  # RQ takes no dots
    try:
        Queue(queue, connection=redis()).enqueue(
            job, name, job_id=job_id, unique=True, ttl=_QUEUED_SECONDS
        )
    except DuplicateJobError:
        return Turn.BUSY
    except RedisError as error:
        _note(error, "queue unreachable, done here")
        return Turn.AWAY
    return Turn.TAKEN


def waiting(job_ids: Sequence[str]) -> set[str] | None:
    """Those of these jobs that no worker has taken yet; None where Redis can't be reached.

    Asks for these alone: a queue may be long.
    """
    if not job_ids:
        return set()
    try:
        with redis().pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hget(Job.key_for(job_id), "status")
            states = pipeline.execute()
    except RedisError as error:
        _note(error, "queue unreachable")
        return None
    return {
        job_id
        for job_id, state in zip(job_ids, states, strict=True)
        if state == JobStatus.QUEUED.value.encode()
    }
