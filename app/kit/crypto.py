"""Sealing of stock at rest, and the fingerprints that find duplicates."""

import base64
import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

NONCE_BYTES = 12  # NIST SP 800-38D: a random 96-bit nonce per message
TOKEN_BYTES = 32


class UnsealError(Exception):
    """A sealed value can't be opened: it was changed or moved, or its key is missing."""


@dataclass(frozen=True)
class Sealed:
    """A ciphertext (nonce first) and the version of the key that sealed it."""

    data: bytes
    key_version: int


class Vault:
    """Seals with the newest key, opens with any key it holds."""

    def __init__(self, keys: Mapping[int, bytes], fingerprint_key: bytes) -> None:
        self._ciphers = {version: AESGCM(key) for version, key in keys.items()}
        self._current = max(keys)
        self._fingerprint_key = fingerprint_key

    def seal(self, text: str, *, bound_to: bytes) -> Sealed:
        """AES-256-GCM of `text`, bound to its place, whatever that is, and the key's version."""
        nonce = os.urandom(NONCE_BYTES)
        cipher = self._ciphers[self._current]
        data = cipher.encrypt(nonce, text.encode(), _bound(bound_to, self._current))
        return Sealed(nonce + data, self._current)

    def open(self, sealed: Sealed, *, bound_to: bytes) -> str:
        """The clear text; UnsealError if it was changed or moved, or its key is missing."""
        nonce, data = sealed.data[:NONCE_BYTES], sealed.data[NONCE_BYTES:]
        try:
            cipher = self._ciphers[sealed.key_version]
            return cipher.decrypt(nonce, data, _bound(bound_to, sealed.key_version)).decode()
        except (KeyError, ValueError, InvalidTag) as error:
            raise UnsealError("a sealed value can't be opened") from error

    def seal_secret(self, text: str, *, purpose: str, ident: UUID) -> Sealed:
        """Like `seal`, for a secret of the shop itself, bound to its purpose and its row."""
        return self.seal(text, bound_to=purpose.encode() + ident.bytes)

    def open_secret(self, sealed: Sealed, *, purpose: str, ident: UUID) -> str:
        """The clear text of what `seal_secret` sealed; errors as `open`."""
        return self.open(sealed, bound_to=purpose.encode() + ident.bytes)

    def fingerprint(self, text: str) -> bytes:
        """HMAC-SHA256 of the NFC-normalised, trimmed value, under a key of its own."""
        normal = unicodedata.normalize("NFC", text).strip()
        return hmac.digest(self._fingerprint_key, normal.encode(), "sha256")


def vault() -> Vault:
    """The current application's."""
    return cast(Vault, current_app.extensions["vault"])


def _bound(place: bytes, key_version: int) -> bytes:
    return place + key_version.to_bytes(4, "big")


def new_token() -> str:
    """A random secret of 256 bits for links, sessions and the like."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def derived_token(purpose: str, ident: UUID) -> str:
    """A secret of 256 bits like `new_token`, but the same each time for one purpose and id.

    It comes of SECRET_KEY (HKDF, RFC 5869): who knows the id alone can't tell it.
    """
    derive = HKDF(SHA256(), TOKEN_BYTES, salt=None, info=purpose.encode() + ident.bytes).derive
    secret = derive(str(current_app.config["SECRET_KEY"]).encode())
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def token_hash(token: str) -> bytes:
    """What the database keeps of a random secret."""
    return hashlib.sha256(token.encode()).digest()
