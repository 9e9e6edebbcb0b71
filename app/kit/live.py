"""Live updates: a word that something changed, sent to open pages. Never the thing itself."""

import json
import logging

from redis.exceptions import RedisError

from app.kit import jobs

log = logging.getLogger(__name__)
CHANNEL = "live"


def publish(topic: str, event: str) -> None:
    """Tell the pages that watch `topic` that `event` happened; they ask for the news themselves.

    Lost without Redis: the pages also poll.
    """
    try:
        jobs.redis().publish(CHANNEL, json.dumps({"topic": topic, "event": event}))
    except RedisError as error:
        log.warning("live update lost", extra={"error": str(error)})
