"""What is sent through Redis, and that its absence stops nothing."""

import json
import operator

from flask import Flask
from rq import Queue

from app.kit import jobs, live


class TestPublish:
    def test_those_who_listen_hear_the_topic_and_the_event(self, app: Flask) -> None:
        with jobs.redis().pubsub(ignore_subscribe_messages=True) as ear:
            ear.subscribe(live.CHANNEL)
            ear.get_message(timeout=5)
            live.publish("order:1", "delivered")
            heard = ear.get_message(timeout=5)
        assert heard is not None
        assert json.loads(heard["data"]) == {"topic": "order:1", "event": "delivered"}

    def test_without_redis_it_is_lost_quietly(self, application_without_redis: Flask) -> None:
        with application_without_redis.app_context():
            live.publish("order:1", "delivered")


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
