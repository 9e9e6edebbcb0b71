"""What the embedded servers bear in a shop that has been used for long: `make scale`."""

from pathlib import Path

import pymongo
import pytest

from app.embedded.mongo import start_mongo

MESSAGES = 300_000
BATCH = 1000

pytestmark = [pytest.mark.scale, pytest.mark.timeout(1800)]


def test_the_server_of_conversations_takes_300_000_messages(directory: Path) -> None:
    server = start_mongo(directory / "server")
    text = "A question about an order, of the length that people write. " * 4
    try:
        with pymongo.MongoClient(server.url, socketTimeoutMS=30_000) as client:
            messages = client.get_default_database()["messages"]
            messages.create_index([("conversation", 1), ("seq", 1)], unique=True)
            for first in range(0, MESSAGES, BATCH):
                messages.insert_many(
                    {"conversation": number % 100, "seq": number, "text": text}
                    for number in range(first, first + BATCH)
                )
        with pymongo.MongoClient(server.url, socketTimeoutMS=30_000) as another:
            messages = another.get_default_database()["messages"]
            assert messages.estimated_document_count() == MESSAGES
            last = messages.find_one({"conversation": 99, "seq": {"$gte": MESSAGES - 100}})
            assert last is not None
            assert last["seq"] == MESSAGES - 1
    finally:
        server.stop()
