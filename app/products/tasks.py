"""Timed work."""

from app.products.service import importing


def drop_expired_uploads() -> int:
    """Drop lines of stock that waited too long to be taken in; returns how many uploads."""
    return importing.drop_expired()
