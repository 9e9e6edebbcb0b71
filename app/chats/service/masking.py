"""Units of stock get into nothing that people write: they stand sealed in PostgreSQL alone."""

from collections.abc import Sequence

from app.chats import texts
from app.kit.crypto import vault
from app.kit.db import end_read
from app.products.queries.stock import known_units


def without_units(text: str) -> str:
    """The text with every unit that somebody stocks or has bought masked."""
    return texts.without_units(text, _units)


def _units(pieces: Sequence[str]) -> set[str]:
    """Which of these are units that somebody stocks or has bought."""
    by_fingerprint = {vault().fingerprint(piece): piece for piece in pieces}
    known = known_units(by_fingerprint)
    end_read()
    return {by_fingerprint[found] for found in known}
