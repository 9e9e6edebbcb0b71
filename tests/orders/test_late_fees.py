"""A payment completed without PayPal's fee: delivered at once, its fee booked when it is known."""

from collections.abc import Callable

import pytest
from flask import Flask
from rq import Queue
from sqlalchemy import text

from app.kit import jobs, promises
from app.kit.db import session
from app.kit.worker import LeanWorker
from app.orders.models import OrderState
from app.orders.service import capturing
from app.payments.models import PaymentState
from app.payments.queries import payment_for
from app.payments.service import fees
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import make_due, wait_for
from tests.orders.test_webhooks import pend
from tests.support.sale import (
    SandboxControl,
    StartedCheckout,
    assert_promises_hold,
    chase,
    count,
    fill_basket,
    order_of,
    start,
)

Drain = Callable[[], None]
GROSS, FEE = 1000, 84


@pytest.fixture
def started(app: Flask, paypal: SandboxControl) -> StartedCheckout:
    """A buyer at PayPal's window, to whom PayPal will not tell its fee at once."""
    buyer = make_user()
    fill_basket(buyer, make_product(make_user(roles=("seller",)), stock=("A", "B")).id)
    started = start(buyer)
    paypal.fault("fee_later")
    return started


def cash() -> int:
    """What the ledger says the shop has at PayPal."""
    session().rollback()
    return int(
        session().scalar(
            text("""SELECT coalesce(sum(e.amount_minor), 0) FROM ledger_entry e
                JOIN ledger_account a ON a.id = e.account_id WHERE a.kind = 'paypal_cash'""")
        )
    )


def ask_for_fees() -> int:
    """Have the sweeper look at what is due, and a worker ask PayPal."""
    due = fees.ask_due().done
    connection = jobs.redis()
    LeanWorker([Queue("paypal", connection=connection)], connection=connection).work(
        burst=True, logging_level="CRITICAL"
    )
    session().rollback()
    return due


def paid(paypal: SandboxControl, started: StartedCheckout) -> str:
    """Pay; the capture's id."""
    paypal.approve(started.paypal_order_id)
    capturing.capture(order_id=started.order_id)
    return str(paypal.captures()[-1]["id"])


class TestMoneyWithoutFee:
    def test_goods_are_delivered_and_the_fee_is_booked_when_it_is_known(
        self, paypal: SandboxControl, started: StartedCheckout, drain: Drain
    ) -> None:
        before = paypal.cash()
        capture_id = paid(paypal, started)
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert (cash(), paypal.cash() - before) == (GROSS, GROSS)
        assert_promises_hold()
        paypal.end_pending(capture_id, "fee")
        make_due()
        assert ask_for_fees() == 1
        assert (cash(), paypal.cash() - before) == (GROSS - FEE, GROSS - FEE)
        assert count("ledger_transaction", "kind = 'fee'") == 1
        assert_promises_hold()
        make_due()
        assert ask_for_fees() == 0, "a fee that is known is not asked for"

    def test_echeck_that_clears_without_fee_is_delivered(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout, drain: Drain
    ) -> None:
        capture_id = pend(paypal, started)
        paypal.end_pending(capture_id, "complete")
        wait_for(lambda: drain() or order_of(started).state is OrderState.DELIVERED)
        assert cash() == GROSS
        assert_promises_hold()

    def test_paypals_word_has_it_asked_at_once(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout
    ) -> None:
        capture_id = paid(paypal, started)
        wait_for(lambda: count("inbound_event", "event_type = 'PAYMENT.CAPTURE.COMPLETED'") == 1)
        ask_for_fees()
        later = "UPDATE payment SET next_check_at = now() + interval '1 day'"
        session().execute(text(later))
        session().commit()
        assert ask_for_fees() == 0
        paypal.end_pending(capture_id, "fee")
        wait_for(lambda: ask_for_fees() == 1)
        assert cash() == GROSS - FEE

    def test_it_is_asked_for_less_and_less_often(
        self, paypal: SandboxControl, started: StartedCheckout
    ) -> None:
        paid(paypal, started)
        waits = []
        for _ in range(14):
            make_due()
            assert ask_for_fees() == 1
            waits.append(
                session().scalar(
                    text(
                        "SELECT extract(epoch FROM next_check_at - clock_timestamp()) FROM payment"
                    )
                )
            )
        assert [round(float(wait) / 10) for wait in waits[:4]] == [1, 2, 4, 8]
        assert round(float(waits[-1]) / 3600) == 6

    def test_sweep_of_unfinished_payments_leaves_it_alone(
        self, paypal: SandboxControl, started: StartedCheckout
    ) -> None:
        paid(paypal, started)
        make_due()
        assert chase() == 0

    def test_paypal_that_is_silent_is_asked_again(
        self, paypal: SandboxControl, started: StartedCheckout
    ) -> None:
        capture_id = paid(paypal, started)
        paypal.end_pending(capture_id, "fee")
        paypal.fault("rate_limit", operation="get", times=1)
        for _ in range(2):
            make_due()
            assert ask_for_fees() == 1
        assert cash() == GROSS - FEE


class TestNamed:
    def _broken(self, name: str) -> str:
        session().rollback()
        [found] = [result for result in promises.check() if result.name == name]
        return "" if found.holds else found.detail

    def test_fee_that_paypal_never_tells_is_named(
        self, paypal: SandboxControl, started: StartedCheckout
    ) -> None:
        name = "PayPal tells the fee of a payment within a week"
        paid(paypal, started)
        assert not self._broken(name)
        session().execute(text("UPDATE payment SET settled_at = now() - interval '8 days'"))
        session().commit()
        assert str(started.order_id) in self._broken(name)

    def test_payment_that_paypal_completed_and_we_did_not_is_named(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout, drain: Drain
    ) -> None:
        name = "what PayPal calls completed is settled within a quarter of an hour"
        capture_id = pend(paypal, started)
        paypal.end_pending(capture_id, "complete")
        wait_for(lambda: count("payment", "told_completed_at IS NOT NULL") == 1)
        assert not self._broken(name)
        session().execute(
            text("UPDATE payment SET told_completed_at = now() - interval '16 minutes'")
        )
        session().commit()
        assert f"order {started.order_id}, pending" in self._broken(name)
        capturing.capture(order_id=started.order_id)
        standing = payment_for(started.order_id)
        assert standing is not None
        assert standing.state is PaymentState.SETTLED
        assert not self._broken(name)
