"""Captures: money taken once, later, or never; and the books that say so."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.sandbox.conftest import Api, issue, only_capture, order


class TestCapture:
    def test_approved_order_is_paid(self, api: Api) -> None:
        order_id = api.new_order()
        assert api.approve(order_id).json()["status"] == "APPROVED"
        answer = api.capture(order_id)
        assert answer.status_code == 201
        done = answer.json()
        assert done["status"] == "COMPLETED"
        capture = only_capture(done)
        assert capture["status"] == "COMPLETED"
        assert capture["seller_receivable_breakdown"]["paypal_fee"]["value"] == "0.93"
        assert capture["seller_receivable_breakdown"]["net_amount"]["value"] == "11.57"
        assert done["payer"]["payer_id"] == "PAYERBALANCE2"
        alone = api.call("GET", f"/v2/payments/captures/{capture['id']}").json()
        assert alone["supplementary_data"]["related_ids"]["order_id"] == order_id
        assert alone["amount"] == capture["amount"]

    def test_nobody_pays_before_approval(self, api: Api) -> None:
        answer = api.capture(api.new_order())
        assert (answer.status_code, issue(answer)) == (422, "ORDER_NOT_APPROVED")
        assert "payer-action" in {link["rel"] for link in answer.json()["links"]}

    def test_nobody_pays_twice(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id)
        api.capture(order_id)
        assert issue(api.capture(order_id)) == "ORDER_ALREADY_CAPTURED"

    def test_unknown_order_or_capture_is_not_found(self, api: Api) -> None:
        assert api.capture("0000000000000000A").status_code == 404
        assert api.call("GET", "/v2/payments/captures/0000000000000000A").status_code == 404

    def test_invoice_number_is_used_once(self, api: Api) -> None:
        api.paid(invoice_id="invoice-7")
        again = api.new_order(invoice_id="invoice-7")
        api.approve(again)
        assert issue(api.capture(again)) == "DUPLICATE_INVOICE_ID"
        assert api.show(again)["status"] == "APPROVED"

    def test_twenty_at_once_take_the_money_once(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id)
        before = api.books()["merchant"].get("EUR", 0)
        gate = threading.Barrier(20)

        def capture(number: int) -> requests.Response:
            gate.wait()
            return api.capture(order_id, PayPal_Request_Id=f"{order_id}-{number}")

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(capture, range(20)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [201] + [422] * 19
        refused = {issue(answer) for answer in answers if answer.status_code == 422}
        assert refused == {"ORDER_ALREADY_CAPTURED"}
        assert api.books()["merchant"]["EUR"] - before == 1157


class TestPayers:
    def test_empty_account_is_refused_once_per_order(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id, "empty")
        assert issue(api.capture(order_id)) == "INSTRUMENT_DECLINED"
        assert api.show(order_id)["status"] == "CREATED"
        assert issue(api.capture(order_id)) == "ORDER_NOT_APPROVED"
        api.approve(order_id, "empty")
        assert api.capture(order_id).status_code == 201

    def test_payer_may_ask_for_a_refusal(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id, decline=True)
        assert issue(api.capture(order_id)) == "INSTRUMENT_DECLINED"

    def test_echeck_waits_and_arrives(self, api: Api, receiver) -> None:
        order_id = api.new_order()
        api.approve(order_id, "echeck")
        before = api.books()["merchant"].get("EUR", 0)
        capture = only_capture(api.capture(order_id).json())
        assert (capture["status"], capture["status_details"]["reason"]) == ("PENDING", "ECHECK")
        assert "seller_receivable_breakdown" not in capture
        assert api.books()["merchant"].get("EUR", 0) == before
        receiver.wait_for_types("PAYMENT.CAPTURE.PENDING")
        api.control("POST", f"/sandbox/captures/{capture['id']}/complete")
        assert only_capture(api.show(order_id))["status"] == "COMPLETED"
        assert api.books()["merchant"]["EUR"] == before + 1157
        receiver.wait_for_types("PAYMENT.CAPTURE.COMPLETED")

    def test_echeck_that_never_arrives_frees_its_invoice_number(self, api: Api, receiver) -> None:
        order_id = api.new_order(invoice_id="invoice-8")
        api.approve(order_id, "echeck")
        capture = only_capture(api.capture(order_id).json())
        before = api.books()["merchant"].get("EUR", 0)
        api.control("POST", f"/sandbox/captures/{capture['id']}/deny")
        assert only_capture(api.show(order_id))["status"] == "DECLINED"
        assert api.books()["merchant"].get("EUR", 0) == before
        receiver.wait_for_types("PAYMENT.CAPTURE.DENIED")
        assert api.paid(invoice_id="invoice-8")["status"] == "COMPLETED"

    def test_only_pending_money_can_arrive(self, api: Api) -> None:
        capture = api.paid()
        url = f"{api.handle.url}/sandbox/captures/{capture['id']}/complete"
        assert requests.post(url, timeout=10).status_code == 409
        assert requests.post(url.replace(capture["id"], "X"), timeout=10).status_code == 404
        person = requests.post(url, headers={"Accept": "text/html"}, timeout=10)
        assert person.status_code == 409
        assert "This capture is COMPLETED" in person.text
        assert "<h1>PayPal" in person.text

    def test_paid_order_is_not_approved_again(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id)
        api.capture(order_id)
        url = f"{api.handle.url}/sandbox/orders/{order_id}/approve"
        assert requests.post(url, json={}, timeout=10).status_code == 409

    def test_ten_refusals_are_enough(self, api: Api) -> None:
        order_id = api.new_order()
        for _ in range(10):
            api.approve(order_id, decline=True)
            assert issue(api.capture(order_id)) == "INSTRUMENT_DECLINED"
        api.approve(order_id)
        assert issue(api.capture(order_id)) == "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED"


class TestBooks:
    def test_every_entry_sums_to_zero_and_agrees_with_the_captures(self, api: Api) -> None:
        for value, currency in [("12.50", "EUR"), ("3.33", "USD"), ("700", "JPY"), ("0.01", "EUR")]:
            body = order(value, currency)
            order_id = api.create(body).json()["id"]
            api.approve(order_id)
            assert api.capture(order_id).status_code == 201
        books = api.books()
        assert books["balanced"]
        assert set(books["sums"].values()) == {0}
        for currency in ("EUR", "USD", "JPY"):
            done = [
                capture
                for capture in books["captures"]
                if capture["currency"] == currency and capture["status"] == "COMPLETED"
            ]
            net = sum(capture["net_minor"] for capture in done)
            fees = sum(capture["fee_minor"] for capture in done)
            assert books["merchant"][currency] == net
            assert books["fees"][currency] == fees
            accounts = books["accounts"]
            banks = sum(accounts[name].get(currency, 0) for name in accounts if "bank:" in name)
            assert -banks == net + fees

    @pytest.mark.parametrize(
        ("value", "currency", "fee"),
        [
            ("100.00", "EUR", "3.98"),  # 3.49 + 0.49
            ("1.00", "EUR", "0.52"),  # 0.0349 rounds down
            ("1.29", "USD", "0.54"),  # 0.045021 rounds up
            ("0.10", "EUR", "0.10"),  # never above the payment
            ("1000", "JPY", "84"),  # 34.9 rounds up
        ],
    )
    def test_fee_is_rounded_half_up_in_the_currencys_smallest_unit(
        self, api: Api, value: str, currency: str, fee: str
    ) -> None:
        order_id = api.create(order(value, currency)).json()["id"]
        api.approve(order_id)
        breakdown = only_capture(api.capture(order_id).json())["seller_receivable_breakdown"]
        assert breakdown["paypal_fee"] == {"currency_code": currency, "value": fee}


class TestFeeLater:
    def test_merchant_has_all_of_it_until_the_fee_is_known(self, api: Api) -> None:
        before = api.books()["merchant"].get("EUR", 0)
        api.fault(kind="fee_later")
        order_id = api.new_order()
        api.approve(order_id)
        capture = only_capture(api.capture(order_id).json())
        assert capture["status"] == "COMPLETED"
        assert list(capture["seller_receivable_breakdown"]) == ["gross_amount"]
        assert api.books()["merchant"]["EUR"] - before == 1250
        fee = f"/sandbox/captures/{capture['id']}/fee"
        known = api.control("POST", fee).json()
        assert known["seller_receivable_breakdown"]["paypal_fee"]["value"] == "0.93"
        assert api.books()["merchant"]["EUR"] - before == 1157
        assert api.books()["balanced"]
        again = requests.post(f"{api.handle.url}{fee}", timeout=9)
        assert again.status_code == 409
