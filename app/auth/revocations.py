"""Who watches whose credentials have ended: one subscription to Redis in a process, fanned out.

What was said while Redis was away is lost. So nobody is left to believe that nothing has happened:
every watcher is ended, and may begin anew once the subscription stands again.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Full, Queue
from typing import cast
from uuid import UUID

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.kit import live
from app.kit.errors import TooMany, Unavailable

log = logging.getLogger(__name__)
INBOX_SIZE = 1000
MAX_WATCHERS = 16
_LISTEN_SECONDS = 0.5
_ANSWER_SECONDS = 5.0
_HEALTH_SECONDS = 5  # between two looks whether a silent connection still stands
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
_READY_SECONDS = 1.0  # how long somebody waits for the subscription
_KEY = "revocation_hub"
_creation = threading.Lock()


class Interrupted(Unavailable):
    """Something may have been missed: what is known of credentials counts no more."""

    def __init__(self) -> None:
        super().__init__("watch_interrupted", "Revocations can't be watched now.", retry_after=1)


class TooManyWatchers(TooMany):
    """This process has as many watchers as it takes."""

    def __init__(self) -> None:
        super().__init__("too_many_watchers", "Too many watch revocations.", retry_after=10)


class TooSlow(TooMany):
    """The watcher did not read what there was for it."""

    def __init__(self) -> None:
        super().__init__("too_slow", "Revocations were not read in time.", retry_after=1)


class Watcher:
    """One that watches: a bounded inbox, and why it was ended."""

    def __init__(self) -> None:
        self._inbox: Queue[UUID | None] = Queue(INBOX_SIZE)
        self._end: type[Interrupted | TooSlow] | None = None

    def next(self, timeout: float) -> UUID | None:
        """The next person to ask anew about; None after so many seconds without one.

        Raises Interrupted, TooSlow once the watcher was ended.
        """
        if self._end is not None:
            raise self._end
        try:
            found = self._inbox.get(timeout=timeout)
        except Empty:
            return None
        if self._end is not None:
            raise self._end
        return found

    def put(self, user_id: UUID) -> None:
        """Tell of a person; whoever does not read is ended."""
        try:
            self._inbox.put_nowait(user_id)
        except Full:
            log.info("watcher of revocations dropped, it does not read")
            self.end(TooSlow)

    def end(self, reason: type[Interrupted | TooSlow]) -> None:
        """End the watcher, who may be waiting for its inbox."""
        self._end = reason
        with suppress(Full):  # then it has something else to wake up for
            self._inbox.put_nowait(None)


class Hub:
    """Knows every watcher of this process."""

    def __init__(self, redis_url: str) -> None:
        # No retries below: a connection made anew in silence would hide that news were lost.
        self._redis = Redis.from_url(
            redis_url,
            socket_connect_timeout=_ANSWER_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
            health_check_interval=_HEALTH_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._lock = threading.Lock()
        self._watchers: set[Watcher] = set()
        self._subscribed = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """A watcher that misses nothing from now on.

        Raises Interrupted while Redis can't be reached, TooManyWatchers.
        """
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="revocations", daemon=True)
                self._thread.start()
        if not self._subscribed.wait(_READY_SECONDS):
            raise Interrupted
        watcher = Watcher()
        with self._lock:
            if not self._subscribed.is_set():
                raise Interrupted
            if len(self._watchers) >= MAX_WATCHERS:
                raise TooManyWatchers
            self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            with self._lock:
                self._watchers.discard(watcher)

    def close(self) -> None:
        """End every watcher, and listen no more."""
        self._closed.set()
        self._end_all()
        if self._thread is not None:
            self._thread.join(_ANSWER_SECONDS)

    def _end_all(self) -> None:
        with self._lock:
            self._subscribed.clear()
            for watcher in self._watchers:
                watcher.end(Interrupted)
            self._watchers.clear()

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while not self._closed.is_set():
            subscription = self._redis.pubsub(  # type: ignore[no-untyped-call]  # redis-py
                ignore_subscribe_messages=False
            )
            try:
                subscription.subscribe(live.CHANNEL)
                while not self._closed.is_set():
                    message = subscription.get_message(timeout=_LISTEN_SECONDS)
                    if message is None:
                        continue
                    if message["type"] == "subscribe":
                        self._subscribed.set()
                        wait = _FIRST_WAIT
                    elif message["type"] == "message":
                        self._hand_out(message["data"])
            except (RedisError, OSError) as error:
                log.warning("revocations are not heard", extra={"error": str(error)})
            self._end_all()
            subscription.close()
            self._closed.wait(wait)
            wait = min(_LONGEST_WAIT, wait * 2)

    def _hand_out(self, data: bytes) -> None:
        try:
            user_id = live.user_of(json.loads(data)["topic"])
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("live update that can't be read")
            return
        if user_id is None:
            return
        with self._lock:
            for watcher in self._watchers:
                watcher.put(user_id)


def hub() -> Hub:
    """This process's hub; it starts to listen when somebody first watches."""
    extensions = current_app.extensions
    with _creation:
        if _KEY not in extensions:
            extensions[_KEY] = Hub(current_app.config["REDIS_URL"])
        return cast(Hub, extensions[_KEY])


def close_hub() -> None:
    """End this process's watchers, if there are any."""
    with _creation:
        found: Hub | None = current_app.extensions.pop(_KEY, None)
    if found is not None:
        found.close()
