"""The keys that sign access tokens: Ed25519 (RFC 8037), two of them live at a time."""

import base64
import time
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from flask import current_app
from sqlalchemy import func, select, text

from app.auth.models import SigningKey
from app.kit.crypto import Sealed, vault
from app.kit.db import session, transactional
from app.kit.ids import new_id

LIVE = 2
_KNOWN_FOR = 5.0  # seconds that a process may not know of a rotation
_PURPOSE = "signing_key"
_LOCK = 7_249_302  # PostgreSQL's advisory lock: one first key


@dataclass(frozen=True)
class LiveKey:
    """A key that counts; only the newest is signed with."""

    kid: str
    private: Ed25519PrivateKey

    @property
    def public(self) -> Ed25519PublicKey:
        """What tokens are verified with."""
        return self.private.public_key()

    def to_jwk(self) -> dict[str, Any]:
        """The public key as RFC 8037 writes it."""
        x = base64.urlsafe_b64encode(self.public.public_bytes_raw()).rstrip(b"=").decode()
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": x,
            "kid": self.kid,
            "use": "sig",
            "alg": "EdDSA",
        }


class KeyRing:
    """A process' memory of the live keys, the newest first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._keys: tuple[LiveKey, ...] = ()
        self._read_at = -_KNOWN_FOR

    def keys(self) -> tuple[LiveKey, ...]:
        """The live keys, read afresh every few seconds."""
        with self._lock:
            if time.monotonic() - self._read_at < _KNOWN_FOR:
                return self._keys
        keys = _read()
        with self._lock:
            self._keys, self._read_at = keys, time.monotonic()
        return keys

    def forget(self) -> None:
        """Read the keys anew at the next use."""
        with self._lock:
            self._read_at = -_KNOWN_FOR


def live_keys() -> tuple[LiveKey, ...]:
    """The keys that tokens are verified with, the newest first; the first use makes the first."""
    ring = _ring()
    found = ring.keys()
    if not found:
        make_first()
        ring.forget()
        found = ring.keys()
    return found


def key_of(kid: str) -> LiveKey | None:
    """The live key of this id; one that this process has not heard of yet is looked up."""
    for keys in (live_keys, _look_again):
        for key in keys():
            if key.kid == kid:
                return key
    return None


def _look_again() -> tuple[LiveKey, ...]:
    _ring().forget()
    return live_keys()


def rotate() -> str:
    """Make a new key that signs from now on; its id. The one before still counts, no older one."""
    kid = _rotate()
    _ring().forget()
    return kid


@transactional
def make_first() -> None:
    """Make a key unless there is one."""
    session().execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
    if not session().scalar(select(func.count()).select_from(SigningKey)):
        _add()


@transactional
def _rotate() -> str:
    session().execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
    kid = _add()
    session().flush()  # so that it is among those that are counted
    kept = select(SigningKey.id).order_by(SigningKey.id.desc()).limit(LIVE)
    for old in session().scalars(select(SigningKey).where(SigningKey.id.not_in(kept))):
        session().delete(old)
    return str(kid)


def _add() -> UUID:
    kid = new_id()
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sealed = vault().seal_secret(pem, purpose=_PURPOSE, ident=kid)
    session().add(SigningKey(id=kid, sealed=sealed.data, key_version=sealed.key_version))
    return kid


def _read() -> tuple[LiveKey, ...]:
    rows = session().scalars(select(SigningKey).order_by(SigningKey.id.desc()).limit(LIVE))
    return tuple(LiveKey(str(row.id), _open(row)) for row in rows)


def _open(row: SigningKey) -> Ed25519PrivateKey:
    pem = vault().open_secret(Sealed(row.sealed, row.key_version), purpose=_PURPOSE, ident=row.id)
    private = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    return private


def _ring() -> KeyRing:
    ring: KeyRing = current_app.extensions.setdefault("key_ring", KeyRing())
    return ring
