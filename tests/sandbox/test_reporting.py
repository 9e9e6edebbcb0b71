"""The list of transactions: what moved on the merchant's account, page by page."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

import pytest

from tests.contracts.calls import Contract
from tests.sandbox.conftest import Api, issue

PATH = "/v1/reporting/transactions"


def moment(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def address(api: Api, **changes: str) -> str:
    """A search of the last hour, and the next, by the sandbox's clock."""
    now = datetime.fromisoformat(api.control("GET", "/sandbox/clock").json()["now"])
    hour = timedelta(hours=1)
    given = {"start_date": moment(now - hour), "end_date": moment(now + hour)} | changes
    return f"{PATH}?{urlencode({name: value for name, value in given.items() if value})}"


def listed(api: Api, **changes: str) -> list[dict[str, object]]:
    """What stands on the first page."""
    answer = api.call("GET", address(api, **changes))
    assert answer.status_code == 200, answer.text
    details = answer.json().get("transaction_details", [])
    return [one["transaction_info"] for one in details]


class TestSearch:
    def test_payment_is_listed_with_its_fee_and_what_it_is_for(self, api: Api) -> None:
        capture = api.paid()
        [info] = listed(api, transaction_id=capture["id"], fields="transaction_info")
        assert info["transaction_event_code"] == "T0006"
        assert info["transaction_status"] == "S"
        assert info["transaction_amount"] == capture["amount"]
        assert info["fee_amount"] == {"currency_code": "EUR", "value": "-0.93"}
        assert info["custom_field"] == capture["custom_id"]
        assert info["invoice_id"] == capture["invoice_id"]

    def test_pending_money_moves_no_balance(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id, "echeck")
        [unit] = api.capture(order_id).json()["purchase_units"]
        capture_id = unit["payments"]["captures"][0]["id"]
        assert listed(api, transaction_id=capture_id) == []
        asked = {"transaction_id": capture_id, "balance_affecting_records_only": "N"}
        [info] = listed(api, **asked)
        assert (info["transaction_status"], "fee_amount" in info) == ("P", False)
        api.control("POST", f"/sandbox/captures/{capture_id}/complete")
        [info] = listed(api, transaction_id=capture_id)
        assert (info["transaction_status"], "fee_amount" in info) == ("S", True)

    def test_refused_money_is_denied(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id, "echeck")
        [unit] = api.capture(order_id).json()["purchase_units"]
        capture_id = unit["payments"]["captures"][0]["id"]
        api.control("POST", f"/sandbox/captures/{capture_id}/deny")
        asked = {"transaction_id": capture_id, "balance_affecting_records_only": "N"}
        assert [info["transaction_status"] for info in listed(api, **asked)] == ["D"]

    def test_refund_names_what_it_gives_back(self, api: Api) -> None:
        capture = api.paid()
        path = f"/v2/payments/captures/{capture['id']}/refund"
        refund = api.call("POST", path, {}, PayPal_Request_Id=capture["id"]).json()
        [info] = listed(api, transaction_id=refund["id"])
        assert info["transaction_event_code"] == "T1107"
        assert info["transaction_amount"] == {"currency_code": "EUR", "value": "-12.50"}
        assert info["paypal_reference_id"] == capture["id"]

    def test_all_of_it_adds_up_to_the_merchants_balance(self, api: Api) -> None:
        api.paid()
        api.paid(value="7.31", currency="USD")
        api.control("POST", "/sandbox/transactions", code="T0400", minor=-250, currency="USD")
        sums: dict[str, int] = {}
        page, pages = 1, 1
        while page <= pages:
            asked = {"start_date": "", "page": str(page), "page_size": "2"}
            old = datetime.now(UTC) - timedelta(days=20)
            body = api.call("GET", address(api, **asked | {"start_date": moment(old)})).json()
            pages = body["total_pages"]
            for one in body["transaction_details"]:
                info = one["transaction_info"]
                for money in (info["transaction_amount"], info.get("fee_amount")):
                    if money:
                        minor = int(money["value"].replace(".", ""))
                        currency = money["currency_code"]
                        sums[currency] = sums.get(currency, 0) + minor
            page += 1
        merchant = api.books()["merchant"]
        assert {name: sums.get(name) for name in ("EUR", "USD")} == {
            name: merchant[name] for name in ("EUR", "USD")
        }

    def test_pages_lead_to_each_other(self, api: Api) -> None:
        for _one in range(3):
            api.paid()
        first = api.call("GET", address(api, page_size="2")).json()
        assert first["page"] == 1
        assert first["total_items"] >= 3
        links = {link["rel"]: link["href"] for link in first["links"]}
        assert "prev" not in links
        parts = urlsplit(links["next"])
        second = api.call("GET", f"{parts.path}?{parts.query}").json()
        assert second["page"] == 2
        seen = [
            one["transaction_info"]["transaction_id"]
            for page in (first, second)
            for one in page["transaction_details"]
        ]
        assert len(seen) == len(set(seen)) >= 3

    def test_nothing_is_an_answer_too(self, api: Api) -> None:
        start, end = "2025-01-01T00:00:00Z", "2025-01-31T00:00:00Z"
        answer = api.call("GET", address(api, start_date=start, end_date=end)).json()
        assert (answer["total_items"], "transaction_details" in answer) == (0, False)

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"start_date": ""}, "MISSING_REQUIRED_PARAMETER"),
            ({"start_date": "yesterday"}, "INVALID_PARAMETER_SYNTAX"),
            ({"start_date": "2999-01-01T00:00:00Z"}, "INVALID_PARAMETER_VALUE"),
            ({"start_date": "2010-01-01T00:00:00Z"}, "INVALID_PARAMETER_VALUE"),
            ({"page": "0"}, "INVALID_PARAMETER_VALUE"),
            ({"page_size": "501"}, "INVALID_PARAMETER_VALUE"),
            ({"transaction_id": "short"}, "INVALID_STRING_LENGTH"),
            ({"balance_affecting_records_only": "maybe"}, "INVALID_PARAMETER_VALUE"),
        ],
    )
    def test_refusals_are_paypals(
        self, api: Api, contract: Contract, changes: dict[str, str], expected: str
    ) -> None:
        with contract.broken_requests():
            answer = api.call("GET", address(api, **changes))
        assert (answer.status_code, issue(answer)) == (400, expected)

    def test_no_more_than_31_days_at_once(self, api: Api) -> None:
        now = datetime.now(UTC)
        asked = {"start_date": moment(now - timedelta(days=32)), "end_date": moment(now)}
        answer = api.call("GET", address(api, **asked))
        assert answer.status_code == 400
        assert "31 days" in issue(answer)


def test_events_are_listed_page_by_page(api: Api) -> None:
    api.paid()
    api.paid()
    path = "/v1/notifications/webhooks-events?page_size=2&event_type=PAYMENT.CAPTURE.COMPLETED"
    seen: list[str] = []
    for _page in range(50):
        body = api.call("GET", path).json()
        seen += [event["id"] for event in body["events"]]
        following = [link["href"] for link in body["links"] if link["rel"] == "next"]
        if not following:
            break
        parts = urlsplit(following[0])
        path = f"{parts.path}?{parts.query}"
    everything = "/v1/notifications/webhooks-events?page_size=1000"
    events = api.call("GET", everything).json()["events"]
    assert seen == [
        event["id"] for event in events if event["event_type"] == "PAYMENT.CAPTURE.COMPLETED"
    ]
    assert len(seen) >= 2


@pytest.mark.parametrize(("letters", "status"), [(63, 201), (64, 400)])
def test_item_names_are_counted_as_paypal_counts(
    api: Api, contract: Contract, letters: int, status: int
) -> None:
    """127 units of UTF-16: a character beyond the Basic Multilingual Plane counts as two."""
    from_another_plane = "\N{CLINKING BEER MUGS}"
    money = {"currency_code": "EUR", "value": "1.00"}
    item = {"name": from_another_plane * letters, "quantity": "1", "unit_amount": money}
    body = {
        "intent": "CAPTURE",
        "purchase_units": [
            {"amount": {**money, "breakdown": {"item_total": money}}, "items": [item]}
        ],
    }
    with contract.broken_requests():
        answer = api.create(body)
    assert answer.status_code == status
    if status == 400:
        assert issue(answer) == "INVALID_STRING_LENGTH"


@pytest.mark.parametrize(
    ("code", "status"),
    [("INSTRUMENT_DECLINED", 422), ("INTERNAL_SERVER_ERROR", 500), ("RATE_LIMIT_REACHED", 429)],
)
def test_errors_are_had_as_paypals_own_sandbox_gives_them(api: Api, code: str, status: int) -> None:
    order_id = api.new_order()
    api.approve(order_id)
    mock = f'{{"mock_application_codes": "{code}"}}'
    answer = api.capture(order_id, PayPal_Mock_Response=mock)
    assert answer.status_code == status
    assert api.capture(order_id).status_code == 201

    def test_payout_is_listed_with_its_fee_and_so_is_what_comes_back(self, api: Api) -> None:
        api.paid(value="50.00")
        item = {
            "recipient_type": "EMAIL",
            "receiver": "anna+unclaimed@example.com",
            "amount": {"currency": "EUR", "value": "10.00"},
            "sender_item_id": "number-7",
        }
        body = {"sender_batch_header": {"sender_batch_id": "listed-1"}, "items": [item]}
        batch = api.call("POST", "/v1/payments/payouts", body).json()["batch_header"]
        path = f"/v1/payments/payouts/{batch['payout_batch_id']}"
        [sent] = api.call("GET", path).json()["items"]
        [info] = listed(api, transaction_id=sent["transaction_id"])
        assert info["transaction_event_code"] == "T0001"
        assert info["transaction_amount"] == {"currency_code": "EUR", "value": "-10.00"}
        assert info["fee_amount"] == {"currency_code": "EUR", "value": "-0.20"}
        assert info["custom_field"] == "number-7"
        api.call("POST", f"/v1/payments/payouts-item/{sent['payout_item_id']}/cancel")
        [back] = listed(api, transaction_type="T1114")
        assert back["paypal_reference_id"] == sent["transaction_id"]
        assert back["fee_amount"] == {"currency_code": "EUR", "value": "0.20"}
