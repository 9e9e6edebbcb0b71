"""Faults: calls that are done though the caller can't know, and calls that are not."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests
from markupsafe import escape

from app.sandbox.faults import MEANINGS
from app.sandbox.forgeries import FORGERIES
from app.sandbox.texts import translate
from tests.sandbox.conftest import Api, issue, only_capture, order


def approved(api: Api) -> str:
    """An order ready to be captured."""
    order_id = api.new_order()
    api.approve(order_id)
    return order_id


class TestDoneButUnheard:
    def test_hanging_answer(self, api: Api) -> None:
        order_id = approved(api)
        api.fault("hang_after_commit", operation="capture", seconds=20)
        headers = {"PayPal-Request-Id": "hang-1"}
        url = f"{api.handle.url}/v2/checkout/orders/{order_id}/capture"
        with pytest.raises(requests.ReadTimeout):
            api.session.post(url, headers=headers, timeout=0.5)
        # The answer hangs, the work is done and the id is free to ask again.
        again = api.capture(order_id, PayPal_Request_Id="hang-1")
        assert again.status_code == 200
        assert api.show(order_id)["status"] == "COMPLETED"

    @pytest.mark.parametrize("status", [500, 503])
    def test_error_instead_of_the_answer_twice(self, api: Api, status: int) -> None:
        order_id = approved(api)
        before = len(api.books()["captures"])
        api.fault("error_after_commit", operation="capture", times=2, status=status)
        statuses = [
            api.capture(order_id, PayPal_Request_Id=f"e-{order_id}").status_code for _ in range(3)
        ]
        assert statuses == [status, status, 200]
        assert len(api.books()["captures"]) == before + 1

    def test_broken_connection(self, api: Api) -> None:
        order_id = approved(api)
        api.fault("reset_after_commit", operation="capture")
        with pytest.raises(requests.ConnectionError):
            api.capture(order_id, PayPal_Request_Id="reset-1")
        assert api.show(order_id)["status"] == "COMPLETED"
        assert api.capture(order_id, PayPal_Request_Id="reset-1").status_code == 200

    def test_lost_answer_to_creating_makes_one_order(self, api: Api) -> None:
        body = order()
        api.fault("error_after_commit", operation="create")
        assert api.create(body, PayPal_Request_Id="lost-1").status_code == 500
        found = api.create(body, PayPal_Request_Id="lost-1")
        assert found.status_code == 200
        assert api.show(found.json()["id"])["status"] == "CREATED"


class TestNotDone:
    def test_too_many_calls(self, api: Api) -> None:
        order_id = approved(api)
        api.fault("rate_limit", operation="capture")
        answer = api.capture(order_id, PayPal_Request_Id="many-1")
        assert (answer.status_code, answer.json()["name"]) == (429, "RATE_LIMIT_REACHED")
        assert api.show(order_id)["status"] == "APPROVED"
        assert api.capture(order_id, PayPal_Request_Id="many-1").status_code == 201

    def test_expired_token(self, api: Api) -> None:
        order_id = approved(api)
        api.fault("token_expired", operation="capture")
        assert api.capture(order_id).status_code == 401
        assert api.capture(order_id).status_code == 401, "the token is gone for good"
        api.log_in()
        assert api.capture(order_id).status_code == 201

    @pytest.mark.parametrize(
        "code", ["INSTRUMENT_DECLINED", "PAYER_CANNOT_PAY", "TRANSACTION_REFUSED"]
    )
    def test_decline(self, api: Api, code: str) -> None:
        order_id = approved(api)
        api.fault("decline", issue=code)
        answer = api.capture(order_id)
        assert (answer.status_code, issue(answer)) == (422, code)

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("INSTRUMENT_DECLINED", 422),
            ("ORDER_NOT_APPROVED", 422),
            ("INTERNAL_SERVER_ERROR", 500),
        ],
    )
    def test_paypals_mock_header(self, api: Api, code: str, status: int) -> None:
        order_id = approved(api)
        header = json.dumps({"mock_application_codes": code})
        answer = api.capture(order_id, PayPal_Mock_Response=header)
        assert answer.status_code == status
        if status == 422:
            assert issue(answer) == code
        assert api.show(order_id)["status"] == "APPROVED"

    @pytest.mark.parametrize("header", ["{", "[]", '{"mock_application_codes": "NO_SUCH"}'])
    def test_mistaken_mock_header_is_refused(self, api: Api, header: str) -> None:
        assert api.capture(approved(api), PayPal_Mock_Response=header).status_code == 400


class TestOtherEndings:
    def test_pending_capture(self, api: Api) -> None:
        order_id = approved(api)
        api.fault("pending", reason="PENDING_REVIEW")
        capture = only_capture(api.capture(order_id).json())
        assert capture["status"] == "PENDING"
        assert capture["status_details"] == {"reason": "PENDING_REVIEW"}

    def test_declined_capture(self, api: Api, receiver) -> None:
        order_id = approved(api)
        before = api.books()
        api.fault("declined_capture")
        answer = api.capture(order_id)
        assert answer.status_code == 201
        assert only_capture(answer.json())["status"] == "DECLINED"
        assert api.books()["merchant"] == before["merchant"]
        receiver.wait_for_types("PAYMENT.CAPTURE.DECLINED")

    def test_slow_call(self, api: Api) -> None:
        order_id = approved(api)
        api.fault("slow", operation="get", seconds=0.5)
        begun = time.monotonic()
        api.show(order_id)
        assert time.monotonic() - begun >= 0.5


class TestOrdering:
    def test_faults_are_listed_used_up_and_forgotten(self, api: Api) -> None:
        api.fault("slow", operation="get", seconds=0, times=2)
        api.fault("rate_limit", operation="create")
        waiting = api.control("GET", "/sandbox/faults").json()["faults"]
        assert [(fault["kind"], fault["times"]) for fault in waiting] == [
            ("slow", 2),
            ("rate_limit", 1),
        ]
        assert api.create().status_code == 429
        assert api.create().status_code == 201
        api.control("DELETE", "/sandbox/faults")
        assert api.control("GET", "/sandbox/faults").json()["faults"] == []

    @pytest.mark.parametrize(
        "fault",
        [
            {},
            {"kind": "explode"},
            {"kind": "slow", "seconds": -1},
            {"kind": "slow", "seconds": "long"},
            {"kind": "slow", "times": 0},
            {"kind": "slow", "times": True},
            {"kind": "slow", "operation": "steal"},
            {"kind": "slow", "copies": 3},
            {"kind": "decline", "issue": "BECAUSE"},
            {"kind": "decline", "issue": ["INSTRUMENT_DECLINED"]},
            {"kind": "pending", "reason": "BECAUSE"},
            {"kind": "webhook_forge", "forgery": "nicely"},
            {"kind": "webhook_duplicate", "copies": 0},
            {"kind": "webhook_drop", "operation": "capture"},
            {"kind": "rate_limit", "event_type": "PAYMENT.CAPTURE.COMPLETED"},
        ],
    )
    def test_mistaken_faults_are_refused(self, api: Api, fault: dict[str, object]) -> None:
        answer = requests.post(f"{api.handle.url}/sandbox/faults", json=fault, timeout=10)
        assert answer.status_code == 400
        assert answer.json()["error"]

    @pytest.mark.parametrize(
        "form",
        [
            {"kind": "slow", "times": "007x"},
            {"kind": "slow", "seconds": "nan"},
            {"kind": "slow", "seconds": "1e400"},
            {"kind": "webhook_duplicate", "copies": "1.5"},
            {"kind": "slow", "copies": "2"},
        ],
    )
    def test_mistakes_in_forms_are_told_on_the_page(self, api: Api, form: dict[str, str]) -> None:
        url = f"{api.handle.url}/sandbox/faults"
        answer = requests.post(url, data=form, headers={"Accept": "text/html"}, timeout=10)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
        assert api.control("GET", "/sandbox/faults").json()["faults"] == []

    def test_texts_of_the_control_page_have_russian_ones(self, api: Api) -> None:
        api.fault("webhook_forge")
        api.approve(api.new_order())
        russian = {"Accept": "text/html", "Accept-Language": "ru"}
        page = requests.get(f"{api.handle.url}/sandbox", headers=russian, timeout=10).text
        assert '<html lang="ru">' in page
        for text in (*MEANINGS.values(), *FORGERIES.values(), "Clock", "Books"):
            assert escape(text) not in page
            assert escape(translate("ru", text)) in page

    @pytest.mark.parametrize("seconds", [-1, "long", None, True, 1e300])
    def test_clock_goes_forward_only(self, api: Api, seconds: object) -> None:
        url = f"{api.handle.url}/sandbox/clock"
        assert requests.post(url, json={"seconds": seconds}, timeout=10).status_code == 400

    def test_reset_leaves_nothing_but_the_connection(self, api: Api) -> None:
        api.fault("webhook_forge")
        capture = api.paid()
        api.control("POST", f"/sandbox/captures/{capture['id']}/dispute")
        api.control("POST", "/sandbox/clock", seconds=40 * 24 * 3600)
        api.control("POST", "/sandbox/reset")
        clock = api.control("GET", "/sandbox/clock").json()["now"]
        assert abs(datetime.fromisoformat(clock) - datetime.now(UTC)) < timedelta(minutes=1)
        assert api.control("GET", "/sandbox/faults").json()["faults"] == []
        books = api.books()
        assert (books["captures"], books["merchant"]) == ([], {})
        api.approve(api.new_order())

    def test_side_doors_are_shut_to_other_sites(self, api: Api) -> None:
        answer = requests.post(
            f"{api.handle.url}/sandbox/clock",
            json={"seconds": 1},
            headers={"Sec-Fetch-Site": "cross-site"},
            timeout=10,
        )
        assert answer.status_code == 403
        rebound = requests.get(
            f"{api.handle.url}/sandbox/books", headers={"Host": "evil.example"}, timeout=10
        )
        assert rebound.status_code == 400
