"""Webhooks: signed, sent again until taken, listed for those who missed them."""

import base64
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from tests.contracts import paypal_openapi
from tests.sandbox.conftest import Api
from tests.support.sandbox import SandboxHandle
from tests.support.webhook_receiver import Received, Receiver

NAME = "messageverificationcerts.sandbox.paypal.com"
SALE = ("CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.COMPLETED")


def signer(received: Received, ca_file: Path) -> rsa.RSAPublicKey:
    """The key of the certificate that a webhook names, once the sandbox's root vouches for it."""
    pem = requests.get(received.headers["PAYPAL-CERT-URL"], timeout=10).content
    certificate = x509.load_pem_x509_certificate(pem)
    store = Store(x509.load_pem_x509_certificates(ca_file.read_bytes()))
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(NAME))
    verifier.verify(certificate, [])
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def check(received: Received, handle: SandboxHandle) -> None:
    """Raise unless a shop should believe this webhook."""
    headers = received.headers
    assert headers["PAYPAL-AUTH-ALGO"] == "SHA256withRSA"
    assert headers["PAYPAL-CERT-URL"].startswith(f"{handle.url}/v1/notifications/certs/")
    text = "|".join(
        (
            headers["PAYPAL-TRANSMISSION-ID"],
            headers["PAYPAL-TRANSMISSION-TIME"],
            handle.webhook_id,
            str(zlib.crc32(received.body)),
        )
    )
    signature = base64.b64decode(headers["PAYPAL-TRANSMISSION-SIG"], validate=True)
    key = signer(received, handle.ca_file)
    key.verify(signature, text.encode(), padding.PKCS1v15(), SHA256())


class TestDelivery:
    def test_sale_is_announced_and_every_announcement_is_signed(
        self, api: Api, receiver: Receiver
    ) -> None:
        capture = api.paid()
        received = receiver.wait_for_types(*SALE)
        for one in received:
            check(one, api.handle)
            if paypal_openapi.AVAILABLE:
                paypal_openapi.validate_event(one.event)
        paid = next(one for one in received if one.event_type == "PAYMENT.CAPTURE.COMPLETED")
        assert paid.event["resource"]["id"] == capture["id"]
        assert paid.event["resource"]["custom_id"] == capture["custom_id"]

    def test_second_approval_of_an_order_is_not_announced(
        self, api: Api, receiver: Receiver
    ) -> None:
        order_id = api.new_order()
        api.approve(order_id, "empty")
        api.approve(order_id, "balance")
        api.capture(order_id)
        received = receiver.wait_for_types(*SALE)
        approvals = [one for one in received if one.event_type == SALE[0]]
        assert len(approvals) == 1

    def test_refused_webhook_comes_again_until_it_is_taken(
        self, api: Api, receiver: Receiver
    ) -> None:
        receiver.answers = [500, 404, 302]
        api.approve(api.new_order())
        received = receiver.wait_for(lambda got: len(got) == 4)
        assert len({one.body for one in received}) == 1
        assert len({one.headers["PAYPAL-TRANSMISSION-ID"] for one in received}) == 1
        for one in received:
            check(one, api.handle)

    def test_webhook_to_a_shop_that_is_down_comes_when_it_is_back(
        self, start: Callable[..., SandboxHandle]
    ) -> None:
        shop = Receiver()
        address = shop.url
        shop.stop()
        api = Api(start(webhook_url=address))
        api.approve(api.new_order())
        # The sandbox stops as well: what it has not got rid of is in its file.
        api.handle.kill()
        api.session.close()
        back = Receiver()
        api = Api(start(webhook_url=back.url))
        back.wait_for_types("CHECKOUT.ORDER.APPROVED")
        api.session.close()
        back.stop()

    def test_after_the_last_try_it_gives_up(self, api: Api, receiver: Receiver) -> None:
        receiver.answers = [503] * 100
        api.approve(api.new_order())
        deadline = time.monotonic() + 30
        while (last := api.deliveries()[0])["state"] != "failed":
            assert time.monotonic() < deadline, last
            api.control("POST", "/sandbox/clock", seconds=60)
        assert (last["attempts"], last["answer"]) == (25, 503)
        assert len(receiver.received) == 25


def wait_for_state(api: Api, state: str) -> dict[str, object]:
    """The newest transmission once it is in this state."""
    deadline = time.monotonic() + 20
    while (newest := api.deliveries()[0])["state"] != state:
        assert time.monotonic() < deadline, newest
    return newest


class TestFaults:
    def test_dropped_webhook_never_comes_but_is_listed(self, api: Api, receiver: Receiver) -> None:
        api.fault("webhook_drop", event_type="PAYMENT.CAPTURE.COMPLETED")
        capture = api.paid()
        receiver.wait_for_types("CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED")
        states = {row["event_type"]: row["state"] for row in api.deliveries()[:3]}
        assert states["PAYMENT.CAPTURE.COMPLETED"] == "dropped"
        missed = api.call(
            "GET", f"/v1/notifications/webhooks-events?transaction_id={capture['id']}"
        ).json()
        assert [event["event_type"] for event in missed["events"]] == ["PAYMENT.CAPTURE.COMPLETED"]

    def test_delayed_webhook_comes_when_its_time_has_come(
        self, api: Api, receiver: Receiver
    ) -> None:
        three_days = 3 * 24 * 3600
        api.fault("webhook_delay", seconds=three_days, event_type="PAYMENT.CAPTURE.COMPLETED")
        api.paid()
        got = receiver.wait_for_types("CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED")
        assert "PAYMENT.CAPTURE.COMPLETED" not in {one.event_type for one in got}
        api.control("POST", "/sandbox/clock", seconds=three_days)
        late = receiver.wait_for_types("PAYMENT.CAPTURE.COMPLETED")[-1]
        check(late, api.handle)

    def test_duplicates_are_the_same_event(self, api: Api, receiver: Receiver) -> None:
        api.fault("webhook_duplicate", copies=5)
        api.approve(api.new_order())
        received = receiver.wait_for(lambda got: len(got) == 5)
        assert len({one.event["id"] for one in received}) == 1
        assert len({one.headers["PAYPAL-TRANSMISSION-ID"] for one in received}) == 5

    def test_shuffled_webhooks_come_last_first(self, api: Api, receiver: Receiver) -> None:
        api.fault("webhook_shuffle", times=3)
        api.paid()
        received = receiver.wait_for(lambda got: len(got) == 3)
        assert [one.event_type for one in received] == [
            "CHECKOUT.ORDER.COMPLETED",
            "PAYMENT.CAPTURE.COMPLETED",
            "CHECKOUT.ORDER.APPROVED",
        ]

    @pytest.mark.parametrize("operation", ["create", "capture"])
    def test_webhook_can_come_before_the_answer(
        self, api: Api, receiver: Receiver, operation: str
    ) -> None:
        api.fault("webhook_before_answer", operation=operation)
        order_id = api.new_order()
        if operation == "create":
            wanted = "CHECKOUT.ORDER.APPROVED"
        else:
            api.approve(order_id)
            api.capture(order_id)
            wanted = "PAYMENT.CAPTURE.COMPLETED"
        # Not waited for: it must be here by now.
        assert wanted in {one.event_type for one in receiver.received}


class TestForgeries:
    @pytest.mark.parametrize(
        ("forgery", "error"),
        [
            ("no_signature", KeyError),
            ("wrong_key", InvalidSignature),
            ("self_signed", VerificationError),
            ("other_webhook_id", InvalidSignature),
            ("body_changed", InvalidSignature),
            ("evil_host", AssertionError),
            ("evil_subdomain", AssertionError),
            ("http_cert", AssertionError),
        ],
    )
    def test_forgery_is_no_true_webhook(
        self, api: Api, receiver: Receiver, forgery: str, error: type[Exception]
    ) -> None:
        receiver.answers = [400]
        api.fault("webhook_forge", forgery=forgery)
        api.approve(api.new_order())
        (forged,) = receiver.wait_for(lambda got: len(got) == 1)
        assert forged.event_type == "CHECKOUT.ORDER.APPROVED"
        with pytest.raises(error):
            check(forged, api.handle)
        # Nobody forges again what was refused.
        last = wait_for_state(api, "failed")
        assert (last["attempts"], last["answer"], last["forgery"]) == (1, 400, forgery)

    def test_replay_is_the_true_one_twice(self, api: Api, receiver: Receiver) -> None:
        api.fault("webhook_forge", forgery="replay")
        api.approve(api.new_order())
        first, second = receiver.wait_for(lambda got: len(got) == 2)
        assert first == second
        check(second, api.handle)

    def test_past_event_can_be_sent_forged(self, api: Api, receiver: Receiver) -> None:
        api.approve(api.new_order())
        (true,) = receiver.wait_for(lambda got: len(got) == 1)
        receiver.answers = [400]
        path = f"/sandbox/webhooks/{true.event['id']}/resend"
        told = api.control("POST", path, forgery="wrong_key").json()
        assert told == {"event_id": true.event["id"], "tried": True, "answer": 400}
        with pytest.raises(InvalidSignature):
            check(receiver.received[-1], api.handle)


class TestApi:
    def test_subscriptions_are_made_and_listed(self, api: Api) -> None:
        shop = Receiver()
        wanted = {"url": shop.url, "event_types": [{"name": "PAYMENT.CAPTURE.COMPLETED"}]}
        made = api.call("POST", "/v1/notifications/webhooks", wanted)
        assert made.status_code == 201
        listed = api.call("GET", "/v1/notifications/webhooks").json()["webhooks"]
        assert {api.handle.webhook_id, made.json()["id"]} <= {one["id"] for one in listed}
        api.paid()
        (received,) = shop.wait_for(lambda got: len(got) == 1)
        assert received.event_type == "PAYMENT.CAPTURE.COMPLETED"
        own = f"/v1/notifications/webhooks/{made.json()['id']}"
        assert api.call("GET", own).json()["url"] == shop.url
        assert api.call("DELETE", own).status_code == 204
        assert api.call("GET", own).status_code == 404
        shop.stop()

    def test_events_are_listed_by_kind_and_time(self, api: Api) -> None:
        api.paid()
        base = "/v1/notifications/webhooks-events?page_size=1000"
        every = api.call("GET", base).json()
        assert every["count"] == len(every["events"]) >= 3
        newest = every["events"][0]
        assert newest["event_type"] == "CHECKOUT.ORDER.COMPLETED"
        one_kind = api.call("GET", f"{base}&event_type=PAYMENT.CAPTURE.COMPLETED").json()["events"]
        assert {event["event_type"] for event in one_kind} == {"PAYMENT.CAPTURE.COMPLETED"}
        future = api.call("GET", f"{base}&start_time=2999-01-01T00:00:00Z").json()
        assert future["events"] == []
        shown = api.call("GET", f"/v1/notifications/webhooks-events/{newest['id']}").json()
        assert shown == newest

    def test_event_is_sent_again_on_request(self, api: Api, receiver: Receiver) -> None:
        api.approve(api.new_order())
        (first,) = receiver.wait_for(lambda got: len(got) == 1)
        path = f"/v1/notifications/webhooks-events/{first.event['id']}/resend"
        assert api.call("POST", path, {}).status_code == 202
        _, second = receiver.wait_for(lambda got: len(got) == 2)
        assert second.body == first.body
        check(second, api.handle)

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("POST", "webhooks", None, 400),
            ("POST", "webhooks", [], 400),
            ("POST", "webhooks", {"url": "https://shop.example/"}, 400),
            ("POST", "webhooks", {"url": "shop", "event_types": [{"name": "*"}]}, 400),
            ("POST", "webhooks", {"url": "https://[", "event_types": [{"name": "*"}]}, 400),
            ("POST", "webhooks", {"url": "https:///", "event_types": [{"name": "*"}]}, 400),
            ("POST", "webhooks", {"url": f"https://{'x' * 2048}", "event_types": []}, 400),
            ("POST", "webhooks", {"url": "https://shop.example/", "event_types": [{}]}, 400),
            ("GET", "webhooks/UNKNOWN", None, 404),
            ("DELETE", "webhooks/UNKNOWN", None, 404),
            ("GET", "webhooks-events?start_time=yesterday", None, 400),
            ("GET", "webhooks-events/UNKNOWN", None, 404),
            ("POST", "webhooks-events/UNKNOWN/resend", {}, 404),
            ("POST", "webhooks-events/UNKNOWN/resend", ["x"], 400),
            ("POST", "webhooks-events/UNKNOWN/resend", {"webhook_ids": 5}, 400),
            ("POST", "verify-webhook-signature", {}, 400),
            ("POST", "verify-webhook-signature", [], 400),
        ],
    )
    def test_refusals_are_paypals(
        self, api: Api, contract, method: str, path: str, body: object, status: int
    ) -> None:
        with contract.broken_requests():
            answer = api.call(method, f"/v1/notifications/{path}", body)
        assert answer.status_code == status
        api.session.headers["Authorization"] = "Bearer made-up"
        with contract.broken_requests():
            assert api.call(method, f"/v1/notifications/{path}", body).status_code == 401

    @pytest.mark.parametrize(
        ("spoil", "expected"),
        [
            ({}, "SUCCESS"),
            ({"transmission_id": "other"}, "FAILURE"),
            ({"webhook_id": "OTHER"}, "FAILURE"),
            ({"transmission_sig": "AAAA"}, "FAILURE"),
            ({"cert_url": "https://evil.example/v1/notifications/certs/x"}, "FAILURE"),
        ],
    )
    def test_sandbox_verifies_what_it_signed(
        self, api: Api, contract, receiver: Receiver, spoil: dict[str, str], expected: str
    ) -> None:
        api.approve(api.new_order())
        (received,) = receiver.wait_for(lambda got: len(got) == 1)
        headers = received.headers
        fields = {
            "auth_algo": headers["PAYPAL-AUTH-ALGO"],
            "cert_url": headers["PAYPAL-CERT-URL"],
            "transmission_id": headers["PAYPAL-TRANSMISSION-ID"],
            "transmission_sig": headers["PAYPAL-TRANSMISSION-SIG"],
            "transmission_time": headers["PAYPAL-TRANSMISSION-TIME"],
            "webhook_id": api.handle.webhook_id,
        } | spoil
        # The event is spliced in as it came: written anew, its checksum would differ.
        raw = json.dumps(fields)[:-1].encode() + b', "webhook_event": ' + received.body + b"}"
        with contract.broken_requests():  # PayPal's own webhook ids carry no hyphen
            answer = api.session.post(
                f"{api.handle.url}/v1/notifications/verify-webhook-signature",
                data=raw,
                headers={"Content-Type": "application/json"},
                timeout=10,
            )
        assert answer.json() == {"verification_status": expected}
