"""A clock that can be moved forward, so that hours pass in a test within a moment."""

import time
from datetime import UTC, datetime

from app.sandbox.storage import Storage

OFFSET = "clock_offset"


class Clock:
    """The sandbox's time: the machine's, plus what it was advanced by."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        with storage.transaction() as db:
            row = db.execute("SELECT value FROM setting WHERE name = ?", (OFFSET,)).fetchone()
        self._offset = float(row["value"]) if row else 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`; it stays so after a restart."""
        self._offset += seconds
        with self._storage.transaction() as db:
            db.execute(
                "INSERT INTO setting VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (OFFSET, str(self._offset)),
            )

    def reset(self) -> None:
        """Go by the machine's time again."""
        self._offset = 0.0


def iso(seconds: float) -> str:
    """A moment as PayPal writes it: `2026-11-23T08:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_iso(text: str) -> float:
    """Seconds since the epoch of an Internet date; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {text!r}")
    return moment.timestamp()
