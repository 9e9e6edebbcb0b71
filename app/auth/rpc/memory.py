"""What is remembered of credentials, for seconds, while revocations are heard of."""

import hashlib
import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime
from uuid import UUID

from app.auth.gate import HEARTBEAT_SECONDS, Proof
from app.auth.rpc.generated import auth_pb2 as pb

SECONDS = 10.0
SIZE = 10_000
PATIENCE_SECONDS = 2.5 * HEARTBEAT_SECONDS  # of silence on the stream


def key_of(request: pb.ValidateTokenRequest) -> bytes:
    """What a credential is remembered by: what is remembered must not be a list of tokens."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


class Memory:
    """Good credentials alone: bounded in number and age, empty after `patience` of silence."""

    def __init__(self, *, seconds: float = SECONDS, patience: float = PATIENCE_SECONDS) -> None:
        self._seconds = seconds
        self._patience = patience
        self._lock = threading.Lock()
        self._proofs: OrderedDict[bytes, tuple[Proof, float]] = OrderedDict()
        self._heard_at: float | None = None
        self._changes = 0

    @property
    def is_true(self) -> bool:
        """Whether it was heard lately that nothing else is revoked."""
        with self._lock:
            return self._is_true()

    def _is_true(self) -> bool:
        return self._heard_at is not None and time.monotonic() - self._heard_at < self._patience

    def moment(self) -> int:
        """Where it stands: to be noted before a question, and handed to `remember`."""
        with self._lock:
            return self._changes

    def recall(self, key: bytes) -> Proof | None:
        """What is known of a credential, if it can be relied on."""
        with self._lock:
            found = self._proofs.get(key)
            if found is None or not self._is_true():
                return None
            proof, until = found
            over = proof.expires_at is not None and proof.expires_at <= datetime.now(UTC)
            if over or time.monotonic() >= until:
                del self._proofs[key]
                return None
            return proof

    def remember(self, key: bytes, proof: Proof, *, asked_at: int) -> None:
        """Keep an answer, unless something was revoked since `asked_at`: it may be older."""
        with self._lock:
            if asked_at != self._changes or not self._is_true():
                return
            self._proofs[key] = (proof, time.monotonic() + self._seconds)
            self._proofs.move_to_end(key)
            if len(self._proofs) > SIZE:
                self._proofs.popitem(last=False)

    def forget(self, user_id: UUID) -> None:
        """Drop all that is known of a person."""
        with self._lock:
            self._changes += 1
            for key in [
                key for key, (proof, _) in self._proofs.items() if proof.person.id == user_id
            ]:
                del self._proofs[key]

    def hear(self, at: float | None = None) -> None:
        """`at` this moment of the monotonic clock, or now, all revocations had been heard of."""
        with self._lock:
            if not self._is_true():  # silent for a while: who knows what was missed
                self._start_anew()
            self._heard_at = time.monotonic() if at is None else at

    def lose(self) -> None:
        """Revocations are not heard of any more."""
        with self._lock:
            self._heard_at = None
            self._start_anew()

    def _start_anew(self) -> None:
        self._changes += 1
        self._proofs.clear()
