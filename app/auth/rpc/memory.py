"""What a client of the auth service remembers, for seconds, while it hears of revocations."""

import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime
from uuid import UUID

from app.auth.gate import HEARTBEAT_SECONDS, Proof

SECONDS = 10.0
SIZE = 10_000
PATIENCE_SECONDS = 2.5 * HEARTBEAT_SECONDS  # of silence on the stream


class Memory:
    """Good credentials alone: bounded in number and age, empty whenever the stream is not heard."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._proofs: OrderedDict[tuple[str, str], tuple[Proof, float]] = OrderedDict()
        self._heard_at: float | None = None
        self._changes = 0

    @property
    def is_true(self) -> bool:
        """Whether the stream of revocations was heard lately."""
        with self._lock:
            return self._is_true()

    def _is_true(self) -> bool:
        return self._heard_at is not None and time.monotonic() - self._heard_at < PATIENCE_SECONDS

    def moment(self) -> int:
        """Where it stands: to be noted before a question, and handed to `remember`."""
        with self._lock:
            return self._changes

    def recall(self, key: tuple[str, str]) -> Proof | None:
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

    def remember(self, key: tuple[str, str], proof: Proof, *, asked_at: int) -> None:
        """Keep an answer, unless something was revoked since `asked_at`: it may be older."""
        with self._lock:
            if asked_at != self._changes or not self._is_true():
                return
            self._proofs[key] = (proof, time.monotonic() + SECONDS)
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

    def hear(self) -> None:
        """The stream lives."""
        with self._lock:
            if not self._is_true():  # silent for a while: who knows what was missed
                self._start_anew()
            self._heard_at = time.monotonic()

    def lose(self) -> None:
        """The stream has ended."""
        with self._lock:
            self._heard_at = None
            self._start_anew()

    def _start_anew(self) -> None:
        self._changes += 1
        self._proofs.clear()
