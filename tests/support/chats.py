"""Conversations for tests, and MongoDB as one who looks into it sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from bson import json_util
from bson.binary import UuidRepresentation
from flask import current_app
from pymongo import MongoClient

from app.auth.models import User
from app.chats import queries
from app.chats.models import Message
from app.chats.service import opening, sending
from app.chats.store.schema import VALIDATORS, Documents
from app.products.models import Product
from tests.factories.auth import make_user
from tests.factories.products import make_product

AS_TEXT = json_util.JSONOptions(uuid_representation=UuidRepresentation.STANDARD)


@dataclass(frozen=True)
class Talking:
    """A buyer and a seller, what they talk about, and their conversation."""

    id: UUID
    buyer: User
    seller: User
    product: Product


def talking(buyer: User | None = None, seller: User | None = None, **product: Any) -> Talking:
    """A conversation about a product, in which nothing is said yet."""
    buyer, seller = buyer or make_user(), seller or make_user(roles=("seller",))
    thing = make_product(seller, **({"stock": (f"STOCKED-UNIT-{uuid4()}",)} | product))
    opened = opening.about_product(user_id=buyer.id, product_id=thing.id)
    return Talking(opened, buyer, seller, thing)


def say(talk: Talking, who: User, text: str = "Hello", **otherwise: Any) -> Message:
    """Have one of the two write."""
    otherwise = {"client_id": uuid4()} | otherwise
    return sending.send(user_id=who.id, conversation_id=talk.id, text=text, **otherwise)


def shown_to(talk: Talking, who: User) -> list[Message]:
    """The messages that one of the two sees."""
    return thread_of(who.id, talk.id).messages


def thread_of(user_id: UUID, conversation_id: UUID, **where: int) -> queries.Thread:
    """A conversation as one of those who take part sees it."""
    return queries.thread(queries.taken_part(user_id, conversation_id), **where)


def listed(who: User) -> queries.Talk:
    """Somebody's only conversation, as it stands in their list."""
    [talk] = queries.inbox(who.id).items
    return talk


@contextmanager
def documents() -> Iterator[Documents]:
    """The database of conversations of the current application."""
    with MongoClient[dict[str, Any]](
        current_app.extensions["settings"].mongo_url, tz_aware=True, uuidRepresentation="standard"
    ) as client:
        yield client.get_default_database()


def empty_chats() -> None:
    """Forget all conversations."""
    with documents() as database:
        for name in VALIDATORS:
            database[name].delete_many({})


def all_that_is_kept() -> str:
    """Every document of every collection, as text."""
    with documents() as database:
        return "".join(
            json_util.dumps(list(database[name].find()), json_options=AS_TEXT, ensure_ascii=False)
            for name in database.list_collection_names()
        )


def age(by: timedelta) -> None:
    """Have all messages and what waits be older."""
    with documents() as database:
        for message in database.messages.find():
            moved = {
                name: message[name] - by
                for name in ("at", "unsettled")
                if isinstance(message.get(name), datetime)
            }
            database.messages.update_one({"_id": message["_id"]}, {"$set": moved})
        for part in database.memberships.find({"unread_since": {"$exists": True}}):
            database.memberships.update_one(
                {"_id": part["_id"]}, {"$set": {"unread_since": part["unread_since"] - by}}
            )
