"""Payouts: what becomes of what the merchant sends, and the books that say so."""

import json
import re
import urllib.error
import urllib.request
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from paypalcheckoutsdk.core import PayPalEnvironment, PayPalHttpClient

from app.sandbox.payout_errors import PayoutError
from app.sandbox.payouts import DAY
from app.sandbox.payouts_api import MAX_ITEMS, MOCK_NOTES, read_batch
from tests.contracts.calls import Contract
from tests.sandbox.conftest import SECONDS, Api
from tests.support.webhook_receiver import Receiver

ROOT = "/v1/payments"


def item(receiver: str = "anna@example.com", value: str = "10.00", **more: Any) -> dict[str, Any]:
    """One item of a batch."""
    return {
        "recipient_type": "EMAIL",
        "receiver": receiver,
        "amount": {"currency": "EUR", "value": value},
        "sender_item_id": str(uuid.uuid4()),
    } | more


def batch(*items: dict[str, Any], sender_batch_id: str | None = None) -> dict[str, Any]:
    """A request for payouts."""
    header = {"sender_batch_id": sender_batch_id or str(uuid.uuid4())}
    return {"sender_batch_header": header, "items": list(items or [item()])}


@pytest.fixture
def funded(api: Api) -> Api:
    """A merchant with money."""
    order_id = api.new_order(amount={"currency_code": "EUR", "value": "500.00"}, items=[])
    api.approve(order_id)
    assert api.capture(order_id).status_code == 201
    return api


def send(api: Api, *items: dict[str, Any], **options: Any) -> str:
    """The id of a new batch."""
    answer = api.call("POST", f"{ROOT}/payouts", batch(*items, **options))
    assert answer.status_code == 201, answer.text
    header = answer.json()["batch_header"]
    assert header["batch_status"] == "PENDING"
    return str(header["payout_batch_id"])


def shown(api: Api, batch_id: str, query: str = "") -> dict[str, Any]:
    """A batch as it stands."""
    answer = api.call("GET", f"{ROOT}/payouts/{batch_id}{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def sent_to(api: Api, receiver: str) -> str:
    """The id of an item that was sent to this receiver api."""
    (one,) = shown(api, send(api, item(receiver)))["items"]
    return str(one["payout_item_id"])


def status_of(api: Api, item_id: str) -> str:
    """The state of an item."""
    answer = api.call("GET", f"{ROOT}/payouts-item/{item_id}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["transaction_status"])


def euros(api: Api) -> int:
    """What the merchant has, in cents."""
    books = api.books()
    assert books["balanced"]
    cents: int = books["merchant"]["EUR"]
    return cents


class TestBatch:
    def test_everybody_is_paid(self, funded: Api, receiver: Receiver) -> None:
        before = euros(funded)
        batch_id = send(funded, item("anna@example.com", "10.00"), item("ben@example.com", "3.33"))
        done = shown(funded, batch_id)
        assert done["batch_header"]["batch_status"] == "SUCCESS"
        assert done["batch_header"]["amount"] == {"currency": "EUR", "value": "13.33"}
        assert done["batch_header"]["fees"] == {"currency": "EUR", "value": "0.27"}
        assert [one["transaction_status"] for one in done["items"]] == ["SUCCESS"] * 2
        assert [one["payout_item_fee"]["value"] for one in done["items"]] == ["0.20", "0.07"]
        assert euros(funded) == before - 1360
        accounts = funded.books()["accounts"]
        assert accounts["payee:ben@example.com"]["EUR"] >= 333
        receiver.wait_for(
            lambda got: (
                [one.event_type for one in got].count("PAYMENT.PAYOUTS-ITEM.SUCCEEDED") == 2
                and "PAYMENT.PAYOUTSBATCH.SUCCESS" in {one.event_type for one in got}
            )
        )

    def test_paypals_own_client_sends_it(self, funded: Api) -> None:
        handle = funded.handle
        client = PayPalHttpClient(
            PayPalEnvironment(handle.client_id, handle.client_secret, handle.url, handle.url)
        )

        call = SimpleNamespace(
            verb="POST",
            path=f"{ROOT}/payouts",
            headers={"Content-Type": "application/json"},
            body=batch(),
        )
        answer = client.execute(call)
        assert (answer.status_code, answer.result.batch_header.batch_status) == (201, "PENDING")

    def test_known_batch_is_refused_with_a_link_to_it(self, funded: Api) -> None:
        name = str(uuid.uuid4())
        first = send(funded, sender_batch_id=name)
        before = euros(funded)
        for _ in range(2):
            again = funded.call("POST", f"{ROOT}/payouts", batch(sender_batch_id=name))
            assert (again.status_code, again.json()["name"]) == (400, "USER_BUSINESS_ERROR")
            link = again.json()["details"][0]["link"][0]["href"]
            assert link == f"{funded.handle.url}{ROOT}/payouts/{first}"
        assert euros(funded) == before
        funded.control("POST", "/sandbox/clock", seconds=31 * DAY)
        funded.log_in()
        assert send(funded, sender_batch_id=name) != first

    def test_request_id_makes_no_batch_the_same(self, funded: Api) -> None:
        made = {
            funded.call("POST", f"{ROOT}/payouts", batch(), PayPal_Request_Id="one").json()[
                "batch_header"
            ]["payout_batch_id"]
            for _ in range(2)
        }
        assert len(made) == 2

    def test_more_than_there_is_is_refused(self, funded: Api) -> None:
        cents = euros(funded)
        answer = funded.call("POST", f"{ROOT}/payouts", batch(item(value=f"{cents // 100}.00")))
        assert (answer.status_code, answer.json()["name"]) == (422, "INSUFFICIENT_FUNDS")
        # What waits to be processed is promised already.
        funded.fault("payout_wait", seconds=DAY)
        send(funded, item(value=f"{cents // 200}.00"))
        answer = funded.call("POST", f"{ROOT}/payouts", batch(item(value=f"{cents // 200}.00")))
        assert answer.json()["name"] == "INSUFFICIENT_FUNDS"
        assert euros(funded) == cents
        funded.control("POST", "/sandbox/clock", seconds=DAY)

    def test_batch_waits_as_long_as_it_is_told(self, funded: Api) -> None:
        funded.fault("payout_wait", seconds=3600)
        batch_id, before = send(funded), euros(funded)
        waiting = shown(funded, batch_id)
        assert waiting["batch_header"]["batch_status"] == "PENDING"
        assert waiting["batch_header"]["fees"]["value"] == "0.00"
        assert waiting["items"][0]["transaction_status"] == "PENDING"
        assert euros(funded) == before
        funded.control("POST", "/sandbox/clock", seconds=3601)
        assert shown(funded, batch_id)["batch_header"]["batch_status"] == "SUCCESS"

    def test_denied_batch_moves_nothing(self, funded: Api, receiver: Receiver) -> None:
        before = euros(funded)
        funded.fault("payout_denied")
        denied = shown(funded, send(funded))
        assert denied["batch_header"]["batch_status"] == "DENIED"
        assert denied["items"][0]["transaction_status"] == "FAILED"
        assert euros(funded) == before
        receiver.wait_for_types("PAYMENT.PAYOUTSBATCH.DENIED")

    def test_items_come_by_the_page(self, funded: Api) -> None:
        batch_id = send(funded, *[item(value="0.10") for _ in range(5)])
        first = shown(funded, batch_id, "?page=1&page_size=2&total_required=true")
        assert (first["total_items"], first["total_pages"], len(first["items"])) == (5, 3, 2)
        assert [link["rel"] for link in first["links"]] == ["self", "next"]
        last = shown(funded, batch_id, "?page=3&page_size=2")
        assert len(last["items"]) == 1
        assert [link["rel"] for link in last["links"]] == ["self"]

    def test_largest_batch_is_taken(self, api: Api) -> None:
        items = [item(f"p{number}@example.com", "999.00") for number in range(MAX_ITEMS)]
        with pytest.raises(PayoutError):
            read_batch(batch(*items, item()))
        # Past the contract's check, which takes its time over so many.
        call = urllib.request.Request(  # the sandbox's own address
            f"{api.handle.url}{ROOT}/payouts",
            json.dumps(batch(*items)).encode(),
            {"Authorization": api.session.headers["Authorization"]}
            | {"Content-Type": "application/json"},
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(call, timeout=SECONDS)
        assert json.loads(refused.value.read())["name"] == "INSUFFICIENT_FUNDS"


class TestItems:
    @pytest.mark.parametrize(
        ("word", "status", "event", "cost"),
        [
            ("unclaimed", "UNCLAIMED", "UNCLAIMED", 1020),
            ("onhold", "ONHOLD", "HELD", 0),
            ("blocked", "BLOCKED", "BLOCKED", 0),
            ("failed", "FAILED", "FAILED", 0),
            ("returned", "RETURNED", "RETURNED", 0),
        ],
    )
    def test_address_decides(
        self, funded: Api, receiver: Receiver, word: str, status: str, event: str, cost: int
    ) -> None:
        before = euros(funded)
        item_id = sent_to(funded, f"anna+{word}@example.com")
        answer = funded.call("GET", f"{ROOT}/payouts-item/{item_id}").json()
        assert answer["transaction_status"] == status
        assert answer["errors"]["name"]
        assert euros(funded) == before - cost
        receiver.wait_for_types(f"PAYMENT.PAYOUTS-ITEM.{event}")

    @pytest.mark.parametrize(
        ("word", "end", "status", "cost"),
        [
            ("unclaimed", "claim", "SUCCESS", 1020),
            ("unclaimed", "return", "RETURNED", 0),
            ("onhold", "release", "SUCCESS", 1020),
            ("onhold", "block", "BLOCKED", 0),
            ("onhold", "return", "RETURNED", 0),
            ("success", "refund", "REFUNDED", 0),
            ("success", "reverse", "REVERSED", 0),
        ],
    )
    def test_something_becomes_of_it(
        self, funded: Api, word: str, end: str, status: str, cost: int
    ) -> None:
        before = euros(funded)
        item_id = sent_to(funded, f"anna+{word}@example.com")
        funded.control("POST", f"/sandbox/payouts/{item_id}/{end}")
        assert status_of(funded, item_id) == status
        assert euros(funded) == before - cost
        again = requests.post(f"{funded.handle.url}/sandbox/payouts/{item_id}/{end}", timeout=9)
        assert again.status_code == 409

    def test_unclaimed_comes_back_after_thirty_days(self, funded: Api, receiver: Receiver) -> None:
        before = euros(funded)
        item_id = sent_to(funded, "unclaimed@example.com")
        funded.control("POST", "/sandbox/clock", seconds=29 * DAY)
        funded.log_in()
        assert status_of(funded, item_id) == "UNCLAIMED"
        funded.control("POST", "/sandbox/clock", seconds=1 * DAY)
        funded.log_in()
        assert status_of(funded, item_id) == "RETURNED"
        assert euros(funded) == before
        receiver.wait_for_types("PAYMENT.PAYOUTS-ITEM.RETURNED")

    def test_only_unclaimed_is_cancelled_once(self, funded: Api, receiver: Receiver) -> None:
        before = euros(funded)
        item_id = sent_to(funded, "unclaimed@example.com")
        path = f"{ROOT}/payouts-item/{item_id}/cancel"
        assert funded.call("POST", path).json()["transaction_status"] == "RETURNED"
        assert euros(funded) == before
        receiver.wait_for_types("PAYMENT.PAYOUTS-ITEM.CANCELED")
        assert funded.call("POST", path).json()["name"] == "ITEM_ALREADY_CANCELLED"
        paid = f"{ROOT}/payouts-item/{sent_to(funded, 'anna@example.com')}/cancel"
        assert funded.call("POST", paid).json()["name"] == "ITEM_INCORRECT_STATUS"

    def test_unknown_ones_are_not_found(self, api: Api) -> None:
        assert api.call("GET", f"{ROOT}/payouts/NOTHING").status_code == 404
        assert api.call("GET", f"{ROOT}/payouts-item/NOTHING").status_code == 404
        assert api.call("POST", f"{ROOT}/payouts-item/NOTHING/cancel").status_code == 404


class TestFaults:
    def test_lost_answer_is_found_by_the_refused_second_post(self, funded: Api) -> None:
        name, before = str(uuid.uuid4()), euros(funded)
        body = batch(sender_batch_id=name)
        funded.fault("error_after_commit", operation="payout")
        assert funded.call("POST", f"{ROOT}/payouts", body).status_code == 500
        again = funded.call("POST", f"{ROOT}/payouts", body)
        link = again.json()["details"][0]["link"][0]["href"]
        found = shown(funded, link.rpartition("/")[2])
        assert found["batch_header"]["sender_batch_header"]["sender_batch_id"] == name
        assert euros(funded) == before - 1020

    def test_error_before_it_is_done_leaves_nothing(self, funded: Api) -> None:
        body, before = batch(), euros(funded)
        funded.fault("error_before_commit", operation="payout", status=503)
        assert funded.call("POST", f"{ROOT}/payouts", body).status_code == 503
        assert euros(funded) == before
        assert funded.call("POST", f"{ROOT}/payouts", body).status_code == 201

    def test_next_item_ends_as_ordered(self, funded: Api) -> None:
        funded.fault("payout_item", state="BLOCKED")
        states = shown(funded, send(funded, item(), item()))["items"]
        assert [one["transaction_status"] for one in states] == ["BLOCKED", "SUCCESS"]

    @pytest.mark.parametrize(("note", "name"), list(MOCK_NOTES.items()))
    def test_paypals_mock_notes(self, funded: Api, note: str, name: str) -> None:
        answer = funded.call("POST", f"{ROOT}/payouts", batch(item(note=note)))
        assert answer.json()["name"] == name
        assert answer.status_code >= 400

    @pytest.mark.parametrize(
        "change",
        [
            {"items": []},
            {"sender_batch_header": None},
            {"items": [item("nobody")]},
            {"items": [item(recipient_type="PIGEON")]},
            {"items": [item(value="0")]},
            {"items": [item(value="1.005")]},
            {"items": [item(amount={"currency": "XXX", "value": "1.00"})]},
            {"items": [item(), item(amount={"currency": "USD", "value": "1.00"})]},
            {"items": [item(sender_item_id="same"), item(sender_item_id="same")]},
            {"items": [item(note="x" * 4001)]},
            {"items": [7]},
        ],
    )
    def test_mistaken_requests_are_refused(
        self, api: Api, contract: Contract, change: dict[str, Any]
    ) -> None:
        with contract.broken_requests():
            answer = api.call("POST", f"{ROOT}/payouts", batch() | change)
        assert answer.status_code == 400
        assert re.fullmatch("VALIDATION_ERROR|DUPLICATE_ITEM", answer.json()["name"])
