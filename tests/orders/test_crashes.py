"""The worker is killed before and after each of its commits: the goods still arrive, once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from app.orders.models import OrderState
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.crashing_worker import KILLED
from tests.support.sale import (
    SandboxControl,
    assert_promises_hold,
    capture,
    count,
    fill_basket,
    order_of,
    start,
)

ROOT = Path(__file__).resolve().parents[2]
# What a sale's jobs commit: delivery, empty basket, each claim and each "done" of the listeners.
# Before the next commit is after the last one, but for the nudges in between.
MOMENTS = [*(("before", number) for number in range(1, 11)), ("after", 1), ("after", 2)]


@pytest.mark.parametrize(("moment", "number"), MOMENTS)
def test_worker_killed_at_a_commit_delivers_once(
    app: Flask,
    paypal: SandboxControl,
    drain: Callable[[], None],
    sweep: Callable[[], None],
    moment: str,
    number: int,
) -> None:
    buyer, seller = make_user(), make_user(roles=("seller",))
    fill_basket(buyer, make_product(seller, stock=("KEY-A", "KEY-B")).id, 2)
    started = start(buyer)
    paypal.approve(started.paypal_order_id)
    capture(buyer, started)
    died = subprocess.run(
        [sys.executable, "-m", "tests.support.crashing_worker", moment, str(number)],
        cwd=ROOT,
        env=environment(app.extensions["settings"]),
        check=False,
        timeout=60,
    )
    assert died.returncode in {KILLED, 0}
    if number <= 2:
        assert died.returncode == KILLED, "the worker was to be killed, but finished"
    sweep()
    drain()
    assert order_of(started).state is OrderState.DELIVERED
    assert count("delivery") == 2
    assert count("delivery_record", "act = 'assigned'") == 2
    assert_promises_hold()


def environment(settings: Settings) -> dict[str, str]:
    """The settings of this worker's application, for a process of its own."""
    secrets = {
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "STOCK_MASTER_KEY": settings.stock_master_key.get_secret_value(),
        "FINGERPRINT_KEY": settings.fingerprint_key.get_secret_value(),
        "PAYPAL_CLIENT_SECRET": settings.paypal_client_secret.get_secret_value(),
    }
    plain = {
        name.upper(): str(value)
        for name, value in settings.model_dump().items()
        if name.upper() not in secrets and value is not None
    }
    return {"PATH": os.environ["PATH"], **plain, **secrets}
