"""Refunds: captured money goes back, whole or in parts, at once, later or not after all."""

import pytest
import requests

from app.sandbox.refunds import DAYS
from tests.sandbox.conftest import Api, issue, money, only_capture

DAY = 24 * 3600


def merchant(api: Api) -> int:
    """What the merchant has in EUR, in cents."""
    balance: int = api.books()["merchant"].get("EUR", 0)
    return balance


def status_of(api: Api, capture: dict) -> str:
    """How a capture stands now."""
    answer = api.call("GET", f"/v2/payments/captures/{capture['id']}")
    return str(answer.json()["status"])


def order_of(api: Api, capture: dict) -> dict:
    """The order that a capture paid for."""
    answer = api.call("GET", f"/v2/payments/captures/{capture['id']}").json()
    return api.show(answer["supplementary_data"]["related_ids"]["order_id"])


class TestRefund:
    def test_without_a_body_all_goes_back_but_paypals_fee(self, api: Api, receiver) -> None:
        before = merchant(api)
        capture = api.paid()
        answer = api.refund(capture["id"])
        assert answer.status_code == 201
        made = answer.json()
        assert (made["status"], made["amount"]["value"]) == ("COMPLETED", "12.50")
        assert made["seller_payable_breakdown"]["total_refunded_amount"]["value"] == "12.50"
        assert status_of(api, capture) == "REFUNDED"
        assert merchant(api) == before - 93
        assert api.books()["balanced"]
        assert api.call("GET", f"/v2/payments/refunds/{made['id']}").json() == made
        [event] = [
            webhook.event
            for webhook in receiver.wait_for_types("PAYMENT.CAPTURE.REFUNDED")
            if webhook.event["event_type"] == "PAYMENT.CAPTURE.REFUNDED"
        ]
        links = {link["rel"]: link["href"] for link in event["resource"]["links"]}
        assert links["up"].endswith(f"/v2/payments/captures/{capture['id']}")
        assert event["resource"]["custom_id"] == capture["custom_id"]
        assert "supplementary_data" not in event["resource"]

    def test_parts_add_up_to_no_more_than_was_taken(self, api: Api) -> None:
        capture = api.paid()
        part = {"amount": money("5.00"), "invoice_id": "r-1", "note_to_payer": "One key is dead"}
        first = api.refund(capture["id"], part).json()
        assert (first["invoice_id"], first["note_to_payer"]) == ("r-1", "One key is dead")
        assert status_of(api, capture) == "PARTIALLY_REFUNDED"
        too_much = api.refund(capture["id"], {"amount": money("7.51")})
        assert (too_much.status_code, issue(too_much)) == (422, "REFUND_AMOUNT_EXCEEDED")
        rest = api.refund(capture["id"]).json()
        assert rest["amount"]["value"] == "7.50"
        assert rest["seller_payable_breakdown"]["total_refunded_amount"]["value"] == "12.50"
        assert status_of(api, capture) == "REFUNDED"
        assert issue(api.refund(capture["id"])) == "CAPTURE_FULLY_REFUNDED"
        [unit] = order_of(api, capture)["purchase_units"]
        assert [one["id"] for one in unit["payments"]["refunds"]] == [first["id"], rest["id"]]

    def test_short_answer_unless_asked_for_more(self, api: Api) -> None:
        path = f"/v2/payments/captures/{api.paid()['id']}/refund"
        assert set(api.call("POST", path).json()) == {"id", "status", "links"}

    @pytest.mark.parametrize(
        ("amount", "reason"),
        [
            (money("1.00", "USD"), "REFUND_CAPTURE_CURRENCY_MISMATCH"),
            (money("0.00"), "CANNOT_BE_ZERO_OR_NEGATIVE"),
            (money("1.005"), "DECIMAL_PRECISION"),
            (money("1.00", "XXX"), "INVALID_CURRENCY_CODE"),
        ],
    )
    def test_other_sums_are_refused(self, api: Api, amount: dict, reason: str) -> None:
        capture = api.paid()
        answer = api.refund(capture["id"], {"amount": amount})
        assert (answer.status_code, issue(answer)) == (422, reason)
        assert status_of(api, capture) == "COMPLETED"

    def test_what_has_not_come_does_not_go_back(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id, "echeck")
        capture = only_capture(api.capture(order_id).json())
        assert issue(api.refund(capture["id"])) == "PENDING_CAPTURE"
        api.control("POST", f"/sandbox/captures/{capture['id']}/deny")
        assert issue(api.refund(capture["id"])) == "REFUND_NOT_ALLOWED"

    def test_after_half_a_year_it_is_too_late(self, api: Api) -> None:
        capture = api.paid()
        api.control("POST", "/sandbox/clock", seconds=DAYS * DAY - 60)
        api.log_in()
        assert api.refund(capture["id"], {"amount": money("1.00")}).status_code == 201
        api.control("POST", "/sandbox/clock", seconds=120)
        assert issue(api.refund(capture["id"])) == "REFUND_TIME_LIMIT_EXCEEDED"

    def test_what_is_not_known_is_not_found(self, api: Api) -> None:
        assert api.refund("0000000000000000A").status_code == 404
        assert api.call("GET", "/v2/payments/refunds/0000000000000000A").status_code == 404

    def test_a_number_is_used_once(self, api: Api) -> None:
        part = {"amount": money("1.00"), "invoice_id": "r-2"}
        assert api.refund(api.paid()["id"], part).status_code == 201
        assert issue(api.refund(api.paid()["id"], part)) == "DUPLICATE_INVOICE_ID"


class TestRequestId:
    def test_the_same_id_is_the_same_refund_for_45_days(self, api: Api) -> None:
        capture = api.paid()
        part = {"amount": money("1.00")}
        first = api.refund(capture["id"], part, PayPal_Request_Id="back-1").json()
        api.control("POST", "/sandbox/clock", seconds=45 * DAY - 60)
        api.log_in()
        again = api.refund(capture["id"], part, PayPal_Request_Id="back-1")
        assert (again.status_code, again.json()["id"]) == (201, first["id"])
        api.control("POST", "/sandbox/clock", seconds=120)
        later = api.refund(capture["id"], part, PayPal_Request_Id="back-1")
        assert (later.status_code, later.json()["id"] != first["id"]) == (201, True)

    def test_a_lost_answer_is_found_again(self, api: Api) -> None:
        capture = api.paid()
        api.fault("error_after_commit", operation="refund", status=503)
        assert api.refund(capture["id"], PayPal_Request_Id="back-2").status_code == 503
        found = api.refund(capture["id"], PayPal_Request_Id="back-2").json()
        back = [one for one in api.books()["refunds"] if one["capture_id"] == capture["id"]]
        assert [one["id"] for one in back] == [found["id"]]


class TestLater:
    def test_pending_money_is_on_its_way_and_arrives(self, api: Api, receiver) -> None:
        capture = api.paid()
        before = merchant(api)
        api.fault("pending_refund")
        made = api.refund(capture["id"]).json()
        assert (made["status"], made["status_details"]) == ("PENDING", {"reason": "ECHECK"})
        assert merchant(api) == before - 1250
        assert status_of(api, capture) == "COMPLETED"
        assert issue(api.refund(capture["id"])) == "CAPTURE_FULLY_REFUNDED"
        receiver.wait_for_types("PAYMENT.REFUND.PENDING")
        api.control("POST", f"/sandbox/refunds/{made['id']}/complete")
        assert status_of(api, capture) == "REFUNDED"
        receiver.wait_for_types("PAYMENT.CAPTURE.REFUNDED")
        assert api.books()["accounts"]["refunds_under_way"].get("EUR", 0) == 0

    def test_pending_money_that_comes_back_can_be_refunded_again(self, api: Api, receiver) -> None:
        capture = api.paid()
        before = merchant(api)
        api.fault("pending_refund")
        made = api.refund(capture["id"]).json()
        api.control("POST", f"/sandbox/refunds/{made['id']}/fail")
        receiver.wait_for_types("PAYMENT.REFUND.FAILED")
        assert (merchant(api), status_of(api, capture)) == (before, "COMPLETED")
        assert api.refund(capture["id"]).json()["status"] == "COMPLETED"
        url = f"{api.handle.url}/sandbox/refunds/{made['id']}/fail"
        assert requests.post(url, timeout=9).status_code == 409

    def test_failing_at_once_moves_nothing(self, api: Api) -> None:
        capture = api.paid()
        before = merchant(api)
        api.fault("failed_refund")
        assert api.refund(capture["id"]).json()["status"] == "FAILED"
        assert (merchant(api), status_of(api, capture)) == (before, "COMPLETED")

    def test_refusal_may_be_ordered(self, api: Api) -> None:
        capture = api.paid()
        api.fault("refuse_refund")
        refused = api.refund(capture["id"], PayPal_Request_Id="back-3")
        assert (refused.status_code, issue(refused)) == (422, "REFUND_FAILED_INSUFFICIENT_FUNDS")
        assert api.refund(capture["id"], PayPal_Request_Id="back-3").status_code == 201


class TestPaypalsOwnPages:
    def test_the_shop_hears_of_it_by_webhook_alone(self, api: Api, receiver) -> None:
        capture = api.paid()
        made = api.control("POST", f"/sandbox/captures/{capture['id']}/refund", value="2.50").json()
        assert made["amount"]["value"] == "2.50"
        assert status_of(api, capture) == "PARTIALLY_REFUNDED"
        receiver.wait_for_types("PAYMENT.CAPTURE.REFUNDED")
        api.control("POST", f"/sandbox/captures/{capture['id']}/refund")
        assert status_of(api, capture) == "REFUNDED"

    def test_a_person_is_told_why_not(self, api: Api) -> None:
        capture = api.paid()
        url = f"{api.handle.url}/sandbox/captures/{capture['id']}/refund"
        headers = {"Accept": "text/html"}
        refused = requests.post(url, data={"value": "99"}, headers=headers, timeout=9)
        assert refused.status_code == 409
        assert "refund amount must be less" in refused.text
        assert requests.post(url, headers=headers, timeout=9).ok
        page = requests.get(f"{api.handle.url}/sandbox", headers=headers, timeout=9).text
        assert "REFUNDED" in page
