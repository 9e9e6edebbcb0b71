"""What is remembered of credentials, for seconds, while revocations are heard of."""

import hashlib
import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

from app.auth.gate import HEARTBEAT_SECONDS, Proof

T = TypeVar("T")
SECONDS = 10.0
SIZE = 10_000
PATIENCE_SECONDS = 2.5 * HEARTBEAT_SECONDS  # of silence on the stream


def key_of(request: bytes) -> bytes:
    """What a request is remembered by: what is remembered must not be a list of tokens."""
    return hashlib.sha256(request).digest()


class Memory(Generic[T]):
    """What good credentials are answered with: bounded in number and age, empty after silence."""

    def __init__(self, *, seconds: float = SECONDS, patience: float = PATIENCE_SECONDS) -> None:
        self._seconds = seconds
        self._patience = patience
        self._lock = threading.Lock()
        self._answers: OrderedDict[bytes, tuple[T, Proof, float]] = OrderedDict()
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

    def recall(self, key: bytes) -> T | None:
        """What is known of a credential, if it can be relied on."""
        with self._lock:
            found = self._answers.get(key)
            if found is None or not self._is_true():
                return None
            answer, proof, until = found
            over = proof.expires_at is not None and proof.expires_at <= datetime.now(UTC)
            if over or time.monotonic() >= until:
                del self._answers[key]
                return None
            return answer

    def remember(self, key: bytes, answer: T, proof: Proof, *, asked_at: int) -> None:
        """Keep an answer, unless something was revoked since `asked_at`: it may be older.

        `proof` is what it says, by which it is known when it ends.
        """
        with self._lock:
            if asked_at != self._changes or not self._is_true():
                return
            self._answers[key] = (answer, proof, time.monotonic() + self._seconds)
            self._answers.move_to_end(key)
            if len(self._answers) > SIZE:
                self._answers.popitem(last=False)

    def forget(self, user_id: UUID) -> None:
        """Drop all that is known of a person."""
        with self._lock:
            self._changes += 1
            for key in [
                key
                for key, (_answer, proof, _until) in self._answers.items()
                if proof.person.id == user_id
            ]:
                del self._answers[key]

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
        self._answers.clear()
