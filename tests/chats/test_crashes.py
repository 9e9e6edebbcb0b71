"""Twenty pairs talk while the chat role, Redis and MongoDB are killed: nothing lost or doubled."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis.exceptions import RedisError
from websocket import WebSocket, WebSocketException

from app.auth.queries import live_sessions
from app.chats import queries
from app.chats.service import sweeping
from app.chats.store import messages
from app.chats.store.connection import close_store
from app.embedded.mongo import start_mongo
from app.embedded.valkey import start_valkey
from app.live import tickets
from app.live.tickets import Pass
from app.settings import Settings
from tests.support.apps import another_app
from tests.support.chats import age, talking
from tests.support.shop import Shop, environment_of
from tests.support.sockets import open_at
from tests.support.stores import Store

PAIRS = 20
EACH = 5  # messages of one person
PATIENCE = 3.0  # seconds for an acknowledgement
DEADLINE = 150.0


@dataclass
class Talker:
    """Somebody who writes one message after the other, each until it is acknowledged."""

    app: Flask
    shop: Shop
    user_id: UUID
    session_id: UUID
    conversation_id: UUID
    acknowledged: dict[UUID, int] = field(default_factory=dict)
    resent: int = 0

    def talk(self) -> None:
        """Write them all, whatever happens to the line."""
        waiting = [uuid4() for _ in range(EACH)]
        dice = random.Random(self.user_id.int)
        deadline = time.monotonic() + DEADLINE
        while waiting and time.monotonic() < deadline:
            with suppress(WebSocketException, RedisError, OSError):
                with self.app.app_context():
                    ticket = tickets.issue(Pass(self.user_id, self.session_id))
                address = f"{self.shop.environment['LIVE_URL']}/live"
                with open_at(address, ticket, self.shop.url) as line:
                    line.settimeout(PATIENCE)
                    self._write_all(line, waiting, dice, deadline)
            time.sleep(0.2)

    def _write_all(
        self, line: WebSocket, waiting: list[UUID], dice: random.Random, deadline: float
    ) -> None:
        while waiting and time.monotonic() < deadline:
            seq = self._write(line, waiting[0])
            if seq is None:
                time.sleep(0.3)
                continue
            self.acknowledged[waiting.pop(0)] = seq
            if dice.random() < 0.3:  # as after an acknowledgement that was lost
                again = dice.choice(list(self.acknowledged))
                self.resent += 1
                assert self._write(line, again) in (None, self.acknowledged[again])

    def _write(self, line: WebSocket, client_id: UUID) -> int | None:
        """Its number once it is stored; None if it has to be sent again."""
        body = {
            "conversation": str(self.conversation_id),
            "client_id": str(client_id),
            "text": f"CANARYTEXT {client_id}",
        }
        line.send(json.dumps({"act": "chat.send", "id": str(client_id), "body": body}))
        while True:
            opcode, data = line.recv_data()
            if opcode == 8:
                raise ConnectionError
            told = json.loads(data)
            if told.get("id") == str(client_id):
                return told["done"]["seq"] if "done" in told else None


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """A Valkey and a MongoDB that keep what they were given, as in production."""
    mongo = Store(start_mongo, tmp_path / "mongo")
    valkey = Store(start_valkey, tmp_path / "valkey")
    yield valkey, mongo
    mongo.stop()
    valkey.stop()


def gathered(app: Flask, shop: Shop, login: Callable[..., FlaskClient]) -> Iterator[Talker]:
    """Pairs that are logged in, one after the other."""
    with app.app_context():
        for _ in range(PAIRS):
            talk = talking()
            for who in (talk.buyer, talk.seller):
                login(who)
                [session] = live_sessions(who.id)
                yield Talker(app, shop, who.id, session.id, talk.id)


def written(talkers: Sequence[Talker]) -> int:
    return sum(len(talker.acknowledged) for talker in talkers)


def wait_for(talkers: Sequence[Talker], share: float) -> None:
    """Wait until so much of all that is to be written is acknowledged."""
    deadline = time.monotonic() + DEADLINE
    while written(talkers) < share * EACH * len(talkers) and time.monotonic() < deadline:
        time.sleep(0.05)


def check(first: Talker, second: Talker) -> None:
    """Whether a pair's messages are there as they were acknowledged."""
    kept = messages.between(first.conversation_id, 1, 1000)
    assert [one.seq for one in kept] == list(range(1, 2 * EACH + 1))
    numbers = {UUID(one.client_id): one.seq for one in kept}
    assert numbers == first.acknowledged | second.acknowledged
    for talker in (first, second):
        sent = list(talker.acknowledged.values())
        assert sent == sorted(sent)


def test_acknowledged_messages_are_there_once_and_in_order(
    app: Flask,
    login: Callable[..., FlaskClient],
    make_settings: Callable[..., Settings],
    stores: tuple[Store, Store],
    tmp_path: Path,
) -> None:
    valkey, mongo = stores
    settings = make_settings(redis_url=valkey.server.url, mongo_url=mongo.server.url)
    with another_app(settings) as other, Shop(environment_of(settings, tmp_path), tmp_path) as shop:
        shop.start("chat")
        talkers = list(gathered(other, shop, login))
        threads = [threading.Thread(target=talker.talk) for talker in talkers]
        for thread in threads:
            thread.start()

        wait_for(talkers, 0.1)
        shop.kill("chat")
        shop.start("chat")
        wait_for(talkers, 0.3)
        mongo.crash()
        wait_for(talkers, 0.5)
        valkey.crash()
        wait_for(talkers, 0.7)
        mongo.crash()
        shop.kill("chat")
        shop.start("chat")
        for thread in threads:
            thread.join()
        assert written(talkers) == EACH * len(talkers)
        assert sum(talker.resent for talker in talkers) > 0
        with other.app_context():
            close_store()
            for first, second in zip(talkers[::2], talkers[1::2], strict=True):
                check(first, second)
            age(timedelta(minutes=1))
            sweeping.settle_late()  # what a killed process had not come to
            for talker in talkers:
                [listed] = queries.inbox(talker.user_id).items
                assert listed.part.seq == 2 * EACH
        assert "CANARYTEXT" not in shop.logs()
        told = shop.log("chat")
        assert "Traceback" not in told, told[told.index("Traceback") - 500 :][:5000]
