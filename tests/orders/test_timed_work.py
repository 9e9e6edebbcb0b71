"""Every timed work of the shop is taken up and done, those that ask PayPal included."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from rq import Queue

from app.kit import jobs
from app.kit.clock import Clock
from app.wiring import TIMED_WORK
from tests.support.sale import SandboxControl


def test_every_work_of_the_shop_is_done(
    app: Flask,
    paypal: SandboxControl,
    drain: Callable[[], None],
    query_counter: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    Clock(app).tick()
    assert sum(Queue(name, connection=jobs.redis()).count for name in jobs.QUEUES) == len(
        TIMED_WORK
    )
    drain()
    assert query_counter
    told = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert [one.message for one in told] == []
