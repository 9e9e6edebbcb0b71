"""This process's connection to MongoDB, behind a breaker: who finds it silent waits, nobody after.

What is written counts once a majority has it in its journal: an acknowledged message is never lost.
https://www.mongodb.com/docs/manual/reference/write-concern/
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from flask import current_app
from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.errors import ConnectionFailure, NetworkTimeout, PyMongoError
from pymongo.read_concern import ReadConcern

from app.chats.errors import ChatsUnavailable
from app.chats.store.schema import Documents, ensure
from app.kit.breaker import Breaker

log = logging.getLogger(__name__)
CONNECT_MS = 1_500
ANSWER_MS = 5_000
PAUSE_SECONDS = 2.0
_DURABLE = WriteConcern(w="majority", j=True)
_KEY = "chats_store"
_creation = threading.Lock()


class _Store:
    def __init__(self, url: str) -> None:
        self.breaker = Breaker("mongodb", PAUSE_SECONDS)
        self._lock = threading.Lock()
        self._is_ready = False
        self._client: MongoClient[dict[str, Any]] = MongoClient(
            url,
            appname="byteshop",
            tz_aware=True,
            uuidRepresentation="standard",
            serverSelectionTimeoutMS=CONNECT_MS,
            connectTimeoutMS=CONNECT_MS,
            timeoutMS=ANSWER_MS,
            maxPoolSize=50,
            connect=False,
        )

    def database(self) -> Documents:
        database = self._client.get_default_database(
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("local"),
            write_concern=_DURABLE,
        )
        with self._lock:
            if not self._is_ready:
                ensure(database)
                self._is_ready = True
        return database


@contextmanager
def opened() -> Iterator[Documents]:
    """The database of conversations, its collections made; ChatsUnavailable if it can't answer."""
    store = _store()
    if not store.breaker.allows():
        raise ChatsUnavailable
    try:
        yield store.database()
    except (ConnectionFailure, NetworkTimeout) as error:
        store.breaker.failed()
        raise ChatsUnavailable from error
    except PyMongoError as error:
        if not error.timeout:
            raise
        store.breaker.failed()
        raise ChatsUnavailable from error
    else:
        store.breaker.answered()


def _store() -> _Store:
    extensions = current_app.extensions
    with _creation:
        if _KEY not in extensions:
            extensions[_KEY] = _Store(current_app.extensions["settings"].mongo_url)
        return cast(_Store, extensions[_KEY])
