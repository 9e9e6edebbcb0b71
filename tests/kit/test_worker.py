"""The worker, on Redis: what hangs ends, what is stopped is finished, and no books are kept."""

import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.connection import AbstractConnection
from redis.retry import Retry
from rq import Queue
from rq.job import Job

from app.extensions import db
from app.factory import create_app
from app.kit import jobs
from app.kit.worker import LeanWorker
from app.settings import Settings
from tests.support.proxy import LOOPBACK
from tests.support.silent_proxy import SilentProxy

SECONDS = 15
Work = Callable[[], None]


def note(name: str) -> None:
    """Leave a mark."""
    jobs.redis().incr(name)


def wait_for(flag: str, name: str) -> None:
    """Leave a mark; another one once the flag is gone."""
    note(name)
    while jobs.redis().exists(flag):
        time.sleep(0.05)
    note(name)


def hang(name: str) -> None:
    """Never end, but for the alarm."""
    note(name)
    time.sleep(600)


def fail() -> None:
    """Break."""
    raise ArithmeticError


def marks(name: str) -> int:
    return int(jobs.redis().get(name) or 0)


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_job_that_hangs_is_ended_and_the_next_one_runs(
    app: Flask, drain: Work, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "JOB_SECONDS", 1)
    hung, next_one = f"hung:{uuid4()}", f"next:{uuid4()}"
    jobs.enqueue(hang, hung)
    jobs.enqueue(note, next_one)
    drain()
    assert (marks(hung), marks(next_one)) == (1, 1)
    [line] = [line for line in caplog.records if line.message == "job failed"]
    assert "hang" in line.job  # type: ignore[attr-defined]


def test_nothing_is_left_of_a_job_whether_done_or_failed(
    app: Flask, drain: Work, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        for queue in ("delivery", "default"):
            jobs.enqueue(note, "noted", queue=queue, job_id=f"well-{queue}")
            jobs.enqueue(fail, queue=queue, job_id=f"ill-{queue}")
        drain()
        for queue in ("delivery", "default"):  # a worker of one queue takes its jobs otherwise
            jobs.enqueue(fail, queue=queue)
            alone = Queue(queue, connection=jobs.redis())
            LeanWorker([alone], connection=jobs.redis()).work(burst=True)
    kept = {key.decode().partition(":")[2] for key in jobs.redis().keys("rq:*")}
    assert not [name for name in kept if name.startswith(("job:", "failed:", "wip:", "finished:"))]
    assert not [name for name in kept if name.endswith("intermediate")]


def test_worker_that_loses_redis_at_a_job_does_it_and_takes_the_next_one_once_redis_is_back(
    app: Flask, make_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    server = urlsplit(make_settings().redis_url)
    assert server.hostname is not None
    assert server.port is not None
    way = SilentProxy(server.hostname, server.port)
    port = way.port
    way.start()
    first, next_one = f"first:{uuid4()}", f"next:{uuid4()}"

    class CutOff(LeanWorker):
        def _take(self, job: Job, queue: Queue) -> None:
            if not marks(first):
                way.stop()
            super()._take(job, queue)

    def come_back() -> SilentProxy:
        until(lambda: marks(first) == 1 and len(caplog.records) >= 3)
        again = SilentProxy(way.host, way.target, _listener=socket.create_server((LOOPBACK, port)))
        again.start()
        return again

    jobs.enqueue(note, first)
    jobs.enqueue(note, next_one)
    url = server._replace(netloc=server.netloc.replace(f":{server.port}", f":{port}")).geturl()
    redis = Redis.from_url(url, retry=Retry(NoBackoff(), 0))
    with ThreadPoolExecutor(1) as pool:
        back = pool.submit(in_context(app, come_back))
        worker = CutOff([Queue("default", connection=redis)], connection=redis)
        worker.work(logging_level="CRITICAL", max_jobs=2)
        back.result().stop()
    assert (marks(first), marks(next_one)) == (1, 1)
    lines = {line.message for line in caplog.records if line.name == "app.kit.worker"}
    assert lines == {"Redis is away, the worker goes on"}


def in_context(app: Flask, work: Callable[[], Any]) -> Callable[[], Any]:
    """To be called in a thread."""

    def call() -> Any:
        with app.app_context():
            return work()

    return call


def test_thread_that_hears_commands_ends_with_the_worker(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsubscribe = PubSub.unsubscribe

    def heard_at_once(self: PubSub, *args: Any) -> None:
        unsubscribe(self, *args)
        until(lambda: not self.subscribed)

    monkeypatch.setattr(PubSub, "unsubscribe", heard_at_once)
    worker = LeanWorker([Queue("default", connection=jobs.redis())], connection=jobs.redis())
    worker.work(burst=True, logging_level="CRITICAL")
    assert not worker.pubsub_thread.is_alive()


def test_job_asks_redis_few_times(app: Flask, drain: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    send = AbstractConnection.send_packed_command

    def counted(self: AbstractConnection, *args: Any, **kwargs: Any) -> None:
        nonlocal asked
        asked += 1
        send(self, *args, **kwargs)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", counted)

    def cost(number: int) -> int:
        before = asked
        for _ in range(number):
            jobs.enqueue(note, "noted", queue="delivery")
        drain()
        return asked - before

    start = cost(1)  # of the worker, and a first job
    assert (cost(21) - start) / 20 <= 8  # with its enqueuing, and what the job itself asks


def test_who_is_told_to_stop_ends_its_job_first(
    app: Flask, make_settings: Callable[..., Settings]
) -> None:
    flag, name = f"flag:{uuid4()}", f"held:{uuid4()}"
    jobs.redis().set(flag, 1)
    jobs.enqueue(wait_for, flag, name)

    def live() -> None:
        os.setsid()
        application = create_app(make_settings())
        with application.app_context():
            connection = jobs.patient_redis()
            queues = [Queue(each, connection=connection) for each in jobs.QUEUES]
            LeanWorker(queues, connection=connection).work(logging_level="CRITICAL")

    db.session.rollback()
    db.engine.dispose()
    process = multiprocessing.get_context("fork").Process(target=live)
    process.start()
    try:
        until(lambda: marks(name) == 1)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        jobs.redis().delete(flag)
        process.join(SECONDS)
        assert (marks(name), process.exitcode) == (2, 0)
    finally:
        process.kill()
        process.join()
