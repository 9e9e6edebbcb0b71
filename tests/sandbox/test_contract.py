"""The sandbox against PayPal's own descriptions, and against PayPal's own client."""

import json
import os
from pathlib import Path

import pytest
from paypalcheckoutsdk.core import PayPalEnvironment, PayPalHttpClient
from paypalcheckoutsdk.orders import (
    OrdersCaptureRequest,
    OrdersCreateRequest,
    OrdersGetRequest,
    OrdersPatchRequest,
)
from paypalcheckoutsdk.payments import CapturesGetRequest
from paypalhttp import HttpError

from app.sandbox import errors
from tests.contracts import paypal_openapi
from tests.contracts.calls import Contract
from tests.contracts.paypal_openapi import DIRECTORY, ContractBroken, needs_openapi
from tests.sandbox.conftest import Api, order, with_wallet
from tests.support.sandbox import SandboxHandle


@pytest.fixture
def client(sandbox: SandboxHandle, api: Api) -> PayPalHttpClient:
    """PayPal's client, unchanged but for the address."""
    return PayPalHttpClient(
        PayPalEnvironment(sandbox.client_id, sandbox.client_secret, sandbox.url, sandbox.url)
    )


class TestPaypalsOwnClient:
    def test_sale_from_beginning_to_end(self, client: PayPalHttpClient, api: Api) -> None:
        create = OrdersCreateRequest()
        create.headers["PayPal-Request-Id"] = "sdk-1"
        create.prefer("return=representation")
        create.request_body(with_wallet(order("9.99"), return_url="https://shop.example/back"))
        made = client.execute(create)
        assert (made.status_code, made.result.status) == (201, "PAYER_ACTION_REQUIRED")
        assert client.execute(create).status_code == 200

        order_id = made.result.id
        path = "/purchase_units/@reference_id=='default'/description"
        patch = OrdersPatchRequest(order_id)
        patch.request_body([{"op": "add", "path": path, "value": "A key"}])
        assert client.execute(patch).status_code == 204

        capture = OrdersCaptureRequest(order_id)
        capture.pay_pal_request_id("sdk-2")
        with pytest.raises(HttpError) as refused:
            client.execute(capture)
        assert refused.value.status_code == 422
        assert json.loads(refused.value.message)["details"][0]["issue"] == "ORDER_NOT_APPROVED"

        api.approve(order_id)
        assert client.execute(capture).result.status == "COMPLETED"
        shown = client.execute(OrdersGetRequest(order_id)).result
        assert shown.purchase_units[0].description == "A key"
        capture_id = shown.purchase_units[0].payments.captures[0].id
        assert client.execute(CapturesGetRequest(capture_id)).result.status == "COMPLETED"

    def test_refused_token_is_a_clear_error(self, sandbox: SandboxHandle) -> None:
        client = PayPalHttpClient(
            PayPalEnvironment(sandbox.client_id, "wrong", sandbox.url, sandbox.url)
        )
        with pytest.raises(HttpError) as refused:
            client.execute(OrdersGetRequest("X"))
        assert refused.value.status_code == 401


@needs_openapi
class TestDescriptions:
    def test_calls_of_these_tests_are_checked(self, api: Api, contract: Contract) -> None:
        api.paid()
        assert contract.checked == 2

    @pytest.mark.parametrize(
        ("operation", "call", "status"),
        [
            ("create", "orders.create", 400),
            ("create", "orders.create", 422),
            ("capture", "orders.capture", 400),
            ("capture", "orders.capture", 422),
            ("patch", "orders.patch", 400),
            ("patch", "orders.patch", 422),
            ("get", "orders.get", 404),
            ("refund", "captures.refund", 403),
            ("refund", "captures.refund", 404),
            ("refund", "captures.refund", 409),
            ("refund", "captures.refund", 422),
            ("get", "refunds.get", 404),
        ],
    )
    def test_texts_are_paypals_word_for_word(self, operation: str, call: str, status: int) -> None:
        texts = paypal_openapi.issue_texts(call, status)
        known = errors.COMMON | errors.BY_OPERATION.get(operation, {})
        common = texts.keys() & known.keys()
        assert common
        for issue in common:
            assert not texts[issue] or known[issue] in texts[issue], issue

    def test_every_text_is_from_a_description(self) -> None:
        listed = {
            call.partition(".")[2]: set().union(
                *(paypal_openapi.issue_texts(call, status) for status in statuses)
            )
            for call, statuses in {
                "orders.create": (400, 401, 422),
                "orders.get": (401, 404),
                "orders.capture": (400, 403, 422),
                "orders.patch": (400, 422),
                "captures.refund": (400, 403, 404, 409, 422),
            }.items()
        }
        everywhere = set().union(*listed.values())
        assert errors.COMMON.keys() <= everywhere
        for operation, own in errors.BY_OPERATION.items():
            assert own.keys() <= listed[operation]
        assert listed["capture"] >= errors.DECLINES
        assert listed["refund"] >= errors.REFUND_REFUSALS

    def test_misspelled_fields_of_requests_are_found(self) -> None:
        good = order()
        paypal_openapi.validate_request("orders.create", good)
        misspelled = json.loads(json.dumps(good).replace("custom_id", "costum_id"))
        with pytest.raises(ContractBroken, match="/purchase_units/0/costum_id"):
            paypal_openapi.validate_request("orders.create", misspelled)
        ours = good | {"status": "COMPLETED"}
        with pytest.raises(ContractBroken, match="/status"):
            paypal_openapi.validate_request("orders.create", ours)

    def test_wrong_answers_are_found(self, api: Api) -> None:
        body = api.show(api.new_order())
        paypal_openapi.validate_response("orders.get", 200, body)
        with pytest.raises(ContractBroken, match="HALF_PAID"):
            paypal_openapi.validate_response("orders.get", 200, body | {"status": "HALF_PAID"})
        with pytest.raises(ContractBroken):
            paypal_openapi.validate_response("orders.get", 404, {"name": "GONE"})


@pytest.mark.skipif(not os.environ.get("CI"), reason="elsewhere than in CI they may be absent")
def test_ci_has_the_descriptions() -> None:
    assert paypal_openapi.AVAILABLE, f"PayPal's OpenAPI descriptions are not in {DIRECTORY}"


def test_descriptions_are_not_in_the_repository() -> None:
    root = Path(__file__).resolve().parents[2]
    assert not paypal_openapi.DIRECTORY.is_relative_to(root)
