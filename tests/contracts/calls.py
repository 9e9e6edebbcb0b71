"""Holds every call of PayPal's API that this process makes against PayPal's own descriptions."""

import contextlib
import email
import email.policy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.contracts import paypal_openapi

# PayPal's descriptions know neither the token call nor the answer to too many calls.
UNDESCRIBED_PATHS = ("/v1/oauth2/", "/v1/notifications/certs/")
UNDESCRIBED_STATUSES = {429}


class Contract:
    """Checks calls of PayPal's API as they pass."""

    def __init__(self) -> None:
        self.requests_are_broken = False
        self.checked = 0
        self.broken: list[str] = []

    @contextlib.contextmanager
    def broken_requests(self) -> Iterator[None]:
        """Calls in here break PayPal's rules on purpose; their answers must still keep them."""
        self.requests_are_broken = True
        try:
            yield
        finally:
            self.requests_are_broken = False

    def check(self, request: requests.PreparedRequest, answer: requests.Response) -> None:
        """Raise ContractBroken if either side breaks PayPal's description."""
        parts = urlsplit(request.url)
        path = parts.path
        if not path.startswith(("/v1/", "/v2/")) or path.startswith(UNDESCRIBED_PATHS):
            return
        operation = paypal_openapi.operation_of(request.method, path)
        assert operation, f"PayPal describes no {request.method} {path}"
        if not self.requests_are_broken:
            paypal_openapi.validate_query(operation, parse_qsl(parts.query))
            _check_request(operation, request)
        if answer.status_code not in UNDESCRIBED_STATUSES:
            paypal_openapi.validate_response(operation, answer.status_code, _json(answer.content))
        self.checked += 1


def _check_request(operation: str, request: requests.PreparedRequest) -> None:
    kind = request.headers.get("Content-Type", "")
    if not kind.startswith("multipart/"):
        paypal_openapi.validate_request(operation, _json(request.body))
        return
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    parts = {
        part.get_param("name", header="content-disposition"): part for part in message.iter_parts()
    }
    body = _json(parts.pop("input").get_payload(decode=True)) if "input" in parts else {}
    paypal_openapi.validate_parts(operation, body, set(parts))


def _json(body: bytes | str | None) -> Any:
    return json.loads(body) if body else None


@contextlib.contextmanager
def checked_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Contract]:
    """Check every call in here, the SDK's too, where PayPal's descriptions are at hand."""
    contract = Contract()
    if paypal_openapi.AVAILABLE:
        send = requests.Session.send

        def checked(
            self: requests.Session, request: requests.PreparedRequest, **options: Any
        ) -> requests.Response:
            answer = send(self, request, **options)
            try:
                contract.check(request, answer)
            except AssertionError as error:
                contract.broken.append(str(error))  # whoever called may have caught it
                raise
            return answer

        monkeypatch.setattr(requests.Session, "send", checked)
    yield contract
    assert contract.broken == []
