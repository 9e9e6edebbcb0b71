"""Limits, counted in Redis or without it."""

import threading
import time

import pytest
from flask import Flask

from app.kit import jobs, ratelimit
from app.kit.errors import TooMany


def allowed(times: int, *key: str, limit: str = "3/minute") -> int:
    """How many of so many uses are let through."""
    passed = 0
    for _ in range(times):
        try:
            ratelimit.spend(limit, *key)
        except TooMany:
            continue
        passed += 1
    return passed


class TestOnRedis:
    def test_so_many_pass_and_the_next_is_told_when_to_come(self, app: Flask) -> None:
        assert allowed(3, "a") == 3
        with pytest.raises(TooMany) as caught:
            ratelimit.spend("3/minute", "a")
        assert caught.value.retry_after is not None
        assert 1 <= caught.value.retry_after <= 61

    def test_keys_are_counted_apart(self, app: Flask) -> None:
        assert allowed(5, "login", "a@example.com") == 3
        assert allowed(5, "login", "b@example.com") == 3
        assert allowed(5, "reset", "a@example.com") == 3

    def test_window_moves_on(self, app: Flask) -> None:
        assert allowed(2, "w", limit="1/second") == 1
        deadline = time.monotonic() + 10
        while not allowed(1, "w", limit="1/second"):
            assert time.monotonic() < deadline

    def test_count_is_shared_by_all_threads(self, app: Flask) -> None:
        passed: list[int] = []

        def spend() -> None:
            with app.app_context():
                passed.append(allowed(1, "many", limit="5/minute"))

        threads = [threading.Thread(target=spend) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sum(passed) == 5

    def test_counts_live_in_redis(self, app: Flask) -> None:
        assert allowed(4, "x") == 3
        jobs.redis().flushdb()
        assert allowed(4, "x") == 3

    def test_hostile_key_is_only_a_key(self, app: Flask) -> None:
        assert allowed(4, "a:b/c*\r\n\N{NULL}" + "k" * 5000) == 3


class TestWithoutRedis:
    def test_each_process_still_counts(self, application_without_redis: Flask) -> None:
        with application_without_redis.app_context():
            assert allowed(5, "a") == 3
            with pytest.raises(TooMany) as caught:
                ratelimit.spend("3/minute", "a")
            assert caught.value.retry_after is not None
            assert 1 <= caught.value.retry_after <= 61
            assert allowed(5, "b") == 3
