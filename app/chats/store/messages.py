"""Messages: numbered without gaps, and stored once whatever is sent again."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo import DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from app.chats.errors import ChatsUnavailable
from app.chats.models import Flag, Message, MessageKind, Quote, SystemEvent
from app.chats.store.connection import opened

TRIES = 100  # so many others may be faster with one number, one after the other
MOST_FOUND = 30
MOST_LOOKED_AT = 1_000  # of those with a word, in search of the others
_SHOP = "shop"  # who sends what nobody has written
_HIGHEST = 2**53  # number that is asked for; BSON has none above 2 ** 63


def add(message: Message, *, found_by: Sequence[str], last_seq: int) -> tuple[Message, bool]:
    """Store a message under the next number, and say whether it is new.

    `message.seq` is not looked at; `last_seq` is where to begin, and may be old. The unique index
    of numbers decides between those who write at once, so there is no number without a message.
    One that was stored already, by its sender and `client_id`, is given back as it was.
    """
    seq = last_seq + 1
    message = replace(message, at=_kept(message.at))
    with opened() as database:
        messages = database.messages
        key = _key(message)
        for _try in range(TRIES):
            try:
                messages.insert_one(_document(replace(message, seq=seq), key, found_by))
            except DuplicateKeyError:
                here = {"conversation_id": message.conversation_id}
                if stored := messages.find_one(here | {"key": key}):
                    return _message(stored), False
                seq = _last(messages, message.conversation_id, seq) + 1
            else:
                return replace(message, seq=seq), True
    raise ChatsUnavailable


def _last(messages: Any, conversation_id: UUID, known: int) -> int:
    """The number of the last message, of which `known` is one: others are looked up above it."""
    step = 1
    while messages.find_one({"conversation_id": conversation_id, "seq": known + step}, {"_id": 1}):
        known, step = known + step, step * 2
    while step > 1:
        step //= 2
        query = {"conversation_id": conversation_id, "seq": known + step}
        if messages.find_one(query, {"_id": 1}):
            known += step
    return known


def between(conversation_id: UUID, first: int, last: int) -> list[Message]:
    """The messages with these numbers, both included, in their order."""
    first, last = max(first, 1), min(last, _HIGHEST)
    if first > last:
        return []
    query = {"conversation_id": conversation_id, "seq": {"$gte": first, "$lte": last}}
    with opened() as database:
        return [_message(one) for one in database.messages.find(query).sort("seq")]


def said_by_shop(conversation_id: UUID, client_ids: Sequence[str]) -> set[str]:
    """Which of these the shop has said already."""
    keys = [f"{_SHOP}:{client_id}" for client_id in client_ids]
    with opened() as database:
        found = database.messages.find(
            {"conversation_id": conversation_id, "key": {"$in": keys}}, {"client_id": 1}
        )
        return {one["client_id"] for one in found}


def find(conversation_id: UUID, seq: int) -> Message | None:
    """The message with this number."""
    found = between(conversation_id, seq, seq)
    return found[0] if found else None


def texts_of(conversation_id: UUID, numbers: Collection[int]) -> dict[int, str]:
    """What the messages with these numbers say now; of a deleted one "" is left."""
    query = {"conversation_id": conversation_id, "seq": {"$in": list(numbers)}}
    with opened() as database:
        found = database.messages.find(query, {"seq": 1, "text": 1})
        return {one["seq"]: one["text"] for one in found}


def answers_to(conversation_id: UUID, numbers: Collection[int], first: int) -> list[Message]:
    """Of the messages from this number on, those that answer one of these."""
    query = {"conversation_id": conversation_id, "seq": {"$gte": min(first, _HIGHEST)}}
    answers = {"reply.seq": {"$in": list(numbers)}}
    with opened() as database:
        return [_message(one) for one in database.messages.find(query | answers).sort("seq")]


def find_by_id(message_id: UUID) -> Message | None:
    """The message of this id."""
    with opened() as database:
        found = database.messages.find_one({"_id": message_id})
    return _message(found) if found else None


def changed_since(conversation_id: UUID, first: int, moment: datetime) -> list[Message]:
    """Of the messages from this number on, those changed or deleted at or after a moment."""
    query = {"conversation_id": conversation_id, "seq": {"$gte": min(first, _HIGHEST)}}
    with opened() as database:
        found = database.messages.find(query | {"changed_at": {"$gte": moment}}).sort("seq")
        return [_message(one) for one in found]


def change(
    message: Message, *, text: str, flags: Sequence[Flag], found_by: Sequence[str], at: datetime
) -> Message | None:
    """Give a message another text, or none, and keep what it said; None if it changed meanwhile.

    An empty text deletes it.
    """
    new: dict[str, Any] = {
        "text": text,
        "flags": [flag.value for flag in flags],
        "found_by": list(found_by),
        "changed_at": at,
        ("edited_at" if text else "deleted_at"): at,
    }
    with opened() as database:
        found = database.messages.find_one_and_update(
            {"_id": message.id, "text": message.text, "deleted_at": {"$exists": False}},
            {"$set": new, "$push": {"history": {"text": message.text, "at": at}}},
            return_document=ReturnDocument.AFTER,
        )
    return _message(found) if found else None


def settled(message_id: UUID) -> None:
    """Remember that all that follows from a message is done."""
    with opened() as database:
        database.messages.update_one({"_id": message_id}, {"$unset": {"unsettled": ""}})


def unsettled(before: datetime, most: int) -> list[Message]:
    """Messages from before a moment of which it is not known that all that follows is done."""
    with opened() as database:
        found = database.messages.find({"unsettled": {"$lte": before}})
        return [_message(one) for one in found.sort("unsettled").limit(most)]


def search(words: Sequence[str], beginning: str | None, *, size: int = MOST_FOUND) -> list[Message]:
    """The newest messages with all these marks of `found_by`, and one that begins like the last.

    However much somebody has written, so many are looked at: the newest with the first of the
    words or, where there is none, the first that begin so in the order of the alphabet.
    """
    conditions: list[dict[str, Any]] = [{"found_by": word} for word in words]
    if beginning is not None:
        begun = {"$gte": beginning, "$lt": f"{beginning}\U0010ffff"}
        conditions.append({"found_by": {"$elemMatch": begun}})
    first, *others = conditions
    newest = [{"$sort": {"at": DESCENDING}}]
    pipeline = [
        {"$match": first},
        *(newest if words else ()),
        {"$limit": MOST_LOOKED_AT},
        *([{"$match": {"$and": others}}] if others else ()),
        *newest,
        {"$limit": size},
    ]
    with opened() as database:
        return [_message(one) for one in database.messages.aggregate(pipeline)]


def _kept(moment: datetime) -> datetime:
    """The moment as MongoDB keeps it: in milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _key(message: Message) -> str:
    return f"{message.sender_id or _SHOP}:{message.client_id}"


def _document(message: Message, key: str, found_by: Sequence[str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "_id": message.id,
        "conversation_id": message.conversation_id,
        "seq": message.seq,
        "key": key,
        "client_id": message.client_id,
        "kind": message.kind.value,
        "sender_id": message.sender_id,
        "text": message.text,
        "at": message.at,
        "files": [],
        "flags": [flag.value for flag in message.flags],
        "found_by": list(found_by),
        "unsettled": message.at,
    }
    if message.event is not None:
        document["event"] = message.event.value
    if message.reply is not None:
        document["reply"] = {
            "seq": message.reply.seq,
            "sender_id": message.reply.sender_id,
        }
    return document


def _message(found: dict[str, Any]) -> Message:
    reply = found.get("reply")
    event = found.get("event")
    kind = MessageKind(found["kind"])
    return Message(
        id=found["_id"],
        conversation_id=found["conversation_id"],
        seq=found["seq"],
        # What the shop says is kept under whom it is about: a reporter, whom nobody is to know.
        client_id="" if kind is MessageKind.SYSTEM else found["client_id"],
        kind=kind,
        sender_id=found["sender_id"],
        text=found["text"],
        at=found["at"],
        event=SystemEvent(event) if event else None,
        reply=Quote(**reply) if reply else None,
        flags=tuple(Flag(flag) for flag in found.get("flags", ())),
        files=tuple(found["files"]),
        edited_at=found.get("edited_at"),
        deleted_at=found.get("deleted_at"),
        history=tuple((one["text"], one["at"]) for one in found.get("history", ())),
    )
