"""The public keys of access tokens (RFC 7517)."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.auth.service import signing
from app.kit.access import Access, allow

SECONDS = 300

blueprint = Blueprint("keys", __name__)


@blueprint.get("/.well-known/jwks.json")
@allow(Access.PUBLIC)
def jwks() -> ResponseReturnValue:
    """What other services verify tokens with: the key that signs, and the one before it."""
    response = jsonify(keys=[key.to_jwk() for key in signing.live_keys()])
    response.headers["Cache-Control"] = f"public, max-age={SECONDS}"
    return response
