"""What people have set for all their conversations."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.chats.models import Settings
from app.chats.store.connection import opened


def settings_of(user_id: UUID) -> Settings:
    """What this person has set, or what holds for everybody."""
    with opened() as database:
        found = database.people.find_one({"_id": user_id}) or {}
    return Settings(
        user_id=user_id,
        answers=tuple(found.get("answers", ())),
        away=found.get("away", ""),
        blocked=frozenset(found.get("blocked", ())),
        enter_sends=found.get("enter_sends", True),
    )


def keep(user_id: UUID, *, answers: Sequence[str], away: str, enter_sends: bool) -> None:
    """Set these."""
    _change(user_id, {"$set": {"answers": list(answers), "away": away, "enter_sends": enter_sends}})


def block(user_id: UUID, other_id: UUID, *, blocked: bool) -> None:
    """Take no more messages from somebody, or take them again."""
    _change(user_id, {("$addToSet" if blocked else "$pull"): {"blocked": other_id}})


def _change(user_id: UUID, change: dict[str, Any]) -> None:
    with opened() as database:
        database.people.update_one({"_id": user_id}, change, upsert=True)
