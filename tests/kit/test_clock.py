"""Timed work: each a job of its own, whatever becomes of the others, of workers and of Redis."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from uuid import uuid4

import pytest
from flask import Flask
from rq import Queue
from sqlalchemy import text

from app import commands
from app.extensions import db
from app.factory import create_app
from app.kit import clock, jobs
from app.kit.clock import Clock, TimedWork
from app.kit.sweeping import Swept
from app.kit.worker import LeanWorker
from app.settings import Settings

SECONDS = 15
_fork = multiprocessing.get_context("fork")
Works = Callable[..., list[TimedWork]]


def done(name: str) -> int:
    """How often a work has been begun, whoever did it."""
    return int(jobs.redis().get(f"done:{name}") or 0)


def noting(name: str, then: Callable[[], object] = lambda: None) -> TimedWork:
    """A work without a pause that notes that it was begun."""

    def work() -> int:
        jobs.redis().incr(f"done:{name}")
        then()
        return 1

    return TimedWork(name, work, 0)


def wait_until(is_so: Callable[[], bool], tick: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        tick()
        time.sleep(0.02)


@pytest.fixture
def start_worker(
    app: Flask, make_settings: Callable[..., Settings]
) -> Iterator[Callable[..., BaseProcess]]:
    """Start a worker of the timed work, a process that knows these works."""
    started: list[BaseProcess] = []

    def live(works: list[TimedWork]) -> None:
        os.setsid()
        application = create_app(make_settings())
        clock.init_app(application, works)
        with application.app_context():
            connection = jobs.patient_redis()
            queues = [Queue("timed", connection=connection)]
            LeanWorker(queues, connection=connection, worker_ttl=30).work(logging_level="CRITICAL")

    def start(works: list[TimedWork]) -> BaseProcess:
        db.session.rollback()
        db.engine.dispose()
        process = _fork.Process(target=live, args=(works,))
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


@pytest.fixture
def ticking(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], None]]:
    """A clock of these works, in this process."""

    def make(works: list[TimedWork]) -> Callable[[], None]:
        for key in ("timed_work", "timed_failures"):
            monkeypatch.setitem(app.extensions, key, app.extensions[key])
        clock.init_app(app, works)
        return Clock(app).tick

    return make


class TestOnce:
    def test_no_second_job_while_one_waits(self, app: Flask, ticking, drain) -> None:  # type: ignore[no-untyped-def]
        tick = ticking([noting("one"), noting("other")])
        for _ in range(3):
            tick()
        assert Queue("timed", connection=jobs.redis()).count == 2
        drain()
        assert (done("one"), done("other")) == (1, 1)
        tick()
        drain()
        assert (done("one"), done("other")) == (2, 2)

    def test_each_has_its_pause(self, app: Flask, ticking, drain) -> None:  # type: ignore[no-untyped-def]
        work = noting("rare")
        tick = ticking([TimedWork("rare", work.work, 3600)])
        for _ in range(3):
            tick()
            drain()
        assert done("rare") == 1

    def test_two_of_one_name_are_refused(self, app: Flask) -> None:
        with pytest.raises(ValueError, match="one name"):
            clock.init_app(app, [noting("same"), noting("same")])

    def test_one_that_this_process_does_not_know_is_left_alone(self, app: Flask) -> None:
        clock.run("of another release")


class TestSlow:
    def test_delays_no_other(self, ticking, start_worker) -> None:  # type: ignore[no-untyped-def]
        works = [noting("slow", lambda: time.sleep(60)), noting("quick")]
        tick = ticking(works)
        for _ in range(2):
            start_worker(works)
        wait_until(lambda: done("slow") == 1 and done("quick") >= 5, tick)
        assert done("slow") == 1


class TestFailing:
    def test_is_counted_and_delays_no_other(  # type: ignore[no-untyped-def]
        self, app: Flask, ticking, drain, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail() -> None:
            raise ConnectionError

        tick = ticking([noting("bad", fail), noting("good")])
        for _ in range(3):
            tick()
            drain()
        assert (done("bad"), done("good")) == (3, 3)
        lines = [line for line in caplog.records if line.message == "timed work failed"]
        assert [(line.work, line.failures) for line in lines] == [  # type: ignore[attr-defined]
            ("bad", 1),
            ("bad", 2),
            ("bad", 3),
        ]

    def test_rows_that_failed_are_told_and_counted(
        self, app: Flask, ticking, drain, caplog: pytest.LogCaptureFixture
    ) -> None:  # type: ignore[no-untyped-def]
        outcomes = iter([Swept(1, 2), Swept(0, 1), Swept(3, 0), Swept(0, 1)])
        tick = ticking([TimedWork("rows", lambda: next(outcomes), 0)])
        with caplog.at_level(logging.WARNING):
            for _ in range(4):
                tick()
                drain()
        assert [(line.failed_rows, line.failures) for line in caplog.records] == [  # type: ignore[attr-defined]
            (2, 1),
            (1, 2),
            (1, 1),
        ]


class TestWorkerLost:
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
    def test_another_takes_its_work_once_the_lease_is_over(  # type: ignore[no-untyped-def]
        self, ticking, start_worker, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
    ) -> None:
        monkeypatch.setattr(jobs, "LEASE_SECONDS", 1)
        flag = f"hang:{uuid4()}"

        def hang() -> None:
            while jobs.redis().exists(flag):
                time.sleep(0.05)

        jobs.redis().set(flag, 1)
        works = [noting("held", hang)]
        tick = ticking(works)
        lost = start_worker(works)
        tick()
        wait_until(lambda: done("held") == 1)
        assert lost.pid is not None
        os.kill(lost.pid, how)
        jobs.redis().delete(flag)
        start_worker(works)
        wait_until(lambda: done("held") >= 3, tick)


class TestClockLost:
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
    def test_another_clock_takes_over(
        self,
        app: Flask,
        make_settings: Callable[..., Settings],
        monkeypatch: pytest.MonkeyPatch,
        how: signal.Signals,
    ) -> None:
        monkeypatch.setattr(commands, "_STANDSTILL", "2s")

        def tick() -> None:
            application = create_app(make_settings())
            application.test_cli_runner().invoke(args=["clock"])

        def is_locked() -> bool:
            held = text(
                "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
                " WHERE locktype = 'advisory' AND objid = :id AND datname = current_database()"
            )
            db.session.rollback()
            return db.session.scalar(held, {"id": commands.CLOCK_LOCK}) == 1

        db.session.rollback()
        db.engine.dispose()
        ticking = _fork.Process(target=tick)
        ticking.start()
        assert ticking.pid is not None
        try:
            wait_until(is_locked)
            os.kill(ticking.pid, how)
            wait_until(lambda: not is_locked())
        finally:
            ticking.kill()
            ticking.join()


class TestRedisAway:
    def test_clock_does_the_works_itself_and_none_delays_another(
        self, application_without_redis: Flask
    ) -> None:
        counts = {"slow": 0, "quick": 0}

        def work(name: str, seconds: float) -> TimedWork:
            def count() -> int:
                counts[name] += 1
                time.sleep(seconds)
                return 1

            return TimedWork(name, count, 0)

        clock.init_app(application_without_redis, [work("slow", 2), work("quick", 0)])
        ticking = Clock(application_without_redis)

        def tick() -> None:
            with application_without_redis.app_context():
                ticking.tick()

        wait_until(lambda: counts["quick"] >= 5, tick)
        assert counts["slow"] == 1


class TestQueued:
    def test_one_that_fell_out_of_its_queue_is_not_waited_for_for_ever(self, app: Flask) -> None:
        assert jobs.enqueue(done, "x", job_id="lost")
        assert jobs.waiting(["lost"]) == {"lost"}
        assert 0 < int(jobs.redis().ttl("rq:job:lost")) <= 60  # type: ignore[arg-type]

    def test_long_queue_is_not_read(self, app: Flask) -> None:
        names = [f"job-{number}" for number in range(20_000)]
        jobs.redis().rpush("rq:queue:default", *names)
        for job_id in ("a", "b"):
            assert jobs.enqueue(done, "x", job_id=job_id)
        before = jobs.redis().info("stats")["total_net_output_bytes"]
        assert jobs.waiting(["a", "b", "c"]) == {"a", "b"}
        after = jobs.redis().info("stats")["total_net_output_bytes"]
        assert after - before < 20_000  # most of it is the answer that tells these figures
