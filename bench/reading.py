"""List, unread count and a page of history: among ten thousand messages, and among many more."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID, uuid4

from flask import current_app
from pymongo import MongoClient, monitoring

from app.auth.models import User
from app.chats import queries, texts
from app.chats.models import About, Conversation
from app.chats.store import conversations
from app.chats.store.connection import close_store
from app.kit.db import end_read
from bench.figures import Bar, Figure
from tests.factories.auth import make_user

FEW = 10_000
MANY = int(os.environ.get("BENCH_MESSAGES", "50000"))
OWN = 100  # conversations of the one who reads
LONG = 10  # one of so many messages is in one long conversation
BATCH = 1000
ROUNDS = 15
WORDS = "Does this key work in Peru"


class _Asked(monitoring.CommandListener):
    """Counts what MongoDB is asked."""

    def __init__(self) -> None:
        self.count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.count += event.command_name in {"find", "aggregate", "count", "getMore"}

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to count."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to count."""


def figures() -> list[Figure]:
    """Each beside itself among few."""
    asked = _Asked()
    close_store()  # who is connected by now is not listened to
    monitoring.register(asked)
    reader, others = make_user(), [make_user() for _ in range(20)]
    talks = [_conversation(reader, others[number % 20], number) for number in range(OWN)]
    strangers = [_conversation(others[number % 20], others[-1], number) for number in range(OWN)]
    long = talks[0]
    works: dict[str, Callable[[], object]] = {
        "list of 30 conversations": lambda: queries.inbox(reader.id),
        "how many are unread": lambda: queries.unread_count(reader.id),
        "page of 50 messages": lambda: queries.thread(queries.taken_part(reader.id, long.id)),
        "page in the middle": lambda: queries.thread(
            queries.taken_part(reader.id, long.id), before=500
        ),
    }
    end_read()
    _fill(FEW, talks, strangers, long)
    few = {name: _milliseconds(work) for name, work in works.items()}
    _fill(MANY - FEW, talks, strangers, long)
    return list(_compared(works, few, asked))


def _compared(
    works: dict[str, Callable[[], object]], few: dict[str, float], asked: _Asked
) -> Iterator[Figure]:
    for name, work in works.items():
        asked.count = 0
        work()
        count = asked.count
        yield Figure(
            f"{name}, among {MANY:,}: {count} questions",
            _milliseconds(work),
            "ms",
            Bar(f"among {FEW:,}", few[name]),
        )


def _milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _round in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return median(times) * 1000


def _conversation(buyer: User, seller: User, number: int) -> Conversation:
    made = Conversation(
        id=uuid4(),
        about=About.PRODUCT,
        product_id=UUID(int=number + 1),
        order_id=None,
        buyer_id=buyer.id,
        seller_id=seller.id,
        created_at=datetime.now(UTC),
    )
    conversations.make(made)
    return made


def _fill(
    count: int, talks: list[Conversation], strangers: list[Conversation], long: Conversation
) -> None:
    """Put messages where they belong: one of ten into the long one, the rest over all others."""
    with MongoClient[dict[str, Any]](
        current_app.extensions["settings"].mongo_url, tz_aware=True, uuidRepresentation="standard"
    ) as client:
        database = client.get_default_database()
        last = {
            one["conversation_id"]: one["seq"]
            for one in database.memberships.find({}, {"conversation_id": 1, "seq": 1})
        }
        spread = [*talks[1:], *strangers]
        began = datetime.now(UTC) - timedelta(days=30)
        batch: list[dict[str, Any]] = []
        for number in range(count):
            talk = long if number % LONG == 0 else spread[number % len(spread)]
            last[talk.id] = last.get(talk.id, 0) + 1
            batch.append(_message(talk, last[talk.id], began + timedelta(seconds=number)))
            if len(batch) == BATCH or number == count - 1:
                database.messages.insert_many(batch)
                batch = []
        for talk in [*talks, *strangers]:
            database.memberships.update_many(
                {"conversation_id": talk.id},
                {
                    "$set": {
                        "seq": last.get(talk.id, 0),
                        "last_at": began + timedelta(seconds=last.get(talk.id, 0)),
                        "unread": talk.id.int % 2 == 0,
                        "preview": WORDS,
                    }
                },
            )


def _message(talk: Conversation, seq: int, at: datetime) -> dict[str, Any]:
    client_id = str(uuid4())
    return {
        "_id": uuid4(),
        "conversation_id": talk.id,
        "seq": seq,
        "key": f"{talk.buyer_id}:{client_id}",
        "client_id": client_id,
        "kind": "text",
        "sender_id": talk.buyer_id,
        "text": WORDS,
        "at": at,
        "files": [],
        "flags": [],
        "found_by": texts.marks(talk.people, WORDS),
    }
