"""The collections of conversations: what a document must look like, and the indexes of queries."""

from contextlib import suppress
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import CollectionInvalid

Documents = Database[dict[str, Any]]

_ID = {"bsonType": "binData"}
_MAYBE_ID = {"bsonType": ["binData", "null"]}
_TEXT = {"bsonType": "string"}
_DATE = {"bsonType": "date"}
_NUMBER = {"bsonType": ["int", "long"], "minimum": 0}
_YES = {"bsonType": "bool"}


def _validator(required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
    return {
        "$jsonSchema": {
            "bsonType": "object",
            "required": list(required),
            "additionalProperties": False,
            "properties": required | optional,
        }
    }


_REPORT: dict[str, Any] = {
    "bsonType": "object",
    "required": ["by", "reason", "at"],
    "additionalProperties": False,
    "properties": {"by": _ID, "reason": _TEXT, "at": _DATE},
}

VALIDATORS = {
    "conversations": _validator(
        {
            "_id": _ID,
            "about": {"enum": ["product", "order"]},
            "product_id": _MAYBE_ID,
            "order_id": _MAYBE_ID,
            "buyer_id": _ID,
            "seller_id": _ID,
            "created_at": _DATE,
        },
        {
            "reported_at": _DATE,  # the last time
            "reports": {"bsonType": "array", "items": _REPORT},
            "closings": {
                "bsonType": "array",
                "items": {
                    **_REPORT,
                    "required": ["by", "reason", "at", "reports"],
                    "properties": {
                        **_REPORT["properties"],
                        "reports": {"bsonType": "array", "items": _REPORT},
                    },
                },
            },
        },
    ),
    "memberships": _validator(
        {
            "_id": _TEXT,  # conversation and person: one part for each
            "conversation_id": _ID,
            "user_id": _ID,
            "other_id": _MAYBE_ID,
            "side": {"enum": ["buyer", "seller", "moderator"]},
            "seq": _NUMBER,
            "read": _NUMBER,
            "unread": _YES,
            "muted": _YES,
            "shut": _YES,
        },
        {
            "last_at": _DATE,
            "preview": _TEXT,
            "preview_kind": {"enum": ["text", "system"]},
            "preview_by": _MAYBE_ID,
            "unread_since": _DATE,
            "told": _YES,
        },
    ),
    "messages": _validator(
        {
            "_id": _ID,
            "conversation_id": _ID,
            "seq": {"bsonType": ["int", "long"], "minimum": 1},
            "key": _TEXT,  # sender and client_id
            "client_id": _TEXT,
            "kind": {"enum": ["text", "system"]},
            "sender_id": _MAYBE_ID,
            "text": {"bsonType": "string", "maxLength": 4000},
            "at": _DATE,
            "files": {"bsonType": "array", "maxItems": 10},
        },
        {
            "event": _TEXT,
            "reply": {
                "bsonType": "object",
                "required": ["seq", "sender_id"],  # what it says is looked up: it may change
                "additionalProperties": False,
                "properties": {"seq": _NUMBER, "sender_id": _MAYBE_ID},
            },
            "flags": {"bsonType": "array", "items": {"enum": ["payment", "password"]}},
            "found_by": {"bsonType": "array", "items": _TEXT},
            "changed_at": _DATE,
            "edited_at": _DATE,
            "deleted_at": _DATE,
            "history": {"bsonType": "array"},
            "unsettled": _DATE,  # what follows from it is not known to be done
        },
    ),
    "people": _validator(
        {"_id": _ID},
        {
            "answers": {"bsonType": "array", "items": _TEXT, "maxItems": 20},
            "away": _TEXT,
            "blocked": {"bsonType": "array", "items": _ID},
            "enter_sends": _YES,
        },
    ),
}


def _only_where(field: str, order: int) -> IndexModel:
    """An index of those documents alone that have the field."""
    return IndexModel([(field, order)], partialFilterExpression={field: {"$exists": True}})


INDEXES = {
    "conversations": [_only_where("reported_at", DESCENDING)],
    "memberships": [
        IndexModel([("conversation_id", ASCENDING)]),
        IndexModel([("user_id", ASCENDING), ("last_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("user_id", ASCENDING), ("unread", ASCENDING)]),
        _only_where("unread_since", ASCENDING),
    ],
    "messages": [
        IndexModel([("conversation_id", ASCENDING), ("seq", ASCENDING)], unique=True),
        IndexModel([("conversation_id", ASCENDING), ("key", ASCENDING)], unique=True),
        IndexModel([("found_by", ASCENDING), ("at", DESCENDING)]),
        _only_where("unsettled", ASCENDING),
    ],
}


def ensure(database: Documents) -> None:
    """Make what is missing; each process does it once, all alike."""
    there = set(database.list_collection_names())
    for name, validator in VALIDATORS.items():
        if name not in there:
            with suppress(CollectionInvalid):  # another process was first
                database.create_collection(name, validator=validator)
        database.command("collMod", name, validator=validator)
        if name in INDEXES:
            database[name].create_indexes(INDEXES[name])
