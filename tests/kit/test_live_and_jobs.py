"""What is sent through Redis, and that its absence stops nothing."""

import operator
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from flask import Flask
from rq import Queue
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

from app.kit import jobs, ratelimit, redis_pool
from app.kit.db import transactional
from app.kit.errors import TooMany
from app.kit.live import publishing
from app.kit.live.publishing import announce, publish

TOPIC = f"order:{uuid4()}"
Heard = Callable[..., list[tuple[str, str]]]


class TestPublish:
    def test_those_who_listen_hear_the_topic_and_the_event(self, heard: Heard) -> None:
        publish(TOPIC, "delivered")
        assert heard(TOPIC) == [(TOPIC, "delivered")]

    def test_many_at_once_are_told_of_each_topic_and_event(self, app: Flask, heard: Heard) -> None:
        words = [(f"{TOPIC}{number % 3}", f"event {number % 2}") for number in range(120)]

        def say(word: tuple[str, str]) -> None:
            with app.app_context():
                publish(*word)

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(say, words))
        told = heard(*(topic for topic, _event in words))
        assert set(told) == set(words)

    def test_what_comes_while_the_same_word_waits_is_told_with_it(
        self, app: Flask, heard: Heard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def say() -> None:
            with app.app_context():
                publish(TOPIC, "changed")

        waits = threading.Event()

        def wait_for_all(_seconds: float) -> None:
            waits.set()
            assert left.wait(timeout=10)

        left = threading.Event()
        monkeypatch.setattr(publishing, "PAUSE_SECONDS", 60.0)
        monkeypatch.setattr("app.kit.live.publishing.time.sleep", wait_for_all)
        publish(TOPIC, "changed")
        assert heard(TOPIC) == [(TOPIC, "changed")]
        with ThreadPoolExecutor(8) as pool:
            first = pool.submit(say)
            assert waits.wait(timeout=10)
            for other in [pool.submit(say) for _ in range(7)]:
                other.result(timeout=10)  # they leave it to the one that waits
            assert heard(TOPIC) == []
            left.set()
            first.result(timeout=10)
        assert heard(TOPIC) == [(TOPIC, "changed")]

    def test_word_whose_job_was_ended_while_it_waited_is_told_the_next_time(
        self, app: Flask, heard: Heard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(TOPIC, "changed")
        assert heard(TOPIC) == [(TOPIC, "changed")]
        with monkeypatch.context() as patch:
            patch.setattr(publishing, "PAUSE_SECONDS", 60.0)
            with (
                pytest.raises(JobTimeoutException),
                UnixSignalDeathPenalty(1, JobTimeoutException),
            ):
                publish(TOPIC, "changed")
        publish(TOPIC, "changed")
        assert heard(TOPIC) == [(TOPIC, "changed")]

    def test_without_redis_it_is_lost_quietly(self, application_without_redis: Flask) -> None:
        with application_without_redis.app_context():
            publish("order:1", "delivered")


class TestAnnounce:
    def test_pages_hear_of_it_after_the_commit(self, heard: Heard) -> None:
        @transactional
        def change() -> list[tuple[str, str]]:
            announce(TOPIC, "changed")
            return heard(TOPIC)

        assert change() == []
        assert heard(TOPIC) == [(TOPIC, "changed")]

    def test_what_is_rolled_back_is_never_told(self, heard: Heard) -> None:
        @transactional
        def fail() -> None:
            announce(TOPIC, "changed")
            raise ArithmeticError

        with pytest.raises(ArithmeticError):
            fail()
        assert heard(TOPIC) == []


class TestQueue:
    def test_job_waits_under_its_id(self, app: Flask) -> None:
        assert jobs.waiting(["one"]) == set()
        assert jobs.enqueue(operator.add, 1, 2, queue="webhooks", job_id="one")
        assert jobs.waiting(["one", "two"]) == {"one"}
        assert Queue("webhooks", connection=jobs.redis()).count == 1

    def test_without_redis_it_says_so(self, application_without_redis: Flask) -> None:
        with application_without_redis.app_context():
            assert jobs.enqueue(operator.add, 1, 2) is False
            assert jobs.waiting(["one"]) is None

    def test_redis_that_does_not_answer_is_waited_for_once(
        self, make_application: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_pool, "ANSWER_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as mute:
            silent = make_application(redis_url=f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
            with silent.app_context():
                begun = time.monotonic()
                assert not any(jobs.enqueue(operator.add, 1, 2) for _ in range(20))
                for _ in range(20):
                    publish("order:1", "changed")
                ratelimit.spend("1/minute", "somebody")
                with pytest.raises(TooMany):
                    ratelimit.spend("1/minute", "somebody")
                assert time.monotonic() - begun < 2.0  # each by itself: eight and more
