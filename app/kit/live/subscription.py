"""The other end of live updates: one subscription to Redis in a process, handed to who wants it.

What was said while Redis was away is lost: subscribers are told when that began, and when it ended.
"""

import json
import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Any, Generic, Protocol, TypeVar, cast

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.exceptions import RedisError
from redis.retry import Retry

from app.kit.live.publishing import CHANNEL

log = logging.getLogger(__name__)
T = TypeVar("T")
_LISTEN_SECONDS = 0.5
_ANSWER_SECONDS = 5.0
_HEALTH_SECONDS = 5  # between two looks whether a silent connection still stands
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
_KEY = "live_subscription"
_creation = threading.Lock()


@dataclass(frozen=True)
class News:
    """Something happened to a topic."""

    topic: str
    event: str


class Subscriber(Protocol):
    """Who hears of all news; called by the subscription's thread, which waits for nobody."""

    def hear(self, news: News) -> None:
        """Something was published."""
        ...

    def lost(self) -> None:
        """From now on news may be missed."""
        ...

    def reconnected(self) -> None:
        """From now on all news are heard; called at the first time, too."""
        ...


class Inbox(Generic[T]):
    """What waits for one reader, so much at most; who does not read must not hold up others."""

    def __init__(self, size: int) -> None:
        self._items: Queue[T] = Queue(size)
        self._is_closed = False

    def put(self, item: T, *, patience: float = 0.0) -> bool:
        """Put something in; False if it stayed full for so many seconds.

        What is put into a closed one is dropped.
        """
        if self._is_closed:
            return True
        try:
            self._items.put(item, block=patience > 0, timeout=patience)
        except Full:
            return False
        return True

    def close(self) -> None:
        """Take nothing more in, and let go whoever waits to put something in."""
        self._is_closed = True
        with suppress(Empty):
            while True:
                self._items.get_nowait()

    def next(self, timeout: float) -> T | None:
        """Take out the oldest; None after so many seconds without one."""
        try:
            return self._items.get(timeout=timeout)
        except Empty:
            return None


class Subscription:
    """Listens in a thread of its own for as long as somebody is joined."""

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
        self._subscribers: list[Subscriber] = []
        self._thread: threading.Thread | None = None
        # Of the thread that listens now: each has its own, so that an old one that lingers in a
        # silent connection can't speak for the new.
        self._heard = threading.Event()
        self._end = threading.Event()

    def join(self, subscriber: Subscriber) -> None:
        """Have somebody hear of all news from now on; again without effect."""
        with self._lock:
            if subscriber in self._subscribers:
                return
            self._subscribers.append(subscriber)
            if self._thread is None:
                self._heard, self._end = threading.Event(), threading.Event()
                self._thread = threading.Thread(
                    target=self._run,
                    args=(self._heard, self._end),
                    name="live-subscription",
                    daemon=True,
                )
                self._thread.start()

    def leave(self, subscriber: Subscriber) -> None:
        """Forget somebody; after the last one there is nothing to listen for."""
        with self._lock:
            if subscriber not in self._subscribers:
                return
            self._subscribers.remove(subscriber)
            if not self._subscribers:
                self._thread = None
                self._end.set()

    def is_heard(self, within: float = 0.0) -> bool:
        """Whether all news are heard now, or are within so many seconds."""
        return self._heard.wait(within)

    def _joined(self) -> list[Subscriber]:
        with self._lock:
            return list(self._subscribers)

    def _run(self, heard: threading.Event, end: threading.Event) -> None:
        wait = _FIRST_WAIT
        while not end.is_set():
            subscription: PubSub = self._redis.pubsub(  # type: ignore[no-untyped-call]  # redis-py
                ignore_subscribe_messages=False
            )
            try:
                subscription.subscribe(CHANNEL)
                while not end.is_set():
                    message = subscription.get_message(timeout=_LISTEN_SECONDS)
                    if message is None:
                        continue
                    if message["type"] == "message":
                        self._hand_out(message)
                        continue
                    wait = _FIRST_WAIT  # Redis has confirmed
                    heard.set()
                    for subscriber in self._joined():
                        subscriber.reconnected()
            except (RedisError, OSError) as error:
                if wait == _FIRST_WAIT:
                    log.warning("live updates pause", extra={"error": str(error)})
            # Before anybody is told: whoever asks in between must not believe that all is heard.
            heard.clear()
            for subscriber in self._joined():
                subscriber.lost()
            subscription.close()
            end.wait(wait)
            wait = min(_LONGEST_WAIT, wait * 2)

    def _hand_out(self, message: dict[str, Any]) -> None:
        try:
            body = json.loads(message["data"])
            news = News(str(body["topic"]), str(body["event"]))
        except (ValueError, KeyError, TypeError):
            log.warning("live update that can't be read")
            return
        for subscriber in self._joined():
            subscriber.hear(news)


def subscription() -> Subscription:
    """This process's subscription; it listens once somebody joins."""
    extensions = current_app.extensions
    with _creation:
        if _KEY not in extensions:
            extensions[_KEY] = Subscription(current_app.config["REDIS_URL"])
        return cast(Subscription, extensions[_KEY])
