"""Webhooks over the wire: true ones are taken once, forged ones leave no trace."""

import json
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.kit.db import session
from app.orders.models import OrderState
from app.orders.service import capturing
from app.orders.service.capturing import CaptureState
from app.orders.tasks import on_paypal_event
from app.payments.events import PaypalEventReceived
from app.sandbox import forgeries
from app.sandbox.signing import Certificates
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import make_due, wait_for
from tests.support.sale import (
    SandboxControl,
    StartedCheckout,
    assert_promises_hold,
    capture,
    chase,
    count,
    fill_basket,
    order_of,
    start,
)
from tests.support.sandbox import SandboxHandle

TAKEN_BACK = "CHECKOUT.PAYMENT-APPROVAL.REVERSED"
Drain = Callable[[], None]
FORGERIES = (
    "no_signature",
    "wrong_key",
    "self_signed",
    "other_webhook_id",
    "body_changed",
    "evil_host",
    "evil_subdomain",
    "http_cert",
)


@pytest.fixture
def started(app: Flask, paypal: SandboxControl) -> StartedCheckout:
    """A buyer at PayPal's window."""
    buyer, seller = make_user(), make_user(roles=("seller",))
    fill_basket(buyer, make_product(seller, stock=("A", "B")).id)
    return start(buyer)


@pytest.fixture(scope="module")
def certificates(sandbox_handle: SandboxHandle) -> Certificates:
    """PayPal's; to read the keys takes longer than all else here."""
    return Certificates(sandbox_handle.data_dir)


def event_of(paypal: SandboxControl, event_type: str) -> str:
    """The newest event of a type."""
    wait_for(lambda: any(d["event_type"] == event_type for d in paypal.deliveries()))
    found = [d["event_id"] for d in paypal.deliveries() if d["event_type"] == event_type]
    return str(found[0])


class TestForged:
    @pytest.mark.parametrize("forgery", FORGERIES)
    def test_forged_webhook_is_refused_and_not_stored(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout, forgery: str
    ) -> None:
        paypal.approve(started.paypal_order_id)
        event_id = event_of(paypal, "CHECKOUT.ORDER.APPROVED")
        wait_for(lambda: count("inbound_event") == 1)
        session().execute(text("TRUNCATE inbound_event, inbound_handling, outbox"))
        session().commit()
        assert paypal.resend(event_id, forgery) == 400
        assert count("inbound_event") == 0
        assert count("outbox") == 0

    def test_true_webhook_replayed_has_no_effect(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout, drain: Drain
    ) -> None:
        paypal.approve(started.paypal_order_id)
        event_id = event_of(paypal, "CHECKOUT.ORDER.APPROVED")
        wait_for(lambda: chase() == 1)
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        wait_for(lambda: count("inbound_event", "event_type LIKE 'PAYMENT.CAPTURE%'") == 1)
        before = count("inbound_event")
        assert paypal.resend(event_id, "replay") == 200
        assert paypal.resend(event_id) == 200
        drain()
        assert count("inbound_event") == before
        assert count("delivery") == 1
        assert_promises_hold()

    @pytest.mark.parametrize("body", [b"", b"{}", b"\x00\xff", b"[" * 5000])
    def test_unsigned_rubbish_is_refused(self, app: Flask, client, body: bytes) -> None:
        answer = client.post("/payments/paypal/webhook", data=body)
        assert answer.status_code == 400
        assert answer.data == b""


class TestStrange:
    """True webhooks that are not what the shop asked for."""

    @pytest.fixture
    def send(
        self,
        app: Flask,
        client: FlaskClient,
        sandbox_handle: SandboxHandle,
        certificates: Certificates,
    ) -> Callable[[bytes], int]:
        """Send what PayPal has signed; the shop's answer."""

        def send(body: bytes) -> int:
            headers = forgeries.headers(
                certificates,
                sandbox_handle.url,
                transmission_id="T-1",
                time="2026-11-25T08:00:00Z",
                webhook_id=sandbox_handle.webhook_id,
                body=body,
            )
            answer = client.post("/payments/paypal/webhook", data=body, headers=headers)
            assert answer.data == b""
            return answer.status_code

        return send

    @pytest.mark.parametrize(
        "event",
        [
            {},
            {"resource": None},
            {"resource": []},
            {"resource": "text"},
            {"resource": {"id": 7}},
            {"resource": {"id": "UNKNOWN", "supplementary_data": "text"}},
            {"resource": {"supplementary_data": {"related_ids": ["UNKNOWN"]}}},
            {"event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": {"id": "NOT-OURS"}},
            {"event_type": "CHECKOUT.ORDER.APPROVED", "resource": {"id": "NOT-OURS"}},
            {"resource": {"id": "x" * 900_000}},
        ],
    )
    def test_event_of_any_shape_is_kept_once_and_moves_nothing(
        self, send: Callable[[bytes], int], event: dict[str, object]
    ) -> None:
        body = json.dumps({"id": "WH-1", "event_type": "SOMETHING.NEW"} | event).encode()
        assert [send(body), send(body)] == [200, 200]
        assert count("inbound_event") == 1
        assert count("outbox") == 0

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b"\xff",
            b'{"id": 1, "event_type": "X"}',
            b'{"id": "WH-1"',
            json.dumps({"id": "x" * 900_000, "event_type": "X"}).encode(),
            json.dumps({"id": "x" * 256, "event_type": "X"}).encode(),
            json.dumps({"id": "WH-1", "event_type": "x" * 256}).encode(),
            b'{"id": "WH\\u0000", "event_type": "X"}',
            b'{"id": "WH-1", "event_type": "X", "resource": {"\\u0000": "\\u0000"}}',
            b'{"id": "WH-1", "event_type": "X", "resource": "\\ud800"}',
        ],
        ids=range(12),
    )
    def test_what_is_no_event_is_refused(self, send: Callable[[bytes], int], body: bytes) -> None:
        assert send(body) == 400
        assert count("inbound_event") == 0


class TestPending:
    def test_pending_payment_delivers_nothing_until_the_money_is_there(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout, drain: Drain
    ) -> None:
        capture_id = pend(paypal, started)
        drain()
        assert count("delivery") == 0
        assert count("stock_item", "state = 'reserved'") == 1
        paypal.end_pending(capture_id, "complete")
        wait_for(lambda: drain() or order_of(started).state is OrderState.DELIVERED)
        assert_promises_hold()

    def test_denied_payment_frees_the_goods(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout, drain: Drain
    ) -> None:
        capture_id = pend(paypal, started)
        paypal.end_pending(capture_id, "deny")
        wait_for(lambda: drain() or order_of(started).state is OrderState.CANCELLED)
        assert count("stock_item", "state = 'free'") == 2
        assert count("delivery") == 0
        assert_promises_hold()

    def test_without_webhooks_the_sweeper_finds_out(
        self, paypal: SandboxControl, started: StartedCheckout, drain: Drain
    ) -> None:
        capture_id = pend(paypal, started)
        paypal.end_pending(capture_id, "complete")
        make_due()
        chase()
        drain()
        assert order_of(started).state is OrderState.DELIVERED


def pend(paypal: SandboxControl, started: StartedCheckout) -> str:
    """Pay by eCheck; the capture's id."""
    paypal.fault("pending", operation="capture", times=1)
    paypal.approve(started.paypal_order_id)
    result = capturing.capture(order_id=started.order_id)
    assert result.state is CaptureState.PENDING
    return str(paypal.captures()[-1]["id"])


class TestApprovalTakenBack:
    def test_buyer_is_told_once_and_may_say_yes_again(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout, drain: Drain
    ) -> None:
        paypal.approve(started.paypal_order_id)
        paypal.take_back(started.paypal_order_id)
        event = event_of(paypal, TAKEN_BACK)
        wait_for(lambda: drain() or count("notification", "kind = 'payment'") == 1)
        assert order_of(started).state is OrderState.OPEN
        assert count("stock_item", "state = 'reserved'") == 1
        assert paypal.resend(event) == 200
        on_paypal_event(PaypalEventReceived(TAKEN_BACK, started.order_id))  # the job runs twice
        drain()
        assert count("notification") == 1
        assert count("outbox", "listener = 'mail.approval_reversed'") == 1
        paypal.approve(started.paypal_order_id)
        assert capturing.capture(order_id=started.order_id).state is CaptureState.PAID
        assert_promises_hold()

    def test_word_of_an_earlier_yes_stops_no_payment(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout, drain: Drain
    ) -> None:
        paypal.approve(started.paypal_order_id)
        paypal.take_back(started.paypal_order_id)
        paypal.approve(started.paypal_order_id)
        event_of(paypal, TAKEN_BACK)
        wait_for(lambda: drain() or order_of(started).state is OrderState.DELIVERED)
        assert count("outbox", "listener = 'mail.approval_reversed'") == 0


class TestStrangersOrder:
    def test_another_buyers_order_can_not_be_captured(
        self, paypal: SandboxControl, started: StartedCheckout
    ) -> None:
        paypal.approve(started.paypal_order_id)
        with pytest.raises(Exception, match="no such purchase"):
            capture(make_user(), started)
        assert order_of(started).state is OrderState.OPEN
