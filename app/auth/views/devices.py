"""The cookie by which an account knows a browser again, so that strangers can't lock its owner out.

It logs nobody in: with it, the tries of this browser are counted apart from those of all others.
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

import hmac
from datetime import timedelta

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.auth.service.details import comparable_email
from app.kit.crypto import new_token

LIFETIME = timedelta(days=365)
_MAX_LENGTH = 500


def of(email: str) -> str:
    """The number that the account with this address has given to this browser, or ""."""
    email = comparable_email(email)
    shown = request.cookies.get(_name(email), "")
    if not shown or len(shown) > _MAX_LENGTH:
        return ""
    try:
        device = _signer(email).loads(shown, max_age=int(LIFETIME.total_seconds()))
    except BadSignature:
        return ""
    return device if isinstance(device, str) else ""


def remember(email: str) -> None:
    """Have this browser known to the account with this address; its owner has just proved it."""
    email = comparable_email(email)
    value = _signer(email).dumps(of(email) or new_token())

    @after_this_request
    def _set(response: Response) -> Response:
        response.set_cookie(
            _name(email),
            value,
            max_age=LIFETIME,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            samesite="Strict",
        )
        return response


def _name(email: str) -> str:
    """One for each account, so that a family's browser is known to all of them; tells of none."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    mark = hmac.digest(key, b"device:" + email.encode("utf-8", "replace"), "sha256").hex()[:16]
    prefix = "__Host-" if current_app.config["SESSION_COOKIE_SECURE"] else "byteshop_"
    return f"{prefix}device-{mark}"


def _signer(email: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.config["SECRET_KEY"]), salt=f"device:{email}")
