"""The token of forms in another shape in each answer, so that its bytes can't be guessed.

What is compressed gets shorter where it repeats: who can make a browser ask for pages, and sees how
long the answers are, learns bit by bit what of his own words stands in them a second time. No two
answers have the same token, so nothing is learnt of it (decision 0018).
"""

import base64
import binascii
import secrets

from flask import g
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf

_MASKED = "masked_csrf_token"


def token() -> str:
    """This answer's token, the same in each of its forms."""
    if _MASKED not in g:
        setattr(g, _MASKED, mask(generate_csrf()))
    return str(g.get(_MASKED))


def given_token() -> str | None:
    """The token that stands in this answer, None if none does."""
    found: str | None = g.get(_MASKED)
    return found


def mask(plain: str) -> str:
    """Random bytes, and the text in their cipher."""
    pad = secrets.token_bytes(len(plain))
    return base64.urlsafe_b64encode(pad + _crossed(plain.encode(), pad)).decode()


def unmask(masked: str) -> str | None:
    """What was masked; None for what was not."""
    try:
        both = base64.urlsafe_b64decode(masked)
        return _crossed(both[: len(both) // 2], both[len(both) // 2 :]).decode()
    except (binascii.Error, ValueError):
        return None


def _crossed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


class MaskedTokens(CSRFProtect):  # type: ignore[misc]  # flask-wtf carries no types
    """Flask-WTF's protection, which takes tokens with their masks on."""

    def _get_csrf_token(self) -> str | None:
        masked = super()._get_csrf_token()
        return unmask(masked) if masked else None


protection = MaskedTokens()
