"""What is sent through Redis, and that its absence stops nothing."""

import operator
from collections.abc import Callable

import pytest
from flask import Flask
from rq import Queue

from app.kit import jobs, live
from app.kit.db import transactional

Heard = Callable[[], list[tuple[str, str]]]


class TestPublish:
    def test_those_who_listen_hear_the_topic_and_the_event(self, heard: Heard) -> None:
        live.publish("order:1", "delivered")
        assert heard() == [("order:1", "delivered")]

    def test_without_redis_it_is_lost_quietly(self, application_without_redis: Flask) -> None:
        with application_without_redis.app_context():
            live.publish("order:1", "delivered")


class TestAnnounce:
    def test_pages_hear_of_it_after_the_commit(self, heard: Heard) -> None:
        @transactional
        def change() -> list[tuple[str, str]]:
            live.announce("order:1", "changed")
            return heard()

        assert change() == []
        assert heard() == [("order:1", "changed")]

    def test_what_is_rolled_back_is_never_told(self, heard: Heard) -> None:
        @transactional
        def fail() -> None:
            live.announce("order:1", "changed")
            raise ArithmeticError

        with pytest.raises(ArithmeticError):
            fail()
        assert heard() == []


class TestQueue:
    def test_job_waits_under_its_id(self, app: Flask) -> None:
        assert jobs.waiting() == set()
        assert jobs.enqueue(operator.add, 1, 2, queue="slow", job_id="one")
        assert jobs.waiting() == {"one"}
        assert Queue("slow", connection=jobs.redis()).count == 1

    def test_without_redis_it_says_so(self, application_without_redis: Flask) -> None:
        with application_without_redis.app_context():
            assert jobs.enqueue(operator.add, 1, 2) is False
            assert jobs.waiting() is None
