"""What was reported of conversations, and how moderators closed it."""

from datetime import datetime
from uuid import UUID

from pymongo import DESCENDING

from app.chats.models import Conversation, Report
from app.chats.store import conversations
from app.chats.store.connection import opened


def report(conversation_id: UUID, said: Report) -> None:
    """Open a conversation to moderators; the last reason of each person counts."""
    here = {"_id": conversation_id}
    with opened() as database:
        again = database.conversations.update_one(
            here | {"reports.by": said.user_id},
            {
                "$set": {
                    "reported_at": said.at,
                    "reports.$.reason": said.reason,
                    "reports.$.at": said.at,
                }
            },
        )
        if again.matched_count:
            return
        kept = {"by": said.user_id, "reason": said.reason, "at": said.at}
        database.conversations.update_one(
            here | {"reports.by": {"$ne": said.user_id}},
            {"$set": {"reported_at": said.at}, "$push": {"reports": kept}},
        )


def reported(*, before: datetime | None, size: int) -> list[Conversation]:
    """The conversations that were reported, the latest report first."""
    bound = {"$lt": before} if before else {"$exists": True}
    with opened() as database:
        found = database.conversations.find({"reported_at": bound})
        return [
            conversations.from_document(one)
            for one in found.sort("reported_at", DESCENDING).limit(size)
        ]


def count(*, most: int) -> int:
    """How many conversations are reported: at most so many."""
    with opened() as database:
        return database.conversations.count_documents(
            {"reported_at": {"$exists": True}}, limit=most
        )


def close(seen: Conversation, closing: Report) -> bool:
    """Close the reports of a conversation, as they were seen; False if they are others by now.

    They stay with the closing, as a trace.
    """
    kept = {
        "by": closing.user_id,
        "reason": closing.reason,
        "at": closing.at,
        "reports": [
            {"by": one.user_id, "reason": one.reason, "at": one.at} for one in seen.reports
        ],
    }
    with opened() as database:
        closed = database.conversations.update_one(
            {"_id": seen.id, "reported_at": seen.reported_at},
            {"$push": {"closings": kept}, "$unset": {"reported_at": "", "reports": ""}},
        )
        return closed.modified_count > 0
