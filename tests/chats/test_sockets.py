"""Conversations over the socket: what a page has done there, and what nobody has."""

import inspect
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain, repeat
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from flask import Flask
from flask.testing import FlaskClient
from websocket import ABNF, WebSocket, WebSocketException, WebSocketTimeoutException

from app.auth.models import User
from app.auth.service import moderation, sessions
from app.chats import queries
from app.chats.service import presence, sending
from app.kit import jobs
from app.kit.live.publishing import CHANNEL
from app.live.errors import Close
from tests.factories.auth import make_user
from tests.support.chats import Talking, say, talking, thread_of
from tests.support.shop import Shop, environment_of
from tests.support.sockets import close_code, open_at, serving, subscribe, ticket_of

Login = Callable[..., FlaskClient]
Open = Callable[[User], WebSocket]
CANARY = "CANARYTEXT"


@pytest.fixture
def page(app: Flask, login: Login) -> Iterator[Open]:
    """Open a socket as a page of somebody who is logged in does."""
    with serving(app) as port, ExitStack() as opened:

        def open_socket(who: User) -> WebSocket:
            ticket = ticket_of(login(who))
            return opened.enter_context(open_at(f"ws://127.0.0.1:{port}/live", ticket))

        yield open_socket


def ask(connection: WebSocket, act: str, **body: Any) -> dict[str, Any]:
    """Have something done; the answer to it."""
    name = str(uuid4())
    connection.send(json.dumps({"act": act, "id": name, "body": body}, default=str))
    return answer_to(connection, name)


def answer_to(connection: WebSocket, name: str) -> dict[str, Any]:
    while True:
        opcode, data = connection.recv_data()
        if opcode == 8:
            raise ConnectionError(f"closed: {data!r}")
        if (told := json.loads(data)).get("id") == name:
            return dict(told)


def watch(connection: WebSocket, *topics: str) -> None:
    subscribe(connection, *topics)
    assert json.loads(connection.recv()) == {"subscribed": list(topics)}


def heard(connection: WebSocket, *begins: str) -> list[str]:
    """The first events that begin like these, one for each."""
    found = []
    for beginning in begins:
        while True:
            told = json.loads(connection.recv())
            if str(told.get("event", "")).startswith(beginning):
                found.append(told["event"])
                break
    return found


class TestActs:
    def test_message_is_acknowledged_and_told_to_the_other(self, page: Open, app: Flask) -> None:
        talk = talking()
        buyer, seller = page(talk.buyer), page(talk.seller)
        watch(seller, f"chat:{talk.id}", f"inbox:{talk.seller.id}")
        client_id = uuid4()
        message = {"conversation": talk.id, "client_id": client_id, "text": "Hi <b>\n\U0001f600"}
        for _again in range(2):
            done = ask(buyer, "chat.send", **message)["done"]
            assert done == {"seq": 1, "client_id": str(client_id)}
        assert heard(seller, "message:1") == ["message:1"]
        [stored] = thread_of(talk.seller.id, talk.id).messages
        assert (stored.text, stored.sender_id) == ("Hi <b>\n\U0001f600", talk.buyer.id)
        answer = ask(
            seller, "chat.send", conversation=talk.id, client_id=uuid4(), text="Yes", reply_to=1
        )
        assert answer["done"]["seq"] == 2

    def test_reading_presence_and_typing_are_told(self, page: Open, app: Flask) -> None:
        talk = talking()
        buyer, seller = page(talk.buyer), page(talk.seller)
        watch(buyer, f"chat:{talk.id}")
        say(talk, talk.buyer)
        assert not presence.is_here(talk.seller.id)
        for act, more in (("here", {}), ("typing", {}), ("read", {"seq": 1})):
            assert ask(seller, f"chat.{act}", conversation=talk.id, **more)["done"] == {}
        who = talk.seller.id
        assert heard(buyer, "here:", "typing:", "read:") == [
            f"here:{who}",
            f"typing:{who}",
            f"read:{who}:1",
        ]
        assert presence.is_here(who)
        assert queries.unread_count(who) == 0

    def test_refusals_are_told_in_words(
        self, page: Open, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "SENT", "4/minute")  # the question counts, too
        talk = talking()
        buyer = page(talk.buyer)

        def refused(**body: Any) -> str:
            told = ask(buyer, "chat.send", **({"conversation": talk.id} | body))
            assert told["detail"]
            return str(told["refused"])

        assert refused(client_id=uuid4(), text=" ") == "bad_message"
        assert refused(client_id=uuid4(), text="x" * 4001) == "bad_message"
        assert refused(client_id=uuid4(), text="password: hunter22") == "needs_confirmation"
        assert refused(conversation=uuid4(), client_id=uuid4(), text="x") == "no_such_conversation"
        sure = {"client_id": uuid4(), "text": "password: hunter22", "sure": True}
        assert ask(buyer, "chat.send", conversation=talk.id, **sure)["done"]["seq"] == 1
        for _ in range(2):
            say(talk, talk.buyer)
        assert refused(client_id=uuid4(), text="one more") == "too_many"


BAD_BODIES = [
    {},
    {"conversation": {"$ne": None}},
    {"conversation": ["x"]},
    {"conversation": None},
    {"conversation": 5},
    {"conversation": "' OR 1=1"},
    {"client_id": {"$gt": ""}},
    {"client_id": 1},
    {"client_id": "live:ticket:*"},
    {"text": {"$where": "sleep(1000)"}},
    {"text": None},
    {"text": 5},
    {"text": ["a", "b"]},
    {"text": "x" * 9000},
    {"reply_to": {"$gt": 0}},
    {"reply_to": -1},
    {"reply_to": 2**31},
    {"reply_to": 1e300},
    {"sure": {"$exists": True}},
    {"more": 1},
    {"$where": "1"},
    {f"field{number}": number for number in range(15)},
]
# No act at all: passed over without a word.
UNREADABLE = [
    "",
    "nonsense",
    "null",
    "[]",
    "[" * 5000,
    '{"act": 5, "id": "a"}',
    '{"act": "chat.send", "id": 5}',
    '{"act": "chat.send", "id": "a", "body": []}',
    '{"act": "chat.send", "id": "a", "body": null}',
    '{"act": "chat.send", "id": "a", "more": 1}',
    json.dumps({"act": "x" * 65, "id": "a"}),
    json.dumps({"act": "chat.send", "id": "x" * 65}),
    json.dumps({"act": "chat.send", "id": "a", "body": {str(n): n for n in range(21)}}),
    '{"act": "chat.send", "id": "a", "body": {"text": "\\ud800"}}',
    '{"act": "chat.send", "id": "\\udfff"}',
    "\x00",
    '{"act": "chat.send", "id": "a", "body": {"text": NaN}}',
]


class TestHostile:
    def test_wrong_types_and_operators_are_refused(self, page: Open, app: Flask) -> None:
        talk = talking()
        connection = page(talk.buyer)
        good = {"conversation": talk.id, "client_id": uuid4(), "text": "x"}
        for body in BAD_BODIES:
            told = ask(connection, "chat.send", **(good | body if body else {}))
            assert told["refused"] == "bad_message", body
            assert "$" not in told["detail"]
        for act in ("chat.read", "chat.here", "chat.typing"):
            for bad in (
                {},
                {"conversation": {"$ne": 1}, "seq": 1},
                {"conversation": talk.id, "x": 1},
            ):
                assert ask(connection, act, **bad)["refused"] == "bad_message"
        for seq in (0, -1, 2**31, {"$gt": 0}, "x", 1.5, None):
            told = ask(connection, "chat.read", conversation=talk.id, seq=seq)
            assert told["refused"] == "bad_message"
        assert thread_of(talk.seller.id, talk.id).messages == []

    def test_what_cannot_be_read_is_passed_over(self, page: Open, app: Flask) -> None:
        talk = talking()
        connection = page(talk.buyer)
        for text in UNREADABLE:
            connection.send(text)
        for data in (b"\x00\xff\xfe", b"{}"):
            connection.send(data, ABNF.OPCODE_BINARY)
        told = ask(connection, "chat.here", conversation=talk.id)
        assert told["done"] == {}
        assert thread_of(talk.seller.id, talk.id).messages == []

    def test_nul_and_half_characters_get_into_no_message(self, page: Open, app: Flask) -> None:
        talk = talking()
        connection = page(talk.buyer)
        sent = {"conversation": talk.id, "client_id": uuid4(), "text": "a\x00b\u202ec"}
        assert ask(connection, "chat.send", **sent)["done"]["seq"] == 1
        assert thread_of(talk.seller.id, talk.id).messages[0].text == "abc"

    @pytest.mark.parametrize("act", ["", "chat", "chat.send ", "__class__", "admin.ban", "chat.*"])
    def test_unknown_acts_are_nobodys(self, page: Open, app: Flask, act: str) -> None:
        assert ask(page(make_user()), act)["refused"] == "unknown_act"

    def test_others_conversations_are_not_there(self, page: Open, app: Flask) -> None:
        talk = talking()
        say(talk, talk.buyer, CANARY)
        stranger = page(make_user())
        for act, more in (
            ("send", {"client_id": uuid4(), "text": "x"}),
            ("read", {"seq": 1}),
            ("here", {}),
            ("typing", {}),
        ):
            told = ask(stranger, f"chat.{act}", conversation=talk.id, **more)
            assert told["refused"] == "no_such_conversation"
        subscribe(stranger, f"chat:{talk.id}", f"inbox:{talk.seller.id}")
        stranger.settimeout(0.5)
        say(talk, talk.buyer, CANARY)
        with pytest.raises(WebSocketTimeoutException):
            stranger.recv()

    def test_guest_does_nothing(self, app: Flask, client: FlaskClient) -> None:
        talk = talking()
        with (
            serving(app) as port,
            open_at(f"ws://127.0.0.1:{port}/live", ticket_of(client)) as guest,
        ):
            told = ask(guest, "chat.send", conversation=talk.id, client_id=uuid4(), text="x")
        assert told["refused"] == "unknown_act"

    def test_foreign_page_does_nothing(self, app: Flask, login: Login) -> None:
        talk = talking()
        ticket = ticket_of(login(talk.buyer))
        with (
            serving(app) as port,
            open_at(f"ws://127.0.0.1:{port}/live", ticket, "http://evil.example") as foreign,
        ):
            assert close_code(foreign) == Close.FOREIGN_ORIGIN

    @pytest.mark.parametrize("act", [moderation.ban_user, sessions.log_out_everywhere])
    def test_who_is_banned_or_logs_out_writes_no_more(
        self, page: Open, app: Flask, act: Callable[..., None]
    ) -> None:
        talk = talking()
        connection = page(talk.buyer)
        sent = {"conversation": talk.id, "client_id": uuid4(), "text": "x"}
        assert ask(connection, "chat.send", **sent)["done"]
        began = time.monotonic()
        act(user_id=talk.buyer.id)
        assert close_code(connection) == Close.UNAUTHENTICATED
        assert time.monotonic() - began < 5

    def test_nothing_of_a_message_gets_into_the_log(
        self, page: Open, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG", "app")
        talk = talking()
        connection = page(talk.buyer)
        sent = {"conversation": talk.id, "client_id": uuid4(), "text": CANARY}
        ask(connection, "chat.send", **sent)
        ask(connection, "chat.send", **(sent | {"conversation": uuid4()}))
        ask(connection, "chat.send", **(sent | {"text": {"$ne": CANARY}}))
        ask(connection, CANARY)
        connection.send(CANARY)
        ask(connection, "chat.send", **(sent | {"text": "pwd: " + CANARY + "1"}))
        assert CANARY not in caplog.text


class TestProcess:
    """What a real gevent worker bears."""

    @pytest.fixture
    def shop(self, app: Flask, tmp_path: Path) -> Iterator[Shop]:
        environment = environment_of(app.extensions["settings"], tmp_path)
        with Shop(environment, tmp_path) as shop:
            shop.start("chat")
            yield shop

    @pytest.fixture
    def page(self, shop: Shop, login: Login) -> Iterator[Open]:
        with ExitStack() as opened:

            def open_socket(who: User) -> WebSocket:
                return opened.enter_context(
                    open_at(f"{shop.environment['LIVE_URL']}/live", ticket_of(login(who)), shop.url)
                )

            yield open_socket

    @staticmethod
    def memory(shop: Shop) -> int:
        gunicorn = psutil.Process(shop.process_ids()["chat"])
        return sum(child.memory_info().rss for child in gunicorn.children(recursive=True))

    def test_stays_well_whatever_is_thrown_at_it(self, shop: Shop, page: Open, app: Flask) -> None:
        talk = talking()
        good = page(talk.seller)
        watch(good, f"chat:{talk.id}")
        ask(good, "chat.send", conversation=talk.id, client_id=uuid4(), text=CANARY)
        workers = psutil.Process(shop.process_ids()["chat"]).children()
        for round_ in range(3):
            if round_ == 1:  # what the first one made is there for good
                before = self.memory(shop)
            self.throw_all(page, talk)
        told = ask(good, "chat.send", conversation=talk.id, client_id=uuid4(), text="Well")
        assert told["done"]["seq"] >= 2
        assert self.memory(shop) - before < 8_000_000
        assert psutil.Process(shop.process_ids()["chat"]).children() == workers
        assert CANARY not in shop.logs()
        assert "Traceback" not in shop.logs()

    def throw_all(self, page: Open, talk: Talking) -> None:
        typing = {"act": "chat.typing", "id": "1", "body": {"conversation": str(talk.id)}}
        part, opcodes = "x" * 60_000, chain([ABNF.OPCODE_TEXT], repeat(ABNF.OPCODE_CONT))
        for send in (
            lambda one: one.send(CANARY * 1_000_000),  # 10 MB
            lambda one: one.send_frame(ABNF.create_frame(part, next(opcodes), 0)),
            lambda one: one.send(json.dumps(typing)),
            lambda one: one.sock.sendall(os.urandom(2000)),
        ):
            connection = page(talk.buyer)
            assert self.is_cut_off(connection, send), inspect.getsource(send)
        unread = page(talk.buyer)
        for text in UNREADABLE:
            unread.send(text)
        assert ask(unread, "chat.here", conversation=talk.id)["done"] == {}
        unread.close()

    @staticmethod
    def is_cut_off(connection: WebSocket, send: Callable[[WebSocket], object]) -> bool:
        """Whether who sends this a thousand times is sent away."""
        try:
            for _ in range(1000):
                send(connection)
            while connection.recv_data()[0] != ABNF.OPCODE_CLOSE:
                pass
        except WebSocketTimeoutException:
            return False
        except (WebSocketException, OSError):
            pass
        return True

    def test_who_does_not_read_is_dropped_and_holds_up_nobody(
        self, shop: Shop, page: Open, app: Flask
    ) -> None:
        talk = talking()
        lazy, busy = page(talk.buyer), page(talk.seller)
        topic = f"chat:{talk.id}"
        watch(lazy, topic)
        watch(busy, topic)
        word = json.dumps({"topic": topic, "event": "x" * 10_000})
        for _ in range(100):
            with jobs.redis().pipeline(transaction=False) as many:
                for _ in range(20):
                    many.publish(CHANNEL, word)
                many.execute()
            for _ in range(20):
                busy.recv()
        said = ask(busy, "chat.send", conversation=talk.id, client_id=uuid4(), text="On")
        assert said["done"]["seq"] == 1
        assert "socket dropped, it does not read" in shop.log("chat")
