"""One PayPal-Request-Id, one effect: the first answer is kept and given again.

https://developer.paypal.com/api/rest/reference/idempotency/
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.sandbox.clock import Clock
from app.sandbox.errors import in_progress, invalid, unprocessable
from app.sandbox.storage import Storage

KEPT_SECONDS = 6 * 3600  # for orders
# What is known already is answered 200 where PayPal describes that; of a refund it describes 201.
SAYS_200_AGAIN = frozenset({"create", "capture"})
KEPT_LONGER = {"refund": 45 * 24 * 3600}
MAX_LENGTH = 108
UNPROCESSABLE = 422


@dataclass(frozen=True)
class Answer:
    """What a call is answered.

    Attributes:
        kept: whether the same request id gets this very answer again. A refusal that tried the
            payment is kept; one that tried nothing is not.
    """

    status: int
    body: dict[str, Any] | None = None
    kept: bool = True


class Guard:
    """Runs work once per request id."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._lock = threading.Lock()
        self._working: set[tuple[str, str]] = set()

    def run(
        self,
        operation: str,
        request_id: str | None,
        fingerprint: str,
        *,
        before: Callable[[], None],
        work: Callable[[sqlite3.Connection], Answer],
    ) -> Answer:
        """Do the work and keep its answer, or give the kept one.

        Args:
            operation: such as `create`; ids of one operation say nothing to another.
            request_id: None does the work unguarded.
            fingerprint: what the request asks for.
            before: runs ahead of fresh work, outside of any transaction.
            work: runs in one transaction with the keeping of its answer.

        Raises:
            PaypalError: 409 while the same id is being worked on, 422 if it asked for something
                else before, and whatever the work raises (nothing is kept then).
        """
        if request_id is None:
            before()
            with self._storage.transaction() as db:
                return work(db)
        if not 1 <= len(request_id) <= MAX_LENGTH:
            raise invalid("INVALID_STRING_LENGTH", "PayPal-Request-Id")
        key = (operation, request_id)
        with self._lock:
            if key in self._working:
                raise in_progress()
            self._working.add(key)
        try:
            with self._storage.transaction() as db:
                kept = self._kept(db, key, fingerprint)
            if kept is not None:
                return kept
            before()
            with self._storage.transaction() as db:
                answer = work(db)
                if answer.kept:
                    self._keep(db, key, fingerprint, answer)
            return answer
        finally:
            with self._lock:
                self._working.remove(key)

    def _kept(
        self, db: sqlite3.Connection, key: tuple[str, str], fingerprint: str
    ) -> Answer | None:
        row = db.execute(
            "SELECT * FROM idempotency WHERE operation = ? AND request_id = ? AND expires_at > ?",
            (*key, self._clock.now()),
        ).fetchone()
        if row is None:
            return None
        if row["fingerprint"] != fingerprint:
            raise unprocessable("INCOMPATIBLE_PARAMETER_VALUE", "PayPal-Request-Id", key[1])
        body = json.loads(row["body"])
        is_known = key[0] in SAYS_200_AGAIN and row["status"] != UNPROCESSABLE
        return Answer(200 if is_known else row["status"], body)

    def _keep(
        self, db: sqlite3.Connection, key: tuple[str, str], fingerprint: str, answer: Answer
    ) -> None:
        db.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
            (
                *key,
                fingerprint,
                answer.status,
                json.dumps(answer.body),
                self._clock.now() + KEPT_LONGER.get(key[0], KEPT_SECONDS),
            ),
        )


def fingerprint(path: str, body: Any) -> str:
    """What a request asks for, whatever its spacing; no body and an empty object are the same."""
    canonical = json.dumps(body or {}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{path}\n{canonical}".encode()).hexdigest()
