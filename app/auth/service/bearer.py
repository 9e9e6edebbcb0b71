"""Bearer tokens (RFC 6750): who calls, by an access token or an API key.

Access tokens are JWTs of ten minutes (RFC 9068). They end at once when the person's epoch moves.
An API key outlives a new password and a new role; it ends with its revocation, its time, and the
ban of its owner.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from flask import current_app

from app.auth import queries
from app.auth.errors import BadToken
from app.auth.models import User
from app.auth.scopes import scopes_for
from app.auth.service import api_keys, signing
from app.kit.ids import new_id

AUDIENCE = "byteshop-api"
LIFETIME = timedelta(minutes=10)
TYPE = "at+jwt"  # RFC 9068, section 2.1
MAX_LENGTH = 4096
_LEEWAY = timedelta(seconds=10)
_CLAIMS = ["iss", "aud", "sub", "jti", "ver", "typ", "scope", "iat", "nbf", "exp"]


@dataclass(frozen=True)
class Caller:
    """Who calls, as they stand now, and what for."""

    user: User
    scopes: frozenset[str]
    api_key_id: UUID | None
    expires_at: datetime | None


def verify(token: str) -> Caller:
    """Who shows this token; BadToken for one that is good for nothing, without saying why."""
    if not token or len(token) > MAX_LENGTH:
        raise BadToken
    if token.startswith(api_keys.MARK):
        return _by_key(token)
    return _by_jwt(token)


def _by_key(token: str) -> Caller:
    found = api_keys.use(token)
    if found is None:
        raise BadToken
    key, user = found
    return Caller(user, _allowed(user, key.scopes), key.id, key.expires_at)


def _by_jwt(token: str) -> Caller:
    claims = _claims(token)
    try:
        user = queries.get_user(UUID(claims["sub"]), fresh=True)
    except ValueError as error:
        raise BadToken from error
    if user is None or user.banned_at is not None or user.session_epoch != claims["ver"]:
        raise BadToken
    scopes = _allowed(user, claims["scope"].split())
    return Caller(user, scopes, None, datetime.fromtimestamp(claims["exp"], UTC))


def _claims(token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TYPE or not isinstance(header.get("kid"), str):
            raise BadToken
        key = signing.key_of(header["kid"])
        if key is None:
            raise BadToken
        claims: dict[str, Any] = jwt.decode(
            token,
            key.public,
            algorithms=["EdDSA"],
            audience=AUDIENCE,
            issuer=_issuer(),
            leeway=_LEEWAY,
            options={"require": _CLAIMS, "strict_aud": True},
        )
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise BadToken from error
    shapes = {"sub": str, "scope": str, "ver": int, "jti": str}
    if claims["typ"] != "access" or any(
        type(claims[name]) is not shape for name, shape in shapes.items()
    ):
        raise BadToken
    return claims


def _allowed(user: User, scopes: list[str]) -> frozenset[str]:
    """Those of the scopes that the person's roles still bear."""
    return frozenset(scopes) & frozenset(scope.value for scope in scopes_for(user))


def issue(user: User, scopes: list[str]) -> str:
    """An access token of this person's present epoch."""
    now = datetime.now(UTC)
    key = signing.live_keys()[0]
    claims = {
        "iss": _issuer(),
        "aud": AUDIENCE,
        "sub": str(user.id),
        "jti": str(new_id()),
        "ver": user.session_epoch,
        "typ": "access",
        "scope": " ".join(scopes),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
    }
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"kid": key.kid, "typ": TYPE})


def _issuer() -> str:
    return str(current_app.config["PUBLIC_URL"])
