"""Conversations, and each person's part in them."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pymongo import DESCENDING, UpdateMany, UpdateOne
from pymongo.errors import DuplicateKeyError

from app.chats.models import (
    About,
    Conversation,
    Membership,
    Message,
    MessageKind,
    Report,
    Side,
)
from app.chats.store.connection import opened

MOST_COUNTED = 99
PREVIEW_LENGTH = 120


def make(conversation: Conversation, *, shut: Collection[UUID] = ()) -> None:
    """Store a conversation and both people's parts; what is there already stays as it is.

    `shut` are those of the two whom the other one has blocked.
    """
    document = {
        "_id": conversation.id,
        "about": conversation.about.value,
        "product_id": conversation.product_id,
        "order_id": conversation.order_id,
        "buyer_id": conversation.buyer_id,
        "seller_id": conversation.seller_id,
        "created_at": conversation.created_at,
    }
    sides = {conversation.buyer_id: Side.BUYER, conversation.seller_id: Side.SELLER}
    with opened() as database:
        # Both opened it at once, or it was left half made: the parts are made good.
        with suppress(DuplicateKeyError):
            database.conversations.insert_one(document)
        for user_id, side in sides.items():
            other = conversation.other(user_id)
            _add(conversation.id, user_id, other, side, is_shut=user_id in shut)


def _add(
    conversation_id: UUID, user_id: UUID, other_id: UUID | None, side: Side, *, is_shut: bool
) -> bool:
    part = {
        "_id": _part(conversation_id, user_id),
        "conversation_id": conversation_id,
        "user_id": user_id,
        "other_id": other_id,
        "side": side.value,
        "seq": 0,
        "read": 0,
        "unread": False,
        "muted": False,
        "shut": is_shut,
    }
    with opened() as database:
        try:
            database.memberships.insert_one(part)
        except DuplicateKeyError:
            return False
    return True


def add_moderator(conversation_id: UUID, user_id: UUID, known: Membership) -> bool:
    """Let a moderator take part, who is told of it as `known` is; False if they do already."""
    if not _add(conversation_id, user_id, None, Side.MODERATOR, is_shut=False):
        return False
    newest = {
        "seq": known.seq,
        "last_at": known.last_at,
        "preview": known.preview,
        "preview_kind": known.preview_kind.value,
        "preview_by": known.preview_by,
    }
    own = {"_id": _part(conversation_id, user_id), "seq": {"$lt": known.seq}}
    with opened() as database:
        database.memberships.update_one(own, {"$set": newest})
    return True


def remove_moderator(user_id: UUID) -> None:
    """Have a moderator take part in no conversation any more, other than their own."""
    with opened() as database:
        database.memberships.delete_many({"user_id": user_id, "side": Side.MODERATOR.value})


def remove_moderators(conversation_id: UUID) -> None:
    """Have no moderator take part in a conversation any more."""
    with opened() as database:
        database.memberships.delete_many(
            {"conversation_id": conversation_id, "side": Side.MODERATOR.value}
        )


def find(conversation_id: UUID) -> Conversation | None:
    """The conversation of this id."""
    with opened() as database:
        found = database.conversations.find_one({"_id": conversation_id})
    return from_document(found) if found else None


def find_all(ids: Collection[UUID]) -> dict[UUID, Conversation]:
    """The conversations of these ids."""
    if not ids:
        return {}
    with opened() as database:
        found = database.conversations.find({"_id": {"$in": list(ids)}})
        return {one["_id"]: from_document(one) for one in found}


def part_of(conversation_id: UUID, user_id: UUID) -> Membership | None:
    """This person's part in a conversation; None for a stranger."""
    with opened() as database:
        found = database.memberships.find_one({"_id": _part(conversation_id, user_id)})
    return _membership(found) if found else None


def parts_in(conversation_id: UUID) -> list[Membership]:
    """Everybody's part in a conversation."""
    with opened() as database:
        found = database.memberships.find({"conversation_id": conversation_id})
        return [_membership(one) for one in found]


def parts_of(
    user_id: UUID,
    *,
    before: tuple[datetime, str] | None,
    size: int,
    unread: bool = False,
    ids: Collection[UUID] | None = None,
) -> list[tuple[Membership, str]]:
    """Somebody's parts in conversations with messages, the newest first, each with its own id.

    `ids` leaves those of some conversations.
    """
    query: dict[str, Any] = {"user_id": user_id, "last_at": {"$exists": True}}
    if unread:
        query["unread"] = True
    if ids is not None:
        query["conversation_id"] = {"$in": list(ids)}
    if before is not None:
        moment, part = before
        query["last_at"] = {"$lte": moment}
        query["$or"] = [{"last_at": {"$lt": moment}}, {"_id": {"$lt": part}}]
    with opened() as database:
        found = database.memberships.find(query)
        found = found.sort([("last_at", DESCENDING), ("_id", DESCENDING)]).limit(size)
        return [(_membership(one), one["_id"]) for one in found]


def count(user_id: UUID, *, unread: bool, most: int) -> int:
    """How many conversations with messages somebody has: at most so many."""
    query: dict[str, Any] = {"user_id": user_id, "last_at": {"$exists": True}}
    if unread:
        query["unread"] = True
    with opened() as database:
        return database.memberships.count_documents(query, limit=most)


def unread_count(user_id: UUID) -> int:
    """In how many conversations somebody has something to read: at most one more than 99."""
    query = {"user_id": user_id, "unread": True, "muted": False}
    with opened() as database:
        return database.memberships.count_documents(query, limit=MOST_COUNTED + 1)


def note_message(message: Message, people: int = 0) -> None:
    """Have everybody's part know of a message; again, late and out of order without harm.

    Where so many `people` take part and it is as most messages are, that takes two updates.
    """
    if people and message.kind is MessageKind.TEXT and _note_next(message) == people:
        return
    with opened() as database:
        database.memberships.bulk_write(_notes(message))


def _note_next(message: Message) -> int:
    """Note a message after those that are known, for its sender and who is to be told of it.

    How many they were; for others there is more to be looked at.
    """
    newest = _newest(message)
    own = _part(message.conversation_id, str(message.sender_id))
    is_news = {"seq": {"$lt": message.seq}}
    is_told = {"read": {"$lt": message.seq}, "muted": False, "told": {"$ne": True}}
    others = {"conversation_id": message.conversation_id, "_id": {"$ne": own}}
    with opened() as database:
        noted = database.memberships.bulk_write(
            [
                UpdateOne(
                    {"_id": own} | is_news,
                    {
                        "$set": newest | {"unread": False},
                        "$max": {"last_at": message.at, "read": message.seq},
                    },
                ),
                UpdateMany(
                    others | is_news | is_told,
                    {
                        "$set": newest | {"unread": True},
                        "$max": {"last_at": message.at},
                        "$min": {"unread_since": message.at},
                    },
                ),
            ]
        )
    return noted.matched_count


def _newest(message: Message) -> dict[str, Any]:
    return {
        "seq": message.seq,
        "preview": message.text[:PREVIEW_LENGTH],
        "preview_kind": message.kind.value,
        "preview_by": message.sender_id,
    }


def _notes(message: Message) -> list[UpdateOne | UpdateMany]:
    """The updates that note a message, whatever is known already.

    That it is the last one and that it is unread is said in one step: somebody who has read up to
    the one before it would take the mark away in between.
    """
    here = {"conversation_id": message.conversation_id}
    is_news = {"seq": {"$lt": message.seq}}
    newest = _newest(message)
    moment = {"$max": {"last_at": message.at}}  # what the shop says may be of long ago
    changes: list[UpdateOne | UpdateMany] = []
    others: dict[str, Any] = dict(here)
    if message.sender_id is not None:
        own = _part(message.conversation_id, message.sender_id)
        others["_id"] = {"$ne": own}
        changes.append(UpdateOne({"_id": own}, {"$max": {"read": message.seq}}))
        own_news = {"$set": newest | {"unread": False}} | moment
        changes.append(UpdateOne({"_id": own} | is_news, own_news))
    if message.kind is MessageKind.TEXT:
        is_unread = {"read": {"$lt": message.seq}}
        unread_news = {"$set": newest | {"unread": True}} | moment
        changes.append(UpdateMany(others | is_unread | is_news, unread_news))
        changes.append(UpdateMany(others | is_unread, {"$set": {"unread": True}}))  # one before
        waits = {"muted": False, "told": {"$ne": True}}
        changes.append(
            UpdateMany(others | is_unread | waits, {"$min": {"unread_since": message.at}})
        )
    changes.append(UpdateMany(others | is_news, {"$set": newest} | moment))
    return changes


def note_changed(message: Message) -> None:
    """Have a message's new text stand in people's lists, if it is the last one."""
    last = {"conversation_id": message.conversation_id, "seq": message.seq}
    with opened() as database:
        database.memberships.update_many(last, {"$set": {"preview": message.text[:PREVIEW_LENGTH]}})


class Read(NamedTuple):
    """What a read mark came to."""

    is_news: bool  # it was not there before
    was_told: bool  # a mail or notification had told of what is read now


def note_read(conversation_id: UUID, user_id: UUID, seq: int) -> Read:
    """Remember that somebody has read up to this message."""
    own = {"_id": _part(conversation_id, user_id)}
    with opened() as database:
        changed = database.memberships.update_one(
            own | {"read": {"$lt": seq}}, {"$set": {"read": seq}}
        )
        before = database.memberships.find_one_and_update(
            own | {"unread": True, "seq": {"$lte": seq}},
            {"$set": {"unread": False}, "$unset": {"unread_since": "", "told": ""}},
        )
    return Read(changed.modified_count > 0, bool(before and before.get("told")))


def mute(conversation_id: UUID, user_id: UUID, *, muted: bool) -> None:
    """Say whether somebody is to be told of messages in this conversation."""
    change: dict[str, Any] = {"$set": {"muted": muted}}
    if muted:
        change["$unset"] = {"unread_since": ""}
    with opened() as database:
        database.memberships.update_one({"_id": _part(conversation_id, user_id)}, change)


def shut(user_id: UUID, other_id: UUID, *, is_shut: bool) -> None:
    """Say whether the other one takes messages from this person, wherever they talk."""
    with opened() as database:
        database.memberships.update_many(
            {"user_id": user_id, "other_id": other_id}, {"$set": {"shut": is_shut}}
        )


def waiting_since(moment: datetime, most: int) -> list[Membership]:
    """The parts of people who have not read, for so long, what nobody has told them of by mail."""
    with opened() as database:
        found = database.memberships.find({"unread_since": {"$lte": moment}})
        return [_membership(one) for one in found.sort("unread_since").limit(most)]


def note_told(conversation_id: UUID, user_id: UUID) -> None:
    """Remember that somebody was told, so that they are not told again before they have read."""
    with opened() as database:
        database.memberships.update_one(
            {"_id": _part(conversation_id, user_id), "unread": True},
            {"$set": {"told": True}, "$unset": {"unread_since": ""}},
        )


def _part(conversation_id: UUID, user_id: UUID | str) -> str:
    return f"{conversation_id}:{user_id}"


def from_document(found: dict[str, Any]) -> Conversation:
    """A conversation as it is stored."""
    return Conversation(
        id=found["_id"],
        about=About(found["about"]),
        product_id=found["product_id"],
        order_id=found["order_id"],
        buyer_id=found["buyer_id"],
        seller_id=found["seller_id"],
        created_at=found["created_at"],
        reported_at=found.get("reported_at"),
        reports=tuple(
            Report(one["by"], one["reason"], one["at"]) for one in found.get("reports", ())
        ),
        closings=tuple(
            Report(one["by"], one["reason"], one["at"]) for one in found.get("closings", ())
        ),
    )


def _membership(found: dict[str, Any]) -> Membership:
    return Membership(
        conversation_id=found["conversation_id"],
        user_id=found["user_id"],
        other_id=found["other_id"],
        side=Side(found["side"]),
        seq=found["seq"],
        read=found["read"],
        unread=found["unread"],
        last_at=found.get("last_at"),
        preview=found.get("preview", ""),
        preview_kind=MessageKind(found.get("preview_kind", "text")),
        preview_by=found.get("preview_by"),
        muted=found["muted"],
        shut=found["shut"],
    )
