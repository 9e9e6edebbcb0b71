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
from pymongo.errors import (
    ConnectionFailure,
    DuplicateKeyError,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from app.chats.errors import ChatsUnavailable
from app.chats.store.schema import Documents, ensure
from app.kit.breaker import Breaker

log = logging.getLogger(__name__)
CONNECT_MS = 1_500
ANSWER_MS = 2_500
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
            # Not timeoutMS, by which a server that is gone would be looked for as long.
            socketTimeoutMS=ANSWER_MS,
            waitQueueTimeoutMS=ANSWER_MS,
            # Of a server that stands still whoever asks would wait three times as long. Whatever is
            # written may be written again: the page does it, and the sweep.
            retryReads=False,
            retryWrites=False,
            maxPoolSize=50,
            connect=False,
        )

    def close(self) -> None:
        self._client.close()

    def database(self) -> Documents:
        database = self._client.get_default_database(
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("local"),
            write_concern=_DURABLE,
        )
        if not self._is_ready:
            self._make(database)
        return database

    def _make(self, database: Documents) -> None:
        is_first = self._lock.acquire(blocking=False)
        if not is_first:
            self._lock.acquire()
        try:
            if not self._is_ready and not is_first:
                raise ChatsUnavailable  # who was first has waited in vain
            if not self._is_ready:
                ensure(database)
                self._is_ready = True
        finally:
            self._lock.release()


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
    except DuplicateKeyError:
        raise  # the caller's to understand
    except PyMongoError as error:
        if error.timeout:
            store.breaker.failed()
            raise ChatsUnavailable from error
        # What it says has the document in it, and so what people wrote: that is not for logs.
        code = error.code if isinstance(error, OperationFailure) else None
        log.error(  # noqa: TRY400  # no trace either: its last line is the document
            "MongoDB refuses", extra={"error": type(error).__name__, "code": code}
        )
        raise ChatsUnavailable from None
    else:
        store.breaker.answered()


def _store() -> _Store:
    extensions = current_app.extensions
    with _creation:
        if _KEY not in extensions:
            extensions[_KEY] = _Store(current_app.extensions["settings"].mongo_url)
        return cast(_Store, extensions[_KEY])


def close_store() -> None:
    """Let this application's connection go; what is asked next makes a new one."""
    with _creation:
        store = current_app.extensions.pop(_KEY, None)
    if store is not None:
        store.close()
