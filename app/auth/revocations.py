"""Who watches whose credentials have ended, in this process.

What was said while Redis was away is lost. So nobody is left to believe that nothing has happened:
every watcher is ended, and may begin anew once Redis is listened to again.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

from flask import current_app

from app.kit.errors import TooMany, Unavailable
from app.kit.live.publishing import user_of
from app.kit.live.subscription import Inbox, News, Subscription, subscription

log = logging.getLogger(__name__)
INBOX_SIZE = 1000
MAX_WATCHERS = 16
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
        self._inbox: Inbox[UUID | None] = Inbox(INBOX_SIZE)
        self._end: type[Interrupted | TooSlow] | None = None

    def next(self, timeout: float) -> UUID | None:
        """The next person to ask anew about; None after so many seconds without one.

        Raises Interrupted, TooSlow once the watcher was ended.
        """
        found = self._inbox.next(0.0 if self._end else timeout)
        if self._end is not None:
            raise self._end
        return found

    def put(self, user_id: UUID) -> None:
        """Tell of a person; whoever does not read is ended."""
        if not self._inbox.put(user_id):
            log.info("watcher of revocations dropped, it does not read")
            self.end(TooSlow)

    def end(self, reason: type[Interrupted | TooSlow]) -> None:
        """End the watcher, who may be waiting for its inbox."""
        self._end = reason
        self._inbox.put(None)  # a full one has something else to wake up for


class Hub:
    """Knows every watcher of this process."""

    def __init__(self, source: Subscription) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._watchers: set[Watcher] = set()

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """A watcher that misses nothing from now on.

        Raises Interrupted while Redis can't be reached, TooManyWatchers.
        """
        self._source.join(self)
        if not self._source.is_heard(_READY_SECONDS):
            raise Interrupted
        watcher = Watcher()
        with self._lock:
            if not self._source.is_heard():
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
        self._source.leave(self)
        self.lost()

    def hear(self, news: News) -> None:
        """Tell every watcher whose credentials have ended, if that is what the news are of."""
        user_id = user_of(news.topic)
        if user_id is None:
            return
        with self._lock:
            for watcher in self._watchers:
                watcher.put(user_id)

    def lost(self) -> None:
        """End every watcher: something may be missed."""
        with self._lock:
            for watcher in self._watchers:
                watcher.end(Interrupted)
            self._watchers.clear()

    def reconnected(self) -> None:
        """Nobody is left who could have missed something."""


def hub() -> Hub:
    """This process's hub; it starts to listen when somebody first watches."""
    extensions = current_app.extensions
    with _creation:
        if _KEY not in extensions:
            extensions[_KEY] = Hub(subscription())
        return cast(Hub, extensions[_KEY])


def close_hub() -> None:
    """End this process's watchers, if there are any."""
    with _creation:
        found: Hub | None = current_app.extensions.pop(_KEY, None)
    if found is not None:
        found.close()
