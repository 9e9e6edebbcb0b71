"""Tickets for the socket: a cookie does not reach another port, and must not open one anyway.

The page asks for a ticket with its session and its CSRF token; the socket opens with it, once.
"""

from dataclasses import dataclass
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from app.kit import jobs
from app.kit.crypto import new_token, token_hash

SECONDS = 30
MAX_LENGTH = 100


@dataclass(frozen=True)
class Pass:
    """Whom a ticket lets in: a user with the session of their browser, or a guest."""

    user_id: UUID | None = None
    session_id: UUID | None = None


_PASS = TypeAdapter(Pass)


def issue(holder: Pass) -> str:
    """A ticket that is good once, for half a minute. RedisError where Redis can't be reached."""
    ticket = new_token()
    jobs.redis().set(_key(ticket), _PASS.dump_json(holder), ex=SECONDS)
    return ticket


def redeem(ticket: str) -> Pass | None:
    """Whom the ticket lets in, None for one that is unknown, used or too old."""
    if not ticket or len(ticket) > MAX_LENGTH:
        return None
    stored = jobs.redis().getdel(_key(ticket))
    try:
        return _PASS.validate_json(stored) if isinstance(stored, bytes) else None
    except ValidationError:
        return None


def _key(ticket: str) -> str:
    return f"live:ticket:{token_hash(ticket).hex()}"
