"""A circuit breaker: once a server has kept somebody waiting in vain, the others go on at once.

After a pause one of them tries again, and the others still do not wait, until it answers.
"""

import logging
import threading
import time

log = logging.getLogger(__name__)


class Breaker:
    """Whether a server is worth asking, for all threads of a process."""

    def __init__(self, name: str, pause_seconds: float) -> None:
        self._name = name
        self._pause = pause_seconds
        self._lock = threading.Lock()
        self._closed_until: float | None = None  # None: it answers

    def allows(self) -> bool:
        """Whether to ask the server now; after the pause that is so for one who then finds out."""
        with self._lock:
            now = time.monotonic()
            if self._closed_until is not None:
                if now < self._closed_until:
                    return False
                self._closed_until = now + self._pause
            return True

    def failed(self) -> None:
        """It did not answer in time."""
        with self._lock:
            if self._closed_until is None:
                log.warning("a server does not answer", extra={"server": self._name})
            self._closed_until = time.monotonic() + self._pause

    def answered(self) -> None:
        """It has answered."""
        with self._lock:
            if self._closed_until is not None:
                log.warning("a server answers again", extra={"server": self._name})
            self._closed_until = None
