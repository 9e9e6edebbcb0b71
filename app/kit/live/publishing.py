"""Live updates: a word that something changed, sent to open pages. Never the thing itself."""

import json
import logging
import threading
import time
from uuid import UUID

from redis.exceptions import RedisError

from app.kit import jobs
from app.kit.db import after_commit
from app.kit.redis_pool import Paused

log = logging.getLogger(__name__)
CHANNEL = "live"
_USER = "user:"
PAUSE_SECONDS = 0.01  # between two that say the same
_looking = threading.Lock()
_waiting: set[str] = set()  # for the end of their pause
_sent: dict[str, float] = {}  # when, those of a pause ago and some older ones
_MOST_SENT = 1000


def user_topic(user_id: UUID) -> str:
    """Where the end of a person's logins is announced: a ban, a new password, a log-out."""
    return f"{_USER}{user_id}"


def user_of(topic: str) -> UUID | None:
    """Whose topic this is; None for a topic of something else."""
    try:
        return UUID(topic.removeprefix(_USER)) if topic.startswith(_USER) else None
    except ValueError:
        return None


def announce(topic: str, event: str) -> None:
    """`publish`, as soon as the transaction now open is committed.

    Not through the outbox: it is a hint, which may be lost, and should be quick.
    """
    after_commit(lambda: publish(topic, event))


def publish(topic: str, event: str) -> None:
    """Tell the pages that watch `topic` that `event` happened; they ask for the news themselves.

    Lost without Redis: the pages also poll. What happens to a topic many times at once is told less
    often: who has the same to say as somebody who waits leaves it at that.
    """
    word = json.dumps({"topic": topic, "event": event})
    with _looking:
        if word in _waiting:
            return
        rest = _sent.get(word, 0) + PAUSE_SECONDS - time.monotonic()
        if rest > 0:
            _waiting.add(word)
    if rest > 0:
        _wait(word, rest)
    with _looking:
        _note(word)
    _send(word)


def _wait(word: str, seconds: float) -> None:
    try:
        time.sleep(seconds)
    finally:  # the end of a job's time meanwhile would silence the word for ever
        _waiting.discard(word)


def _note(word: str) -> None:
    now = time.monotonic()
    if len(_sent) >= _MOST_SENT:
        for old in [one for one, at in _sent.items() if at + PAUSE_SECONDS < now]:
            del _sent[old]
    _sent[word] = now


def _send(word: str) -> None:
    try:
        jobs.redis().publish(CHANNEL, word)
    except RedisError as error:
        if not isinstance(error, Paused):
            log.warning("live update lost", extra={"error": str(error)})
