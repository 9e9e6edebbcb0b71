"""Live updates: a word that something changed, sent to open pages. Never the thing itself."""

import json
import logging
import threading
from uuid import UUID

from redis.exceptions import RedisError

from app.kit import jobs
from app.kit.db import after_commit
from app.kit.redis_pool import Paused

log = logging.getLogger(__name__)
CHANNEL = "live"
_USER = "user:"
# One thread of a process sends at a time, so that the same words of others meet before it.
_sending = threading.Lock()
_adding = threading.Lock()
_waiting: set[str] = set()


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
    often: who finds the same word waiting to be sent leaves it at that.
    """
    word = json.dumps({"topic": topic, "event": event})
    with _adding:
        if word in _waiting:
            return
        _waiting.add(word)
    try:
        with _sending:
            _waiting.discard(word)
            _send(word)
    finally:  # the end of a job's time, while it waited, would silence the word for ever
        _waiting.discard(word)


def _send(word: str) -> None:
    try:
        jobs.redis().publish(CHANNEL, word)
    except RedisError as error:
        if not isinstance(error, Paused):
            log.warning("live update lost", extra={"error": str(error)})
