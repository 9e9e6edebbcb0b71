"""The worker: runs jobs in its own process, and lets RQ keep no books of them.

RQ writes down what is under way, what came of it and, around each job, that its worker lives: some
sixty commands to Redis a job, more than most jobs cost themselves. Nobody reads them here. What is
done and what is not is known to the outbox and to the tables that are swept; of a job Redis knows
that it waits, or that it was taken and until when at most.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import cast

from flask import current_app
from redis.client import Pipeline, PubSubWorkerThread
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.job import Job, JobStatus
from rq.timeouts import JobTimeoutException
from rq.utils import now
from rq.worker import WorkerStatus

from app.kit import jobs

log = logging.getLogger(__name__)
_HEARTBEAT = timedelta(seconds=10)


@contextmanager
def _redis_may_be_away() -> Iterator[None]:
    """Go on without Redis, for whose absence RQ waits only where it looks for the next job.

    Anywhere else it would end the worker.
    """
    try:
        yield
    except RedisError as error:
        log.warning("Redis is away, the worker goes on", extra={"error": str(error)})


class LeanWorker(SimpleWorker):
    """Runs each job in this process, in an application context of its own, and forgets it.

    No fork for a job: a delivery starts some 30 ms sooner, and what a killed worker leaves behind
    the sweeper takes up anyway. A job has `jobs.JOB_SECONDS`.
    """

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job; one that fails or takes too long is a line of the log."""
        self.set_state(WorkerStatus.BUSY)  # who is told to stop ends this job first
        self._take(job, queue)
        try:
            with (
                current_app.app_context(),
                self.death_penalty_class(jobs.JOB_SECONDS, JobTimeoutException, job_id=job.id),
            ):
                job.perform()
        except Exception:
            log.exception("job failed", extra={"job": job.func_name})
        with _redis_may_be_away():
            self.connection.delete(job.key)  # else it ends by itself
        self.set_state(WorkerStatus.IDLE)

    def _take(self, job: Job, queue: Queue) -> None:
        """Have the job's key say that it does not wait any more, for as long as it may run."""
        with _redis_may_be_away(), self.connection.pipeline(transaction=False) as pipeline:
            pipeline.hset(job.key, "status", JobStatus.STARTED.value)
            pipeline.expire(job.key, jobs.LEASE_SECONDS)
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)  # where RQ put it meanwhile
            pipeline.execute()

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:  # noqa: ARG002
        """Note what it does in this process alone."""
        self._state = state

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that it lives, for `rq info`, but not around each job."""
        if self.last_heartbeat is None or now() - self.last_heartbeat > _HEARTBEAT:
            with _redis_may_be_away():
                super().heartbeat(timeout, pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        """Wait while `rq suspend` says so."""
        with _redis_may_be_away():
            super().check_for_suspension(burst)

    def unsubscribe(self) -> None:
        """End the thread that hears commands.

        It is told so before the word that wakes it: one that wakes first goes back to wait for a
        minute, of which RQ waits for a second, too.
        """
        thread = cast(PubSubWorkerThread | None, self.pubsub_thread)
        if thread is not None:
            thread.stop()
        super().unsubscribe()  # type: ignore[no-untyped-call]  # RQ

    def run_maintenance_tasks(self) -> None:
        """See RQ, which does them again where they failed."""
        with _redis_may_be_away():
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]  # RQ
