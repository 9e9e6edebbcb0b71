"""POST /v1/oauth2/token: the client's credentials against a token.

https://developer.paypal.com/api/rest/authentication/
"""

import secrets

from flask import Blueprint, Response, request

from app.sandbox.api import json_answer
from app.sandbox.clock import iso
from app.sandbox.errors import PaypalError
from app.sandbox.state import sandbox

TOKEN_SECONDS = 32_400
SCOPE = "https://uri.paypal.com/services/payments/payment"
BAD_REQUEST, UNAUTHORIZED, TOO_MANY = 400, 401, 429

blueprint = Blueprint("oauth", __name__)


@blueprint.post("/v1/oauth2/token")
def token() -> Response:
    """A bearer token for the merchant's REST app."""
    box = sandbox()
    if box.faults.take("rate_limit", operation="token"):
        raise PaypalError(TOO_MANY)
    if fault := box.faults.take("slow", operation="token"):
        box.stopping.wait(fault["seconds"])
    if not _is_client():
        return _refused(UNAUTHORIZED, "invalid_client", "Client Authentication failed")
    if request.form.get("grant_type") != "client_credentials":
        return _refused(
            BAD_REQUEST, "unsupported_grant_type", "Grant Type is NULL or not supported"
        )
    value = f"A21AA{secrets.token_urlsafe(64)}"
    now = box.clock.now()
    with box.storage.transaction() as db:
        db.execute("DELETE FROM token WHERE expires_at <= ?", (now,))
        db.execute("INSERT INTO token VALUES (?, ?)", (value, now + TOKEN_SECONDS))
    return json_answer(
        200,
        {
            "scope": SCOPE,
            "access_token": value,
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": TOKEN_SECONDS,
            "nonce": f"{iso(now)}{secrets.token_urlsafe(32)}",
        },
    )


def _is_client() -> bool:
    box, sent = sandbox(), request.authorization
    if sent is None or sent.type != "basic":
        return False
    pair = f"{sent.username}:{sent.password}"
    ours = f"{box.config.client_id}:{box.config.client_secret}"
    return secrets.compare_digest(pair.encode(), ours.encode())


def _refused(status: int, error: str, description: str) -> Response:
    return json_answer(status, {"error": error, "error_description": description})
