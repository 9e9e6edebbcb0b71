"""The sale from the basket to the goods, and everything that may go wrong on its way."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from multiprocessing import get_context

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from sqlalchemy import text

from app.auth.service import moderation
from app.extensions import db
from app.factory import create_app
from app.kit import jobs
from app.kit.db import session
from app.kit.worker import LeanWorker
from app.orders.errors import (
    AlreadyPaid,
    BasketChanged,
    BeingPaid,
    TooManyCheckouts,
    TooManyInPaypalsHands,
)
from app.orders.models import OrderState
from app.orders.policy import MAX_IN_PAYPALS_HANDS
from app.orders.service import capturing, ending, placing
from app.orders.service.capturing import CaptureState
from app.payments import paypal as adapter
from app.payments.errors import PaymentUnavailable
from app.payments.gateway import PaypalRefused
from app.payments.paypal import client
from app.payments.service import paying
from app.products.errors import OutOfStock
from app.products.service import stock
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.apps import another_app
from tests.support.bought import approved, fill, told
from tests.support.sale import (
    SandboxControl,
    assert_promises_hold,
    capture,
    chase,
    count,
    fill_basket,
    in_parallel,
    key_of,
    order_of,
    start,
)

Drain = Callable[[], None]
PAID = "state IN ('paid', 'delivered')"


@pytest.fixture
def seller(app: Flask):
    return make_user(roles=("seller",))


@pytest.fixture
def buyer(app: Flask):
    return make_user()


class TestSale:
    def test_keys_links_and_texts_reach_the_buyer(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        other = make_user(roles=("seller",))
        fill_basket(buyer, make_product(seller, stock=("KEY-1", "KEY-2", "KEY-3")).id, 2)
        fill_basket(buyer, make_product(other, kind="text", content="A poem").id, 1)
        started = start(buyer)
        assert count("stock_item", "state = 'reserved'") == 2
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert count("delivery") == 3
        assert count("stock_item", "state = 'sold'") == 2
        assert count("basket_line") == 0
        assert_promises_hold()

    def test_our_paypal_cash_is_what_the_sandbox_paid_out(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        before = paypal.cash()
        fill_basket(buyer, make_product(seller, stock=("K",), price_minor=1999).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capture(buyer, started)
        booked = (
            session()
            .execute(
                text("""SELECT sum(e.amount_minor) FROM ledger_entry e
                JOIN ledger_account a ON a.id = e.account_id WHERE a.kind = 'paypal_cash'""")
            )
            .scalar_one()
        )
        assert paypal.cash() - before == booked
        assert 0 < booked < 1999

    def test_without_approval_nothing_is_taken(self, paypal: SandboxControl, buyer, seller) -> None:
        fill_basket(buyer, make_product(seller, stock=("K",)).id)
        started = start(buyer)
        assert capture(buyer, started).state is CaptureState.NOT_APPROVED
        assert order_of(started).state is OrderState.OPEN
        assert count("stock_item", "state = 'reserved'") == 1

    def test_an_order_whose_fee_is_more_than_the_commission_still_balances(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("K",), price_minor=100).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capture(buyer, started)
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert_promises_hold()


class TestOneOrder:
    def test_twenty_parallel_checkouts_of_a_basket_make_one_order(
        self, app: Flask, paypal: SandboxControl, buyer, seller, monkeypatch
    ) -> None:
        monkeypatch.setattr(placing, "PLACE_LIMIT", "1000/minute")
        key = fill_basket(buyer, make_product(seller, stock=("A", "B", "C")).id)
        results = in_parallel(app, [lambda: start(buyer, key)] * 20)
        assert len({result.order_id for result in results}) == 1
        assert len({result.paypal_order_id for result in results}) == 1
        assert count("orders") == 1
        assert count("stock_item", "state = 'reserved'") == 1

    def test_parallel_captures_take_the_money_once(
        self, app: Flask, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A", "B")).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        before = len(paypal.captures())
        results = in_parallel(app, [lambda: capture(buyer, started)] * 8)
        assert {result.state for result in results} <= {CaptureState.PAID, CaptureState.CONFIRMING}
        capturing.capture(order_id=started.order_id)
        drain()
        assert len(paypal.captures()) - before == 1
        assert order_of(started).state is OrderState.DELIVERED
        assert_promises_hold()

    def test_capture_that_paypal_is_still_working_on_is_neither_lost_nor_taken_twice(
        self, app: Flask, paypal: SandboxControl, drain: Drain, buyer, seller, monkeypatch
    ) -> None:
        monkeypatch.setattr(adapter, "IN_PROGRESS_PAUSES", (0.05, 0.1))
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        before = len(paypal.captures())
        paypal.fault("slow", operation="capture", seconds=4)
        # PayPal answers the second with 409 PREVIOUS_REQUEST_IN_PROGRESS.
        results = in_parallel(app, [lambda: capture(buyer, started)] * 2)
        assert {result.state for result in results} == {CaptureState.PAID, CaptureState.CONFIRMING}
        drain()
        assert len(paypal.captures()) - before == 1
        assert order_of(started).state is OrderState.DELIVERED
        assert_promises_hold()

    def test_worker_does_not_wait_while_paypal_is_at_work_on_a_capture(
        self, app: Flask, paypal: SandboxControl, drain: Drain, buyer, seller, monkeypatch
    ) -> None:
        monkeypatch.setattr(adapter, "IN_PROGRESS_PAUSES", (30.0,))
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        paypal.fault("slow", operation="capture", seconds=4)
        results = in_parallel(app, [lambda: capturing.capture(order_id=started.order_id)] * 2)
        assert {result.state for result in results} == {CaptureState.PAID, CaptureState.CONFIRMING}
        drain()
        assert order_of(started).state is OrderState.DELIVERED

    def test_paid_basket_can_not_be_paid_again(self, paypal: SandboxControl, buyer, seller) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A", "B")).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capture(buyer, started)
        with pytest.raises(AlreadyPaid):
            start(buyer, key)

    def test_basket_being_paid_can_not_be_paid_from_another_tab(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        paypal.fault("error_after_commit", operation="capture", times=1)
        key = fill_basket(buyer, make_product(seller, stock=("A", "B")).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.CONFIRMING
        with pytest.raises(BeingPaid, match="don't pay again") as refusal:
            start(buyer, key)
        assert refusal.value.params["order_id"] == str(started.order_id)

    def test_pay_in_one_tab_and_cancel_in_another_lock_in_the_same_order(
        self, app: Flask, buyer, seller, caplog
    ) -> None:
        caplog.set_level("INFO", "app.kit.db")
        fill_basket(buyer, make_product(seller, stock=("A", "B")).id)
        for _ in range(3):
            key = key_of(buyer)
            click = partial(placing.place_order, buyer_id=buyer.id, checkout_key=key, address=None)
            order_id = click()
            cancel = partial(ending.cancel, buyer_id=buyer.id, order_id=order_id)
            *clicked, cancelled = in_parallel(app, [click, click, click, cancel])
            assert cancelled is True
            assert all(isinstance(end, BasketChanged) or end == order_id for end in clicked)
        assert "transaction retried" not in caplog.text
        assert_promises_hold()

    def test_two_tabs_in_two_languages_get_one_order(
        self, app: Flask, paypal: SandboxControl, buyer, seller
    ) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        languages = ("en", "ru") * 2
        results = in_parallel(
            app, [lambda w=word: start(buyer, key, locale=w) for word in languages]
        )
        results.append(start(buyer, key, locale="ru"))
        [paypal_order_id] = {result.paypal_order_id for result in results}
        assert all(result.approve_url.endswith(f"={paypal_order_id}") for result in results)

    def test_checkout_of_a_basket_that_changed_is_refused(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A", "B")).id)
        fill_basket(buyer, make_product(seller, stock=("C",)).id)
        with pytest.raises(BasketChanged):
            start(buyer, key)
        assert count("orders") == 0


def buy_at_once(app: Flask, paypal: SandboxControl, buyers: list, product_id) -> list:
    """Everybody fills the basket, then all press the button, approve and come back at once."""
    keys = [fill_basket(buyer, product_id) for buyer in buyers]

    def buy(buyer, key):
        started = start(buyer, key)
        paypal.approve(started.paypal_order_id)
        return capture(buyer, started).state

    return in_parallel(
        app, [lambda b=buyer, k=key: buy(b, k) for buyer, key in zip(buyers, keys, strict=True)]
    )


class TestLastKeys:
    def test_hundred_buyers_of_ten_keys_get_ten_and_nobody_else_pays(
        self, app: Flask, paypal: SandboxControl, drain: Drain, seller
    ) -> None:
        product = make_product(seller, stock=tuple(f"KEY-{n}" for n in range(10)))
        buyers = [make_user() for _number in range(100)]
        before = len(paypal.captures())
        results = buy_at_once(app, paypal, buyers, product.id)
        drain()
        assert results.count(CaptureState.PAID) == 10
        assert sum(isinstance(result, OutOfStock) for result in results) == 90
        assert len(paypal.captures()) - before == 10
        assert count("delivery") == count("orders", "state = 'delivered'") == 10
        assert_promises_hold()

    def test_without_the_lock_the_same_run_goes_wrong(
        self, app: Flask, paypal: SandboxControl, seller, monkeypatch
    ) -> None:
        """The negative twin: without it, the test above might be passing for nothing."""
        careless = """
            WITH claimable AS MATERIALIZED (
                SELECT id, pg_sleep(0.5) FROM stock_item
                WHERE product_id = %(product_id)s AND state = 'free' ORDER BY id LIMIT {quantity})
            UPDATE stock_item SET
                state = 'reserved', holder = %(holder)s, reserved_until = %(until)s
            FROM claimable WHERE stock_item.id = claimable.id RETURNING stock_item.id, {wanted_by}
            """
        monkeypatch.setattr(stock, "CLAIM", careless)
        product = make_product(seller, stock=("ONLY",))
        buyers = [make_user() for _number in range(10)]
        keys = [fill_basket(buyer, product.id) for buyer in buyers]
        results = in_parallel(
            app,
            [lambda b=buyer, k=key: start(b, k) for buyer, key in zip(buyers, keys, strict=True)],
        )
        promised = [result for result in results if not isinstance(result, Exception)]
        assert len(promised) > 1, "the race does not happen even without the lock"


class TestWebhooks:
    def test_tab_closed_after_approval_the_webhook_has_the_sweeper_take_it_up_at_once(
        self, paypal: SandboxControl, serving: str, drain: Drain, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A", "B")).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        wait_for(lambda: count("inbound_event") == 1)
        soon = "next_check_at <= clock_timestamp() + interval '2 seconds'"
        assert count("payment", soon) == 1
        wait_for(lambda: chase() == 1)
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert capture(buyer, started).state is CaptureState.PAID, "the browser comes late"
        assert_promises_hold()

    def test_browser_ahead_of_the_webhooks_leaves_them_nothing_to_do(
        self, paypal: SandboxControl, serving: str, drain: Drain, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID
        wait_for(lambda: count("inbound_event", "event_type LIKE 'PAYMENT.CAPTURE%'") == 1)
        assert count("outbox", "listener = 'orders.ask_paypal'") == 0
        make_due()
        assert chase() == 0

    def test_webhook_of_a_payment_that_the_sweeper_has_given_up_still_counts(
        self, paypal: SandboxControl, serving: str, drain: Drain, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        session().execute(text("UPDATE payment SET created_at = created_at - interval '31 days'"))
        session().commit()
        paypal.approve(started.paypal_order_id)
        wait_for(lambda: drain() or order_of(started).state is OrderState.DELIVERED)

    def test_webhook_before_the_captures_own_answer(
        self, paypal: SandboxControl, serving: str, drain: Drain, buyer, seller
    ) -> None:
        paypal.fault("webhook_before_answer", operation="capture", times=1)
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID
        drain()
        assert count("delivery") == 1
        assert_promises_hold()

    def test_every_webhook_five_times_and_shuffled_changes_nothing(
        self, paypal: SandboxControl, serving: str, drain: Drain, buyer, seller
    ) -> None:
        paypal.fault("webhook_duplicate", copies=5, times=10)
        paypal.fault("webhook_shuffle", times=10)
        fill_basket(buyer, make_product(seller, stock=("A", "B", "C")).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capture(buyer, started)
        seen = "event_type LIKE 'PAYMENT.CAPTURE%' AND body->'resource'->>'custom_id' = "
        wait_for(lambda: count("inbound_event", f"{seen} '{started.order_id}'") == 1)
        drain()
        assert count("delivery") == 1
        assert count("ledger_transaction") == 1
        assert_promises_hold()

    def test_tab_closed_after_approval_and_no_webhook_the_sweeper_takes_it_up(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        assert chase() == 0, "the sweeper leaves the browser its time"
        make_due()
        assert chase() == 1
        drain()
        assert order_of(started).state is OrderState.DELIVERED

    def test_sweeper_asks_once_while_a_question_waits(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        start(buyer)
        make_due()
        assert capturing.chase_unfinished().done == 1
        assert capturing.chase_unfinished().done == 0
        assert chase() == 0, "it still waits"
        make_due()
        assert chase() == 1

    def test_slow_answer_about_one_payment_holds_up_no_other(
        self, app: Flask, paypal: SandboxControl, seller
    ) -> None:
        product = make_product(seller, stock=("A", "B", "C"))
        starts = []
        for buyer in [make_user() for _ in range(3)]:
            fill_basket(buyer, product.id)
            starts.append(start(buyer))
            paypal.approve(starts[-1].paypal_order_id)
        make_due()
        paypal.fault("slow", operation="get", seconds=8, times=1)
        capturing.chase_unfinished()
        with workers(app, 2):
            wait_for(lambda: count("orders", PAID) == 2)
            assert count("orders", PAID) == 2, "the third one's answer is on its way"

    def test_without_redis_the_sweeper_asks_itself(
        self, app: Flask, paypal: SandboxControl, buyer, seller, monkeypatch
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        make_due()
        with Redis.from_url("redis://127.0.0.1:9/0") as nobody:
            monkeypatch.setitem(app.extensions, "redis", nobody)
            assert capturing.chase_unfinished().done == 1
        assert order_of(started).state is OrderState.PAID


class TestLostAnswers:
    def test_capture_whose_answer_is_lost_is_settled_once(
        self, paypal: SandboxControl, drain: Drain, buyer, seller, monkeypatch
    ) -> None:
        monkeypatch.setattr(client, "READ_SECONDS", 1.0)
        paypal.fault("hang_after_commit", operation="capture", seconds=3, times=1)
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        before = len(paypal.captures())
        assert capture(buyer, started).state is CaptureState.CONFIRMING
        assert order_of(started).state is OrderState.APPROVED
        make_due()
        chase()
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert len(paypal.captures()) - before == 1
        assert_promises_hold()

    def test_server_error_after_commit_is_settled_once(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        paypal.fault("error_after_commit", operation="capture", times=2)
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        before = len(paypal.captures())
        assert capture(buyer, started).state is CaptureState.CONFIRMING
        make_due()
        chase()
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert len(paypal.captures()) - before == 1

    def test_lost_answer_to_creating_an_order_makes_no_second_one(
        self, paypal: SandboxControl, buyer, seller, monkeypatch
    ) -> None:
        asked = []  # PayPal makes one order of each id
        create = adapter.Paypal.create_order

        def ask(self: adapter.Paypal, *, request_id: str, **wish):
            asked.append(request_id)
            return create(self, request_id=request_id, **wish)

        monkeypatch.setattr(adapter.Paypal, "create_order", ask)
        paypal.fault("error_after_commit", operation="create", times=1)
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        with pytest.raises(Exception, match="PayPal"):
            start(buyer, key)
        again = start(buyer, key)
        assert start(buyer, key).paypal_order_id == again.paypal_order_id
        assert count("payment") == 1
        assert len(asked) == 2
        assert len(set(asked)) == 1

    def test_buyer_who_changes_the_language_pays_the_same_order(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        english, russian = (start(buyer, key, locale) for locale in ("en", "ru"))
        assert russian == english
        paypal.approve(russian.paypal_order_id)
        assert capture(buyer, russian).state is CaptureState.PAID

    def test_lost_answer_and_another_language_make_one_payable_order(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        paypal.fault("error_after_commit", operation="create", times=1)
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        with pytest.raises(PaymentUnavailable):
            start(buyer, key, "en")
        started = start(buyer, key, "ru")
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID

    def test_page_of_paypal_is_still_the_orders_own_the_next_day(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        before = start(buyer, key)
        pass_deadline()
        ending.expire_overdue()
        assert order_of(before).state is OrderState.EXPIRED
        paypal.move_clock(8 * 3600)  # PayPal has forgotten the id of the call that made the order
        after = start(buyer, key)
        assert after == before
        assert before.approve_url.endswith(before.paypal_order_id)
        paypal.approve(after.paypal_order_id)
        assert capture(buyer, after).state is CaptureState.PAID

    def test_units_of_a_capture_in_doubt_are_never_given_back(
        self, paypal: SandboxControl, buyer, seller, monkeypatch
    ) -> None:
        paypal.fault("error_after_commit", operation="capture", times=1)
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capture(buyer, started)
        pass_deadline()
        ending.expire_overdue()
        assert count("stock_item", "state = 'reserved'") == 1
        assert order_of(started).state is OrderState.APPROVED


class TestDeclined:
    def test_declined_buyer_pays_another_way_in_the_same_order(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        paypal.fault("decline", operation="capture", times=1)
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.DECLINED
        assert order_of(started).state is OrderState.OPEN
        assert count("stock_item", "state = 'reserved'") == 1
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert_promises_hold()

    def test_decline_that_the_webhook_has_not_written_down_yet_is_told_to_the_browser(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        paypal.fault("decline", operation="capture", times=1)
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        asked = capturing.take_in_hand(order_id=started.order_id)
        assert asked is not None
        assert isinstance(paying.ask_capture(asked, patient=True), PaypalRefused)
        assert capture(buyer, started).state is CaptureState.DECLINED
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert_promises_hold()

    @pytest.mark.parametrize("fault", ["decline", "declined_capture"])
    def test_declined_buyer_begins_anew_and_pays(
        self, paypal: SandboxControl, drain: Drain, buyer, seller, fault: str
    ) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        paypal.fault(fault, times=1)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.DECLINED
        # PayPal closes an order once it holds a capture, though that was declined.
        again = start(buyer, key)
        assert again.order_id == started.order_id
        paypal.approve(again.paypal_order_id)
        assert capture(buyer, again).state is CaptureState.PAID
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert_promises_hold()

    def test_refused_buyer_orders_the_same_basket_once_more(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        paypal.fault("decline", issue="TRANSACTION_REFUSED", times=1)
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        refused = start(buyer)
        paypal.approve(refused.paypal_order_id)
        assert capture(buyer, refused).state is CaptureState.STOPPED
        assert order_of(refused).state is OrderState.CANCELLED
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID
        drain()
        assert count("delivery") == count("orders", "state = 'delivered'") == 1
        assert_promises_hold()


class TestPaypalForgets:
    def test_after_six_hours_the_buyer_is_sent_to_the_order_that_is_captured(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        """The request id is forgotten by then: the same request would make a second order."""
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        start(buyer)
        pass_deadline()
        ending.expire_overdue()
        paypal.pass_hours(7)
        again = start(buyer, key)
        _page, _is, shown = again.approve_url.partition("token=")
        paypal.approve(shown)
        assert capture(buyer, again).state is CaptureState.PAID
        drain()
        assert order_of(again).state is OrderState.DELIVERED

    def test_dropped_order_is_made_anew(
        self, app: Flask, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        first = start(buyer)
        paypal.drop(first.paypal_order_id)
        results = in_parallel(app, [lambda: start(buyer, key)] * 3)
        [paypal_order_id] = {result.paypal_order_id for result in results}
        assert paypal_order_id != first.paypal_order_id
        paypal.approve(paypal_order_id)
        assert capture(buyer, results[0]).state is CaptureState.PAID
        drain()
        assert order_of(first).state is OrderState.DELIVERED
        assert_promises_hold()

    def test_order_dropped_before_its_capture_came_through_frees_the_units(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capturing.take_in_hand(order_id=started.order_id)
        paypal.drop(started.paypal_order_id)
        make_due()
        chase()
        assert order_of(started).state is OrderState.CANCELLED
        assert count("stock_item", "state = 'free'") == 1
        assert_promises_hold()


class TestDeadline:
    def test_units_come_back_when_nobody_pays(self, paypal: SandboxControl, buyer, seller) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        pass_deadline()
        assert ending.expire_overdue().done == 1
        assert order_of(started).state is OrderState.EXPIRED
        assert count("stock_item", "state = 'free'") == 1

    def test_late_approval_takes_units_again_if_there_are_any(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        pass_deadline()
        ending.expire_overdue()
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID
        drain()
        assert order_of(started).state is OrderState.DELIVERED

    def test_late_approval_of_sold_out_goods_costs_nothing(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        product = make_product(seller, stock=("A",))
        fill_basket(buyer, product.id)
        started = start(buyer)
        pass_deadline()
        ending.expire_overdue()
        quicker = make_user()
        fill_basket(quicker, product.id)
        theirs = start(quicker)
        paypal.approve(theirs.paypal_order_id)
        capture(quicker, theirs)
        before = len(paypal.captures())
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.STOPPED
        assert len(paypal.captures()) == before
        assert order_of(started).state is OrderState.CANCELLED
        assert_promises_hold()

    def test_same_basket_after_the_deadline_takes_up_the_same_order(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        pass_deadline()
        ending.expire_overdue()
        assert start(buyer, key).order_id == started.order_id
        assert order_of(started).state is OrderState.OPEN

    @pytest.mark.parametrize("change", ["price_minor = 9900", "state = 'hidden'"])
    def test_what_is_not_offered_like_that_any_more_is_not_taken_up(
        self, paypal: SandboxControl, buyer, seller, change: str
    ) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A",), price_minor=1000).id)
        started = start(buyer)
        pass_deadline()
        ending.expire_overdue()
        session().execute(text(f"UPDATE product SET {change}"))
        session().commit()
        with pytest.raises(BasketChanged):
            start(buyer, key)
        assert order_of(started).state is OrderState.EXPIRED
        assert count("stock_item", "state = 'free'") == 1

    def test_cancelled_order_frees_its_units_and_is_never_captured(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        key = fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        assert ending.cancel(buyer_id=buyer.id, order_id=started.order_id)
        assert capture(buyer, started).state is CaptureState.STOPPED
        assert count("stock_item", "state = 'free'") == 1
        assert key_of(buyer) != key
        with pytest.raises(BasketChanged):
            start(buyer, key)

    def test_new_basket_ends_the_earlier_checkout(
        self, paypal: SandboxControl, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        first = start(buyer)
        fill_basket(buyer, make_product(seller, stock=("B",)).id)
        second = start(buyer)
        assert first.order_id != second.order_id
        assert order_of(first).state is OrderState.CANCELLED
        assert count("stock_item", "state = 'reserved'") == 2


class TestHoarding:
    def test_payments_in_paypals_hands_count_apart(
        self, app: Flask, buyer, seller, make_settings
    ) -> None:
        product = make_product(seller, stock=tuple("ABCDEFGHIJKL"))
        place = "198.51.100.7"
        with another_app(make_settings(max_open_checkouts_per_address=2)) as shop:
            waiting = [pending(buyer, {product.id: 1}, place) for _ in range(MAX_IN_PAYPALS_HANDS)]
            neighbour = make_user()
            key = fill(neighbour, {product.id: 1})
            with shop.app_context():
                placing.place_order(buyer_id=neighbour.id, checkout_key=key, address=place)
        key = fill(buyer, {product.id: 1})
        once_more = partial(placing.place_order, buyer_id=buyer.id, checkout_key=key, address=None)
        with pytest.raises(TooManyInPaypalsHands, match="still holding 10 of your payments"):
            once_more()
        told(waiting[0], "COMPLETED")
        assert once_more() not in waiting

    @pytest.mark.parametrize(
        "places", [("198.51.100.7",) * 3, ("2001:db8::1", "2001:db8::2", "2001:db8::ffff:3")]
    )
    def test_address_holds_no_more_than_the_setting_says(
        self, app: Flask, seller, make_settings, places: tuple[str, ...]
    ) -> None:
        product = make_product(seller, stock=tuple("ABCDE"))
        with another_app(make_settings(max_open_checkouts_per_address=2)) as shop:
            for number, place in enumerate(places):
                buyer = make_user()
                key = fill_basket(buyer, product.id)
                refused = pytest.raises(TooManyCheckouts) if number == 2 else nullcontext()
                with shop.app_context(), refused:
                    placing.place_order(buyer_id=buyer.id, checkout_key=key, address=place)
        assert count("stock_item", "state = 'reserved'") == 2


def pending(buyer, pieces, address: str | None = None) -> object:
    """An order whose payment PayPal holds."""
    order_id = approved(buyer, pieces, address)
    told(order_id, "PENDING")
    return order_id


class TestChangedMeanwhile:
    def test_price_change_leaves_the_order_as_it_was_bought(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        product = make_product(seller, stock=("A",), price_minor=1000, title="As bought")
        fill_basket(buyer, product.id)
        started = start(buyer)
        session().execute(text("UPDATE product SET price_minor = 9900, title = 'Other'"))
        session().commit()
        paypal.approve(started.paypal_order_id)
        assert capture(buyer, started).state is CaptureState.PAID
        drain()
        assert order_of(started).total_minor == 1000
        assert order_of(started).lines[0].title == "As bought"
        assert_promises_hold()

    @pytest.mark.parametrize(
        ("state", "expected"),
        [("hidden", CaptureState.PAID), ("removed", CaptureState.STOPPED)],
    )
    def test_hidden_product_is_still_delivered_and_a_removed_one_costs_nothing(
        self, paypal: SandboxControl, buyer, seller, state: str, expected: CaptureState
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        session().execute(text("UPDATE product SET state = :state"), {"state": state})
        session().commit()
        paypal.approve(started.paypal_order_id)
        before = len(paypal.captures())
        assert capture(buyer, started).state is expected
        assert len(paypal.captures()) - before == (expected is CaptureState.PAID)
        assert_promises_hold()

    @pytest.mark.parametrize("banned", ["buyer", "seller"])
    def test_ban_before_the_capture_stops_the_sale(
        self, paypal: SandboxControl, buyer, seller, banned: str
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        moderation.ban_user(user_id={"buyer": buyer, "seller": seller}[banned].id)
        before = len(paypal.captures())
        assert capture(buyer, started).state is CaptureState.STOPPED
        assert len(paypal.captures()) == before
        assert count("stock_item", "state = 'free'") == 1

    def test_ban_after_the_capture_still_delivers(
        self, paypal: SandboxControl, drain: Drain, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capture(buyer, started)
        moderation.ban_user(user_id=seller.id)
        drain()
        assert order_of(started).state is OrderState.DELIVERED


class TestLostQueue:
    def test_redis_flushed_between_payment_and_delivery(
        self, paypal: SandboxControl, drain: Drain, sweep: Drain, buyer, seller
    ) -> None:
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capture(buyer, started)
        jobs.redis().flushdb()
        drain()
        assert order_of(started).state is OrderState.PAID
        sweep()
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert_promises_hold()


def make_due() -> None:
    """Let the time pass after which the sweeper asks PayPal."""
    session().execute(
        text("UPDATE payment SET next_check_at = clock_timestamp() WHERE next_check_at IS NOT NULL")
    )
    session().commit()


@contextmanager
def workers(app: Flask, number: int) -> Iterator[None]:
    """So many processes that do what the queues hold."""

    def live() -> None:
        os.setsid()
        application = create_app(app.extensions["settings"])
        with application.app_context():
            connection = jobs.patient_redis()
            queues = [Queue(name, connection=connection) for name in jobs.QUEUES]
            LeanWorker(queues, connection=connection).work(logging_level="CRITICAL")

    session().rollback()
    db.engine.dispose()
    processes = [get_context("fork").Process(target=live) for _ in range(number)]
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def pass_deadline() -> None:
    """Let every reservation run out."""
    session().execute(
        text("UPDATE orders SET expires_at = clock_timestamp() - make_interval(secs => :s)"),
        {"s": timedelta(seconds=1).total_seconds()},
    )
    session().commit()


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
