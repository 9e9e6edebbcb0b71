"""Who is there and who types: hints through Redis, never stored, lost without harm."""

from contextlib import suppress
from uuid import UUID

from redis.exceptions import RedisError

from app.chats.queries import part_of
from app.kit import jobs
from app.kit.live.publishing import publish

HERE_SECONDS = 45


def here(*, user_id: UUID, conversation_id: UUID) -> None:
    """Somebody has the conversation open; said again before HERE_SECONDS are over."""
    part = part_of(user_id, conversation_id)
    with suppress(RedisError):
        jobs.redis().set(_key(user_id), b"1", ex=HERE_SECONDS)
    if not part.shut:
        publish(f"chat:{conversation_id}", f"here:{user_id}")


def typing(*, user_id: UUID, conversation_id: UUID) -> None:
    """Somebody is typing there; of one who was blocked nobody hears it."""
    if part_of(user_id, conversation_id).shut:
        return
    publish(f"chat:{conversation_id}", f"typing:{user_id}")


def is_here(user_id: UUID) -> bool:
    """Whether somebody had a conversation open a moment ago."""
    with suppress(RedisError):
        return bool(jobs.redis().exists(_key(user_id)))
    return False


def _key(user_id: UUID) -> str:
    return f"chat:here:{user_id}"
