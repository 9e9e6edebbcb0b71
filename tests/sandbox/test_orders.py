"""Orders: created, shown, changed; and the rules that a request must keep."""

from typing import Any

import pytest
import requests

from tests.contracts.calls import Contract
from tests.sandbox.conftest import Api, issue, money, order, with_wallet
from tests.support.sandbox import SandboxHandle


class TestToken:
    @pytest.mark.parametrize("credentials", [("test-client", "wrong"), ("wrong", "test-secret")])
    def test_wrong_credentials_get_no_token(
        self, sandbox: SandboxHandle, credentials: tuple[str, str]
    ) -> None:
        answer = requests.post(
            f"{sandbox.url}/v1/oauth2/token",
            auth=credentials,
            data={"grant_type": "client_credentials"},
            timeout=10,
        )
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"

    def test_other_grants_are_refused(self, sandbox: SandboxHandle) -> None:
        answer = requests.post(
            f"{sandbox.url}/v1/oauth2/token",
            auth=(sandbox.client_id, sandbox.client_secret),
            data={"grant_type": "password"},
            timeout=10,
        )
        assert answer.status_code == 400
        assert answer.json()["error"] == "unsupported_grant_type"

    def test_calls_without_a_good_token_are_refused(self, api: Api) -> None:
        api.session.headers["Authorization"] = "Bearer made-up"
        for answer in (api.create(), api.call("GET", "/v2/checkout/orders/X")):
            assert answer.status_code == 401
            assert answer.json()["name"] == "AUTHENTICATION_FAILURE"

    def test_token_ends_after_nine_hours(self, api: Api) -> None:
        assert api.create().status_code == 201
        api.control("POST", "/sandbox/clock", seconds=32_400)
        assert api.create().status_code == 401
        api.log_in()
        assert api.create().status_code == 201


class TestCreate:
    def test_order_is_made_and_shown(self, api: Api) -> None:
        wanted = order("12.50")
        answer = api.create(wanted)
        assert answer.status_code == 201
        assert answer.headers["Content-Type"] == "application/json"
        made = answer.json()
        assert made["status"] == "CREATED"
        (unit,) = made["purchase_units"]
        assert unit["amount"]["value"] == "12.50"
        assert unit["custom_id"] == wanted["purchase_units"][0]["custom_id"]
        assert unit["reference_id"] == "default"
        links = {link["rel"]: link["href"] for link in made["links"]}
        assert links["approve"].endswith(f"/checkoutnow?token={made['id']}")
        assert api.show(made["id"]) == made

    def test_minimal_answer_is_the_default(self, api: Api) -> None:
        made = api.create(Prefer="return=minimal").json()
        assert made.keys() == {"id", "status", "links"}

    def test_wallet_order_wants_the_payer_and_a_request_id(self, api: Api) -> None:
        wanted = with_wallet(order(), return_url="https://shop.example/back", locale="ru-RU")
        refused = api.create(wanted)
        assert (refused.status_code, issue(refused)) == (400, "PAYPAL_REQUEST_ID_REQUIRED")
        made = api.create(wanted, PayPal_Request_Id="wallet-1").json()
        assert made["status"] == "PAYER_ACTION_REQUIRED"
        assert "payer-action" in {link["rel"] for link in made["links"]}

    def test_several_units_of_one_currency(self, api: Api) -> None:
        wanted = order()
        second = order("1.00", reference_id="second")["purchase_units"][0]
        wanted["purchase_units"][0]["reference_id"] = "first"
        wanted["purchase_units"].append(second)
        order_id = api.create(wanted).json()["id"]
        api.approve(order_id)
        done = api.capture(order_id).json()
        values = [
            unit["payments"]["captures"][0]["amount"]["value"] for unit in done["purchase_units"]
        ]
        assert values == ["12.50", "1.00"]

    @pytest.mark.parametrize(
        ("value", "currency", "shown"),
        [("7", "EUR", "7.00"), ("7.5", "USD", "7.50"), (".50", "EUR", "0.50"), ("7", "JPY", "7")],
    )
    def test_amounts_are_shown_with_paypals_decimals(
        self, api: Api, value: str, currency: str, shown: str
    ) -> None:
        made = api.create(order(value, currency)).json()
        assert made["purchase_units"][0]["amount"]["value"] == shown

    @pytest.mark.parametrize(
        ("body", "status", "expected"),
        [
            ({"purchase_units": []}, 400, "MISSING_REQUIRED_PARAMETER"),
            (order() | {"intent": "STEAL"}, 400, "INVALID_PARAMETER_VALUE"),
            (order() | {"intent": "AUTHORIZE"}, 400, "NOT_SUPPORTED"),
            (order() | {"purchase_units": []}, 400, "INVALID_ARRAY_MIN_ITEMS"),
            (
                order() | {"purchase_units": order()["purchase_units"] * 11},
                400,
                "INVALID_ARRAY_MAX_ITEMS",
            ),
            (
                order() | {"purchase_units": order()["purchase_units"] * 2},
                422,
                "REFERENCE_ID_REQUIRED",
            ),
            (
                order() | {"purchase_units": order(reference_id="a")["purchase_units"] * 2},
                422,
                "DUPLICATE_REFERENCE_ID",
            ),
            (order() | {"payment_source": {"card": {}}}, 400, "NOT_SUPPORTED"),
            (order("0.00"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
            (order("-1.00"), 422, "CANNOT_BE_NEGATIVE"),
            (order("1.005"), 422, "DECIMAL_PRECISION"),
            (order("100.50", "JPY"), 422, "DECIMAL_PRECISION"),
            (order("100.00", "HUF"), 422, "DECIMAL_PRECISION"),
            (order("100.5", "TWD"), 422, "DECIMAL_PRECISION"),
            (order("1e3"), 400, "INVALID_PARAMETER_SYNTAX"),
            (order("١٢"), 400, "INVALID_PARAMETER_SYNTAX"),
            (order("9" * 16 + ".00"), 422, "MAX_VALUE_EXCEEDED"),
            (order("10.00", "RUB"), 422, "INVALID_CURRENCY_CODE"),
            (order(custom_id="x" * 128), 400, "INVALID_STRING_LENGTH"),
            (order(custom_id="\N{VIDEO GAME}" * 64), 400, "INVALID_STRING_LENGTH"),
            (order(custom_id=5), 400, "INVALID_PARAMETER_SYNTAX"),
            (order(payee={"email_address": "who@example.com"}), 422, "PAYEE_ACCOUNT_INVALID"),
            (order(amount=money("12.50")), 422, "ITEM_TOTAL_REQUIRED"),
            (
                order(amount=money("9.00") | {"breakdown": {"item_total": money("12.50")}}),
                422,
                "AMOUNT_MISMATCH",
            ),
            (
                order(amount=money("9.00") | {"breakdown": {"item_total": money("9.00")}}),
                422,
                "ITEM_TOTAL_MISMATCH",
            ),
            (
                order(amount=money("12.50") | {"breakdown": {"item_total": money("12.50", "USD")}}),
                422,
                "MULTI_CURRENCY_ORDER",
            ),
            (
                order(
                    items=[
                        {
                            "name": "Key",
                            "quantity": "1",
                            "unit_amount": money("12.50"),
                            "tax": money("1.00"),
                        }
                    ]
                ),
                422,
                "TAX_TOTAL_REQUIRED",
            ),
            (
                order(items=[{"name": "", "quantity": "1", "unit_amount": money("12.50")}]),
                400,
                "INVALID_STRING_LENGTH",
            ),
            (
                order(items=[{"name": "K", "quantity": "0", "unit_amount": money("12.50")}]),
                400,
                "INVALID_PARAMETER_SYNTAX",
            ),
            (order(custom_id="\ud800"), 400, "INVALID_PARAMETER_SYNTAX"),
            (with_wallet(order(), return_url="https://["), 400, "INVALID_PARAMETER_SYNTAX"),
            ("text", 400, "MALFORMED_REQUEST_JSON"),
        ],
    )
    def test_broken_rules_are_named(
        self, api: Api, contract: Contract, body: Any, status: int, expected: str
    ) -> None:
        with contract.broken_requests():
            answer = api.create(body)
        assert (answer.status_code, issue(answer)) == (status, expected)

    @pytest.mark.parametrize(
        ("content", "content_type", "status"),
        [
            (b'{"intent": ', "application/json", 400),
            (b"\xff\xfe", "application/json", 400),
            ('{"intent": "CAPTURE"}'.encode("utf-16"), "application/json", 400),
            (b"", "application/json", 400),
            (b"[" * 100_000, "application/json", 400),
            (b"intent=CAPTURE", "application/x-www-form-urlencoded", 415),
        ],
    )
    def test_what_is_no_json_is_refused(
        self, api: Api, contract: Contract, content: bytes, content_type: str, status: int
    ) -> None:
        with contract.broken_requests():
            answer = api.session.post(
                f"{api.handle.url}/v2/checkout/orders",
                data=content,
                headers={"Content-Type": content_type},
                timeout=10,
            )
        assert answer.status_code == status

    def test_unknown_order_is_not_found(self, api: Api) -> None:
        answer = api.call("GET", "/v2/checkout/orders/0000000000000000A")
        assert (answer.status_code, issue(answer)) == (404, "INVALID_RESOURCE_ID")


class TestPatch:
    PATH = "/purchase_units/@reference_id=='default'"

    def change(self, api: Api, order_id: str, *changes: dict[str, Any]) -> requests.Response:
        return api.call("PATCH", f"/v2/checkout/orders/{order_id}", list(changes))

    def test_texts_are_replaced_added_and_removed(self, api: Api) -> None:
        order_id = api.new_order()
        answer = self.change(
            api,
            order_id,
            {"op": "replace", "path": f"{self.PATH}/custom_id", "value": "other"},
            {"op": "add", "path": f"{self.PATH}/description", "value": "A key"},
            {"op": "remove", "path": f"{self.PATH}/invoice_id"},
        )
        assert (answer.status_code, answer.text) == (204, "")
        (unit,) = api.show(order_id)["purchase_units"]
        assert (unit["custom_id"], unit["description"]) == ("other", "A key")
        assert "invoice_id" not in unit

    def test_amount_is_replaced_before_approval_only(self, api: Api) -> None:
        order_id = api.new_order(items=[])
        amount = {"op": "replace", "path": f"{self.PATH}/amount", "value": money("3.00")}
        assert self.change(api, order_id, amount).status_code == 204
        assert api.show(order_id)["purchase_units"][0]["amount"]["value"] == "3.00"
        api.approve(order_id)
        dearer = amount | {"value": money("4.00")}
        assert issue(self.change(api, order_id, dearer)) == "AMOUNT_CHANGE_NOT_ALLOWED"

    def test_completed_order_stays_as_it_is(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id)
        api.capture(order_id)
        change = {"op": "replace", "path": f"{self.PATH}/custom_id", "value": "x"}
        assert issue(self.change(api, order_id, change)) == "ORDER_ALREADY_COMPLETED"

    @pytest.mark.parametrize(
        ("change", "status", "expected"),
        [
            ({"op": "replace", "path": "/intent", "value": "AUTHORIZE"}, 422, "NOT_PATCHABLE"),
            ({"op": "move", "path": f"{PATH}/custom_id"}, 400, "INVALID_PARAMETER_VALUE"),
            ({"op": ["add"], "path": f"{PATH}/custom_id"}, 400, "INVALID_PARAMETER_VALUE"),
            ({"op": "replace", "value": "x"}, 422, "PATCH_PATH_REQUIRED"),
            ({"op": "replace", "path": f"{PATH}/custom_id"}, 422, "PATCH_VALUE_REQUIRED"),
            (
                {"op": "replace", "path": "custom_id", "value": "x"},
                422,
                "INVALID_JSON_POINTER_FORMAT",
            ),
            (
                {"op": "add", "path": f"{PATH}/custom_id", "value": "x"},
                400,
                "INVALID_PATCH_OPERATION",
            ),
            (
                {
                    "op": "replace",
                    "path": "/purchase_units/@reference_id=='other'/custom_id",
                    "value": "x",
                },
                422,
                "REFERENCE_ID_NOT_FOUND",
            ),
            (
                {"op": "replace", "path": f"{PATH}/amount", "value": money("1.00")},
                422,
                "ITEM_TOTAL_REQUIRED",
            ),
        ],
    )
    def test_broken_changes_change_nothing(
        self, api: Api, contract: Contract, change: dict[str, Any], status: int, expected: str
    ) -> None:
        order_id = api.new_order()
        before = api.show(order_id)
        good = {"op": "replace", "path": f"{self.PATH}/custom_id", "value": "good"}
        with contract.broken_requests():
            answer = self.change(api, order_id, good, change)
        assert (answer.status_code, issue(answer)) == (status, expected)
        assert api.show(order_id) == before


def test_yes_is_taken_back_before_the_money_is_fetched(api: Api) -> None:
    order_id = api.new_order()
    api.approve(order_id)
    api.control("POST", f"/sandbox/orders/{order_id}/take-back")
    assert api.show(order_id)["status"] == "CREATED"
    assert api.capture(order_id).json()["details"][0]["issue"] == "ORDER_NOT_APPROVED"
    again = requests.post(
        f"{api.handle.url}/sandbox/orders/{order_id}/take-back", json={}, timeout=9
    )
    assert again.status_code == 409
    api.approve(order_id)
    assert api.capture(order_id).status_code == 201
