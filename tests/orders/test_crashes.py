"""Whoever has a sale in hand is killed at each commit: goods come once, for money taken once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.auth.models import User
from app.kit.db import transactional
from app.kit.outbox import emit
from app.orders.models import OrderState
from app.orders.service import capturing, ending
from app.payments.events import PaypalEventReceived
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import make_due, pass_deadline
from tests.support.crashing import KILLED
from tests.support.sale import (
    SandboxControl,
    StartedCheckout,
    assert_promises_hold,
    capture,
    count,
    fill_basket,
    order_of,
    start,
)

ROOT = Path(__file__).resolve().parents[2]
Die = Callable[[str, str, int], int]
Work = Callable[[], None]
# What a sale's jobs commit: the delivery, what seller and buyer are told, when a review is asked
# for, and for each mail the claim, the "done", and that the buyer's mail is known.
# Before the next commit is after the last one, but for the nudges in between.
LAST_JOB = 12
JOBS = [*(("before", number) for number in range(1, LAST_JOB + 1)), ("after", 1), ("after", 2)]
# Both first make a note of their own: one that it has the event, one when to ask next.
# Then the payment is in hand (2), PayPal takes the money, and it is settled (3).
CAPTURES = [("before", 2), ("after", 2), ("before", 3), ("after", 3)]
# The order is placed (1), PayPal makes its own, its id is stored (2) …
PLACING = [("after", 1), ("before", 2), ("after", 2)]
# … the buyer agrees, the payment is in hand (3), PayPal takes the money, it is settled (4).
PAYING = [("after", 3), ("before", 4), ("after", 4)]


@pytest.fixture(scope="module")
def die(application: Flask) -> Iterator[Die]:
    """Have a process of the shop killed at its n-th commit; the exit code."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.crashing"],
        cwd=ROOT,
        env=environment(application.extensions["settings"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout

        def kill(who: str, moment: str, number: int) -> int:
            asked.write(f"{who} {moment} {number}\n")
            return int(told.readline())

        yield kill
        asked.close()


@pytest.fixture
def buyer(app: Flask) -> User:
    """Somebody with two keys in the basket."""
    buyer = make_user()
    fill_basket(buyer, make_product(make_user(roles=("seller",)), stock=("KEY-A", "KEY-B")).id, 2)
    return buyer


@pytest.fixture
def take_up(sweep: Work, drain: Work) -> Work:
    """Do what the clock does on its own within seconds, and the jobs that it puts in the queue."""

    def work() -> None:
        make_due()
        capturing.chase_unfinished()
        sweep()
        drain()

    return work


@pytest.mark.parametrize(("moment", "number"), JOBS)
def test_worker_killed_at_a_commit_delivers_once(
    die: Die,
    buyer: User,
    paypal: SandboxControl,
    drain: Work,
    sweep: Work,
    moment: str,
    number: int,
) -> None:
    started = start(buyer)
    paypal.approve(started.paypal_order_id)
    capture(buyer, started)
    assert die("worker", moment, number) == KILLED
    sweep()
    drain()
    assert_delivered_once()


def test_no_commit_of_the_jobs_is_left_out(die: Die, buyer: User, paypal: SandboxControl) -> None:
    started = start(buyer)
    paypal.approve(started.paypal_order_id)
    capture(buyer, started)
    assert die("worker", "before", LAST_JOB + 1) == 0
    assert_delivered_once()


@pytest.mark.parametrize(("moment", "number"), CAPTURES)
@pytest.mark.parametrize("who", ["worker", "clock"])
def test_who_captures_for_a_closed_tab_is_killed_and_the_sale_goes_on(
    die: Die,
    buyer: User,
    paypal: SandboxControl,
    drain: Work,
    take_up: Work,
    who: str,
    moment: str,
    number: int,
) -> None:
    charged = len(paypal.captures())
    started = start(buyer)
    paypal.approve(started.paypal_order_id)
    drain()
    if who == "worker":
        hear_of(started)
    else:
        make_due()
    assert die(who, moment, number) == KILLED
    take_up()
    assert len(paypal.captures()) - charged == 1
    assert_delivered_once()


@pytest.mark.parametrize(("moment", "number"), PLACING)
def test_web_killed_while_placing_costs_nothing_and_frees_the_units(
    die: Die, buyer: User, paypal: SandboxControl, take_up: Work, moment: str, number: int
) -> None:
    charged = len(paypal.captures())
    assert die(str(buyer.id), moment, number) == KILLED
    assert count("stock_item", "state = 'reserved'") == 2
    again = start(buyer)  # who tries once more goes on with the same order
    assert count("orders") == count("payment") == 1
    assert order_of(again).state is OrderState.OPEN
    pass_deadline()
    assert ending.expire_overdue().done == 1
    take_up()
    assert order_of(again).state is OrderState.EXPIRED
    assert count("stock_item", "state = 'free'") == 2
    assert len(paypal.captures()) == charged
    assert_promises_hold()


@pytest.mark.parametrize(("moment", "number"), PAYING)
def test_web_killed_while_it_takes_the_money_delivers_once(
    die: Die, buyer: User, paypal: SandboxControl, take_up: Work, moment: str, number: int
) -> None:
    charged = len(paypal.captures())
    assert die(str(buyer.id), moment, number) == KILLED
    take_up()
    assert len(paypal.captures()) - charged == 1
    assert count("basket_line") == 0
    assert_delivered_once()


@transactional
def hear_of(started: StartedCheckout) -> None:
    """PayPal's webhook says that the buyer has agreed."""
    emit(PaypalEventReceived("CHECKOUT.ORDER.APPROVED", started.order_id))


def assert_delivered_once() -> None:
    """The one order there is has its two pieces."""
    assert count("orders") == count("orders", "state = 'delivered'") == 1
    assert count("delivery") == 2
    assert count("delivery_record", "act = 'assigned'") == 2
    assert count("ledger_transaction") == 1
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
