"""The broker: one subscription to Redis in a process, fanned out to its sockets.

Every socket has a bounded inbox. Whoever does not read theirs is dropped: the broker waits for
nobody. News are lost while Redis is away; when it is back, every page is told to look for itself.
"""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Full, Queue
from typing import Any, cast

from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.exceptions import RedisError
from redis.retry import Retry

from app.kit.live import CHANNEL

log = logging.getLogger(__name__)
INBOX_SIZE = 100
_LISTEN_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
_HEALTH_SECONDS = 10  # between two looks whether a silent connection still stands
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
RECONNECTED = "reconnected"
_KEY = "live_broker"
_creation = threading.Lock()


@dataclass(frozen=True)
class News:
    """Something happened to a topic."""

    topic: str
    event: str


@dataclass(frozen=True)
class Said:
    """The page said something; None stands for the end of the socket."""

    text: str | bytes | None


@dataclass(eq=False)
class Listener:
    """One socket: its inbox, what it watches, and how to get rid of it."""

    owner: str
    drop: Callable[[], None]
    inbox: "Queue[News | Said]" = field(default_factory=lambda: Queue(INBOX_SIZE))
    topics: set[str] = field(default_factory=set)


class Broker:
    """Knows every socket of this process."""

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
        self._by_topic: dict[str, set[Listener]] = {}
        self._sockets: Counter[str] = Counter()
        self._started = False
        self._heard = threading.Event()
        self._has_missed = False

    def join(self, listener: Listener, *, at_most: int) -> bool:
        """Let a socket in; False if its owner has too many."""
        with self._lock:
            if self._sockets[listener.owner] >= at_most:
                return False
            self._sockets[listener.owner] += 1
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name="live-broker", daemon=True).start()
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
        is_heard = self._heard.wait(within)
        if not is_heard:
            self._has_missed = True
        return is_heard

    def hand_out(self, news: News) -> None:
        """Put news into the inbox of every socket that watches the topic."""
        with self._lock:
            watching = list(self._by_topic.get(news.topic, ()))
        for listener in watching:
            self._put(listener, news)

    def _tell_all(self) -> None:
        with self._lock:
            all_news = [
                (listener, News(topic, RECONNECTED))
                for topic, watching in self._by_topic.items()
                for listener in watching
            ]
        for listener, news in all_news:
            self._put(listener, news)

    def _put(self, listener: Listener, news: News) -> None:
        try:
            listener.inbox.put_nowait(news)
        except Full:
            log.info("socket dropped, it does not read", extra={"owner": listener.owner})
            listener.drop()

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while True:
            subscription: PubSub = self._redis.pubsub(  # type: ignore[no-untyped-call]  # redis-py
                ignore_subscribe_messages=False
            )
            try:
                subscription.subscribe(CHANNEL)
                while True:
                    message = subscription.get_message(timeout=_LISTEN_SECONDS)
                    if message is None:
                        continue
                    if message["type"] == "message":
                        self._read(message)
                        continue
                    self._heard.set()  # Redis has confirmed
                    wait = _FIRST_WAIT
                    if self._has_missed:
                        self._has_missed = False
                        self._tell_all()
            except (RedisError, OSError) as error:
                self._heard.clear()
                self._has_missed = True
                if wait == _FIRST_WAIT:
                    log.warning("live updates pause", extra={"error": str(error)})
                subscription.close()
                time.sleep(wait)
                wait = min(_LONGEST_WAIT, wait * 2)

    def _read(self, message: dict[str, Any]) -> None:
        try:
            body = json.loads(message["data"])
            news = News(str(body["topic"]), str(body["event"]))
        except (ValueError, KeyError, TypeError):
            log.warning("live update that can't be read")
            return
        self.hand_out(news)


def broker() -> Broker:
    """This process's broker; it starts to listen when the first socket joins."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    with _creation:
        if _KEY not in app.extensions:
            app.extensions[_KEY] = Broker(app.config["REDIS_URL"])
    return cast(Broker, app.extensions[_KEY])
