"""A sandbox as a process, a receiver of its webhooks, and every call held against the contract."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from app.embedded.processes import free_port
from tests.contracts import paypal_openapi
from tests.contracts.calls import Contract, checked_calls
from tests.support.sandbox import SandboxHandle, start_sandbox
from tests.support.webhook_receiver import Receiver

SECONDS = 30


@pytest.fixture(autouse=True)
def contract(monkeypatch: pytest.MonkeyPatch) -> Iterator[Contract]:
    """Every call of this process keeps to PayPal's descriptions."""
    with checked_calls(monkeypatch) as contract:
        yield contract


class Api:
    """PayPal's API as a shop would call it, without the SDK."""

    def __init__(self, handle: SandboxHandle) -> None:
        self.handle = handle
        self.session = requests.Session()
        self.log_in()

    def log_in(self) -> None:
        """Take a token."""
        answer = requests.post(
            f"{self.handle.url}/v1/oauth2/token",
            auth=(self.handle.client_id, self.handle.client_secret),
            data={"grant_type": "client_credentials"},
            timeout=SECONDS,
        )
        assert answer.status_code == 200, answer.text
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One call; header names are written with underscores."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.request(
            method, f"{self.handle.url}{path}", json=body, headers=names, timeout=SECONDS
        )

    def create(self, body: dict[str, Any] | None = None, **headers: str) -> requests.Response:
        """Create an order, an ordinary one unless told otherwise; whole answer."""
        headers = {"Prefer": "return=representation", **headers}
        return self.call(
            "POST", "/v2/checkout/orders", order() if body is None else body, **headers
        )

    def new_order(self, **changes: Any) -> str:
        """The id of a new order."""
        answer = self.create(order(**changes))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def capture(self, order_id: str, **headers: str) -> requests.Response:
        """Capture an order."""
        headers = {"Prefer": "return=representation", **headers}
        return self.call("POST", f"/v2/checkout/orders/{order_id}/capture", **headers)

    def show(self, order_id: str) -> dict[str, Any]:
        """The order as it stands."""
        answer = self.call("GET", f"/v2/checkout/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def paid(self, **changes: Any) -> dict[str, Any]:
        """The only capture of a new, approved and captured order."""
        order_id = self.new_order(**changes)
        self.approve(order_id)
        answer = self.capture(order_id)
        assert answer.status_code == 201, answer.text
        return only_capture(answer.json())

    def approve(self, order_id: str, payer: str = "balance", **more: Any) -> requests.Response:
        """Say yes as a payer."""
        return self.control("POST", f"/sandbox/orders/{order_id}/approve", payer=payer, **more)

    def control(self, method: str, path: str, **body: Any) -> requests.Response:
        """Go through one of the sandbox's side doors."""
        answer = requests.request(method, f"{self.handle.url}{path}", json=body, timeout=SECONDS)
        assert answer.ok, answer.text
        return answer

    def refund(self, capture_id: str, body: Any = None, **headers: str) -> requests.Response:
        """Refund a capture, all that is left without a body; whole answer."""
        headers = {"Prefer": "return=representation", **headers}
        return self.call("POST", f"/v2/payments/captures/{capture_id}/refund", body, **headers)

    def fault(self, kind: str, **options: Any) -> None:
        """Let something go wrong."""
        self.control("POST", "/sandbox/faults", kind=kind, **options)

    def books(self) -> dict[str, Any]:
        """The sandbox's books."""
        books: dict[str, Any] = self.control("GET", "/sandbox/books").json()
        return books

    def deliveries(self) -> list[dict[str, Any]]:
        """Transmissions of events, newest first."""
        answer = self.control("GET", "/sandbox/webhooks")
        deliveries: list[dict[str, Any]] = answer.json()["deliveries"]
        return deliveries


def money(value: str, currency: str = "EUR") -> dict[str, str]:
    """PayPal's money object."""
    return {"currency_code": currency, "value": value}


def order(value: str = "12.50", currency: str = "EUR", **unit: Any) -> dict[str, Any]:
    """A request for an order of one thing; keyword arguments change its purchase unit."""
    amount = money(value, currency)
    ready = {
        "custom_id": str(uuid.uuid4()),
        "invoice_id": str(uuid.uuid4()),
        "amount": {**amount, "breakdown": {"item_total": amount}},
        "items": [
            {
                "name": "Key",
                "quantity": "1",
                "unit_amount": amount,
                "category": "DIGITAL_GOODS",
            }
        ],
    }
    return {"intent": "CAPTURE", "purchase_units": [ready | unit]}


def with_wallet(body: dict[str, Any], **context: str) -> dict[str, Any]:
    """The same order, paid from a PayPal account."""
    context = {"shipping_preference": "NO_SHIPPING", "user_action": "PAY_NOW", **context}
    return body | {"payment_source": {"paypal": {"experience_context": context}}}


def only_capture(shown: dict[str, Any]) -> dict[str, Any]:
    """The one capture of an order."""
    (unit,) = shown["purchase_units"]
    (capture,) = unit["payments"]["captures"]
    found: dict[str, Any] = capture
    return found


def issue(answer: requests.Response) -> str:
    """Why PayPal refuses."""
    return str(answer.json()["details"][0]["issue"])


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """Where the session's sandbox sends its webhooks."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="session")
def sandbox(
    receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxHandle]:
    """One sandbox for all tests that do not stop it."""
    handle = start_sandbox(tmp_path_factory.mktemp("paypal"), free_port(), receiver.url)
    yield handle
    handle.stop()


@pytest.fixture
def start(tmp_path: Any) -> Iterator[Callable[..., SandboxHandle]]:
    """Start sandboxes of a test's own; a second one of the same data takes up where it was."""
    started: list[SandboxHandle] = []

    def start_one(**options: Any) -> SandboxHandle:
        handle = start_sandbox(tmp_path / "paypal", free_port(), **options)
        started.append(handle)
        return handle

    yield start_one
    for handle in started:
        if handle.process.poll() is None:
            handle.stop()


@pytest.fixture
def api(sandbox: SandboxHandle, receiver: Receiver) -> Iterator[Api]:
    """The session's sandbox, as if it had just begun."""
    client = Api(sandbox)
    client.control("POST", "/sandbox/reset")
    receiver.clear()
    yield client
    client.control("POST", "/sandbox/reset")
    client.session.close()
    if paypal_openapi.AVAILABLE:
        for webhook in receiver.received:
            paypal_openapi.validate_event(webhook.event)
