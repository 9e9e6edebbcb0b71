"""A breaker lets one find out whether a server answers again."""

import pytest

from app.kit import breaker
from app.kit.breaker import Breaker


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test may change."""
    moment = [100.0]
    monkeypatch.setattr(breaker.time, "monotonic", lambda: moment[0])
    return moment


def test_asks_as_long_as_the_server_answers(now: list[float]) -> None:
    server = Breaker("x", 5.0)
    assert all(server.allows() for _ in range(3))


def test_after_a_failure_one_tries_after_each_pause(now: list[float]) -> None:
    server = Breaker("x", 5.0)
    server.failed()
    assert not server.allows()
    now[0] += 5.0
    assert [server.allows() for _ in range(3)] == [True, False, False]
    now[0] += 5.0
    assert [server.allows() for _ in range(3)] == [True, False, False]
    server.answered()
    assert all(server.allows() for _ in range(3))


def test_is_told_of_once(now: list[float], caplog: pytest.LogCaptureFixture) -> None:
    server = Breaker("x", 5.0)
    server.answered()
    for _ in range(3):
        server.failed()
    server.answered()
    assert [line.message for line in caplog.records] == [
        "a server does not answer",
        "a server answers again",
    ]
