"""The broker: what is published, fanned out to the sockets of this process.

Every socket has a bounded inbox. Whoever does not read theirs is dropped: the broker waits for
nobody. News are lost while Redis is away; when it is back, every page is told to look for itself.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from app.kit.live.subscription import Inbox, News, Subscription, subscription

log = logging.getLogger(__name__)
INBOX_SIZE = 100
RECONNECTED = "reconnected"
_KEY = "live_broker"
_creation = threading.Lock()


@dataclass(frozen=True)
class Said:
    """The page said something; None stands for the end of the socket."""

    text: str | bytes | None


@dataclass(eq=False)
class Listener:
    """One socket: its inbox, what it watches, and how to get rid of it."""

    owner: str
    drop: Callable[[], None]
    inbox: "Inbox[News | Said]" = field(default_factory=lambda: Inbox(INBOX_SIZE))
    topics: set[str] = field(default_factory=set)


class Broker:
    """Knows every socket of this process."""

    def __init__(self, source: Subscription) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._by_topic: dict[str, set[Listener]] = {}
        self._sockets: Counter[str] = Counter()
        self._has_missed = False

    def join(self, listener: Listener, *, at_most: int) -> bool:
        """Let a socket in; False if its owner has too many."""
        with self._lock:
            if self._sockets[listener.owner] >= at_most:
                return False
            self._sockets[listener.owner] += 1
        self._source.join(self)
        return True

    def leave(self, listener: Listener) -> None:
        """Forget a socket that was let in."""
        with self._lock:
            for topic in listener.topics:
                watching = self._by_topic.get(topic, set())
                watching.discard(listener)
                if not watching:
                    self._by_topic.pop(topic, None)
            listener.topics.clear()
            self._sockets[listener.owner] -= 1
            if self._sockets[listener.owner] <= 0:
                del self._sockets[listener.owner]

    def watch(self, listener: Listener, topic: str) -> None:
        """Send the socket the news of a topic from now on."""
        with self._lock:
            listener.topics.add(topic)
            self._by_topic.setdefault(topic, set()).add(listener)

    def is_heard(self, within: float) -> bool:
        """Whether Redis is listened to, or is within so many seconds: what is watched is told."""
        is_heard = self._source.is_heard(within)
        if not is_heard:
            self._has_missed = True
        return is_heard

    def hear(self, news: News) -> None:
        """Put news into the inbox of every socket that watches the topic."""
        with self._lock:
            watching = list(self._by_topic.get(news.topic, ()))
        for listener in watching:
            self._put(listener, news)

    def lost(self) -> None:
        """Remember that pages will have to look for themselves."""
        self._has_missed = True

    def reconnected(self) -> None:
        """Tell every page to look for itself, if it may have missed something."""
        if not self._has_missed:
            return
        self._has_missed = False
        with self._lock:
            all_news = [
                (listener, News(topic, RECONNECTED))
                for topic, watching in self._by_topic.items()
                for listener in watching
            ]
        for listener, news in all_news:
            self._put(listener, news)

    @staticmethod
    def _put(listener: Listener, news: News) -> None:
        if not listener.inbox.put(news):
            log.info("socket dropped, it does not read", extra={"owner": listener.owner})
            listener.drop()


def broker() -> Broker:
    """This process's broker; it starts to listen when the first socket joins."""
    extensions = current_app.extensions
    with _creation:
        if _KEY not in extensions:
            extensions[_KEY] = Broker(subscription())
        return cast(Broker, extensions[_KEY])
