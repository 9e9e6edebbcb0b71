"""The shop in parts, as people know them, and what becomes of each while a store is away."""

from collections.abc import Collection
from enum import StrEnum


class Part(StrEnum):
    """What people use of the shop."""

    BUYING = "buying"
    DELIVERY = "delivery"
    CHATS = "chats"
    MAILS = "mails"


class State(StrEnum):
    """How a part does."""

    WORKS = "works"
    SLOW = "slow"
    AWAY = "away"


# The stores without which a part does nothing.
_NEEDS = {
    Part.BUYING: {"postgresql"},
    Part.DELIVERY: {"postgresql"},
    Part.CHATS: {"postgresql", "mongodb"},
    Part.MAILS: {"postgresql", "smtp"},
}
_SLOW_WITHOUT = {"redis"}  # jobs wait for the sweeper, and pages for their own next look


def states(missed: Collection[str]) -> dict[Part, State]:
    """How each part does while these stores can't be reached."""
    away = set(missed)
    return {part: _state(needs, away) for part, needs in _NEEDS.items()}


def _state(needs: set[str], away: set[str]) -> State:
    if needs & away:
        return State.AWAY
    return State.SLOW if _SLOW_WITHOUT & away else State.WORKS
