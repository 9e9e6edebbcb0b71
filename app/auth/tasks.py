"""What is done for people on the clock."""

from app.auth.service import sessions


def drop_expired() -> int:
    """Delete what can't log anybody in any more."""
    return sessions.drop_expired()
