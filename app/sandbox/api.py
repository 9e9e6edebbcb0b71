"""What every call of PayPal's REST API has in common: token, faults, idempotency, answer."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from flask import Response, request

from app.sandbox import orders, payouts
from app.sandbox.errors import BY_OPERATION, COMMON, NAMES, PaypalError, invalid, text
from app.sandbox.idempotency import Answer, fingerprint
from app.sandbox.payers import DEFAULT_PAYER
from app.sandbox.state import Sandbox, sandbox

MOCK_HEADER = "PayPal-Mock-Response"
REQUEST_ID = "PayPal-Request-Id"
# How long an answer waits for the shop to have heard of it first.
FIRST_HEARD_SECONDS = 15
RESET = "sandbox.reset"
BAD_REQUEST, UNAUTHORIZED, UNPROCESSABLE, TOO_MANY = 400, 401, 422, 429
# Issues that are no refusal of the request; all others are 422.
MOCK_STATUS = {
    "INTERNAL_SERVER_ERROR": 500,
    "INTERNAL_SERVICE_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
    "RATE_LIMIT_REACHED": 429,
    "INVALID_RESOURCE_ID": 404,
    "PERMISSION_DENIED": 403,
    "PREVIOUS_REQUEST_IN_PROGRESS": 409,
}


def perform(
    operation: str,
    work: Callable[[sqlite3.Connection], Answer],
    *,
    body: Any = None,
    keyed: bool = True,
) -> Response:
    """Carry out a call as PayPal would, faults included.

    Args:
        operation: one of `faults.OPERATIONS`.
        work: what is to be done, in one transaction.
        body: the parsed request, for comparing calls of the same PayPal-Request-Id.
        keyed: whether the PayPal-Request-Id makes a repeated call the same one.
    """
    box = sandbox()
    require_token(box)
    _refuse_if_told(box, operation)
    _mock(operation)
    request_id = request.headers.get(REQUEST_ID) if keyed and request.method == "POST" else None
    answer = box.guard.run(
        operation,
        request_id,
        fingerprint(request.path, body),
        before=lambda: _slow(box, operation),
        work=work,
    )
    box.dispatcher.nudge()
    if answer.status < BAD_REQUEST:
        _go_wrong_after(box, operation, answer)
    return json_answer(answer.status, answer.body)


def require_token(box: Sandbox) -> None:
    """PaypalError 401 unless the call carries a token of this sandbox that it still honours."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    with box.storage.transaction() as db:
        if box.faults.take("token_expired", operation=_operation()):
            db.execute("DELETE FROM token WHERE value = ?", (value,))
        row = db.execute(
            "SELECT 1 FROM token WHERE value = ? AND expires_at > ?", (value, box.clock.now())
        ).fetchone()
    if scheme.lower() != "bearer" or row is None:
        raise PaypalError(UNAUTHORIZED)


def _operation() -> str:
    """The fault's name of the call being made."""
    for operation in ("capture", "refund"):
        if request.path.endswith(f"/{operation}"):
            return operation
    if request.path.startswith("/v1/payments/payouts"):
        if request.path.endswith("/cancel"):
            return "cancel_payout"
        return {"GET": "get_payout"}.get(request.method, "payout")
    return {"GET": "get", "PATCH": "patch"}.get(request.method, "create")


def _refuse_if_told(box: Sandbox, operation: str) -> None:
    if box.faults.take("rate_limit", operation=operation):
        raise PaypalError(TOO_MANY)
    if error := box.faults.take("error_before_commit", operation=operation):
        raise PaypalError(error["status"])


def _slow(box: Sandbox, operation: str) -> None:
    if fault := box.faults.take("slow", operation=operation):
        box.stopping.wait(fault["seconds"])


def _go_wrong_after(box: Sandbox, operation: str, answer: Answer) -> None:
    """What is done is done, but the caller may not learn of it, or not first."""
    # All at once: while this call hangs, later ones must find the faults that are meant for them.
    told_first, hang, error, reset = (
        box.faults.take(kind, operation=operation)
        for kind in (
            "webhook_before_answer",
            "hang_after_commit",
            "error_after_commit",
            "reset_after_commit",
        )
    )
    if told_first:
        if operation == "create" and answer.body:
            with box.storage.transaction() as db:
                orders.approve(db, box, answer.body["id"], DEFAULT_PAYER)
        if operation == "payout":
            with box.storage.transaction() as db:
                payouts.advance(db, box)
        box.dispatcher.wait_until_tried(FIRST_HEARD_SECONDS)
    if hang:
        box.stopping.wait(hang["seconds"])
    if error:
        raise PaypalError(error["status"])
    if reset:
        request.environ[RESET] = True


def _mock(operation: str) -> None:
    """PayPal's own way of asking for an error: a header that names it.

    https://developer.paypal.com/tools/sandbox/negative-testing/request-headers/
    """
    header = request.headers.get(MOCK_HEADER)
    if header is None:
        return
    try:
        issue = json.loads(header)["mock_application_codes"]
    except (ValueError, KeyError, TypeError):
        raise invalid("INVALID_PARAMETER_SYNTAX", MOCK_HEADER) from None
    if not isinstance(issue, str):
        raise invalid("INVALID_PARAMETER_SYNTAX", MOCK_HEADER)
    status = MOCK_STATUS.get(issue, UNPROCESSABLE)
    if issue in COMMON or issue in BY_OPERATION.get(operation, {}):
        detail = {"issue": issue, "description": text(issue, operation)}
        raise PaypalError(status, [detail])
    if status == UNPROCESSABLE:
        raise invalid("INVALID_PARAMETER_VALUE", MOCK_HEADER, issue)
    raise PaypalError(status)


def read_json(*, required: bool) -> Any:
    """The request's JSON; PaypalError 415 for another type, 400 for what is no JSON."""
    raw = request.get_data()
    if not raw.strip():
        if required:
            raise invalid("MALFORMED_REQUEST_JSON")
        return None
    if request.mimetype != "application/json":
        raise PaypalError(415)
    try:
        return json.loads(raw.decode())  # PayPal's JSON is UTF-8, and so it is signed
    except (ValueError, RecursionError):
        raise invalid("MALFORMED_REQUEST_JSON") from None


def wants_whole() -> bool:
    """Whether the caller prefers the whole resource to a short answer."""
    preferences = request.headers.get("Prefer", "").replace(" ", "").split(",")
    return "return=representation" in preferences


def json_answer(status: int, body: Any) -> Response:
    """An answer in JSON; the SDK fails on any other type."""
    content = "" if body is None else json.dumps(body)
    return Response(content, status, content_type="application/json")


def error_answer(error: PaypalError) -> Response:
    """A refusal in JSON."""
    body = error.to_json()
    answer = json_answer(error.status, body)
    answer.headers["Paypal-Debug-Id"] = body["debug_id"]
    return answer


def status_error(status: int) -> PaypalError:
    """The refusal for a status that the web server itself came upon, 400 where PayPal has none."""
    return PaypalError(status if status in NAMES else BAD_REQUEST)
