"""Live updates: who gets a ticket, what a socket may watch, and what ends it."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import delete
from websocket import ABNF, WebSocket, WebSocketTimeoutException

from app.auth import leases, queries
from app.auth.gate import close_gate
from app.auth.models import LoginSession, Role
from app.auth.rpc.generated.auth_pb2 import BanUserRequest
from app.auth.service import moderation, sessions
from app.embedded.processes import free_port
from app.embedded.valkey import start_valkey
from app.extensions import db
from app.kit import jobs
from app.kit.ids import new_id
from app.kit.live.publishing import publish
from app.kit.live.subscription import News, Subscription
from app.live import policy, tickets, views
from app.live.broker import Broker, Listener
from app.live.errors import Close
from app.live.tickets import Pass
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.apps import another_app
from tests.support.auth_service import METADATA, TOKEN, auth_service, stub_of
from tests.support.bought import placed
from tests.support.servers import Servers
from tests.support.shop import Shop, environment_of
from tests.support.sockets import (
    JSON,
    OUR_PAGE,
    SECONDS,
    close_code,
    news,
    open_at,
    serving,
    subscribe,
    ticket_of,
)

Login = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def asking_app(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """An application that asks an auth service of its own who somebody is."""
    with auth_service(make_settings) as server:
        settings = make_settings(
            auth_grpc_url=f"grpc://127.0.0.1:{server.port}", auth_grpc_token=TOKEN
        )
        with another_app(settings) as asking:
            yield asking
            with asking.app_context():
                close_gate()


@pytest.fixture(params=["in-process", "grpc"])
def address(request: pytest.FixtureRequest, app: Flask) -> Iterator[str]:
    """Where the socket is served: both by a shop that knows people itself and by one that asks."""
    served = app if request.param == "in-process" else request.getfixturevalue("asking_app")
    with serving(served) as port:
        yield f"ws://127.0.0.1:{port}/live"


Connect = Callable[..., WebSocket]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open sockets as a page of ours does; they are closed after the test."""
    with ExitStack() as opened:

        def open_socket(address: str, ticket: str, origin: str | None = OUR_PAGE) -> WebSocket:
            return opened.enter_context(open_at(address, ticket, origin))

        yield open_socket


def listen(connection: WebSocket, topic: str) -> dict[str, str]:
    """Publish until the socket tells of it."""
    connection.settimeout(0.2)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        publish(topic, "changed")
        try:
            return news(connection)
        except WebSocketTimeoutException:
            continue
    raise AssertionError(f"no news of {topic}")


class TestTicket:
    def test_opens_one_socket_once(
        self, connect: Connect, client: FlaskClient, address: str
    ) -> None:
        ticket = ticket_of(client)
        connection = connect(address, ticket)
        topic = f"product:{new_id()}"
        subscribe(connection, topic)
        assert listen(connection, topic) == {"topic": topic, "event": "changed"}
        assert close_code(connect(address, ticket)) == Close.UNAUTHENTICATED

    @pytest.mark.parametrize("ticket", ["", "nonsense", "x" * 3000, "%00", "live:ticket:*"])
    def test_unknown_ticket_opens_nothing(
        self, connect: Connect, address: str, ticket: str
    ) -> None:
        assert close_code(connect(address, ticket)) == Close.UNAUTHENTICATED

    def test_is_gone_after_half_a_minute(self, app: Flask) -> None:
        ticket = tickets.issue(Pass())
        [key] = jobs.redis().keys("live:ticket:*")
        assert 0 < jobs.redis().ttl(key) <= 30
        assert ticket.encode() not in key
        assert tickets.redeem(ticket) == Pass()
        assert tickets.redeem(ticket) is None

    def test_needs_a_csrf_token(self, app: Flask, client: FlaskClient) -> None:
        app.config["WTF_CSRF_ENABLED"] = True
        try:
            answer = client.post("/live/ticket", headers=JSON)
        finally:
            app.config["WTF_CSRF_ENABLED"] = False
        assert answer.status_code == 403

    def test_without_redis_the_page_is_told_to_come_back(
        self, make_settings: Callable[..., Settings]
    ) -> None:
        with another_app(make_settings(redis_url="redis://127.0.0.1:9/0")) as lonely:
            answer = lonely.test_client().post("/live/ticket", headers=JSON)
        assert answer.status_code == 503
        assert answer.mimetype == "application/problem+json"
        assert "Retry-After" in answer.headers


class TestOrigin:
    @pytest.mark.parametrize(
        "origin",
        [None, "null", "https://localhost", "http://localhost.evil.example", "http://evil.example"],
    )
    def test_foreign_pages_are_sent_away(
        self, connect: Connect, client: FlaskClient, address: str, origin: str | None
    ) -> None:
        connection = connect(address, ticket_of(client), origin)
        assert close_code(connection) == Close.FOREIGN_ORIGIN

    @pytest.mark.parametrize(
        ("origin", "public_url", "ours"),
        [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000", True),
            ("http://localhost:8000", "http://127.0.0.1:8000", True),
            ("http://localhost:8001", "http://127.0.0.1:8000", False),
            ("https://localhost:8000", "http://127.0.0.1:8000", False),
            ("https://shop.example", "https://shop.example/", True),
            ("http://shop.example", "https://shop.example", False),
            ("https://shop.example:444", "https://shop.example", False),
            ("http://localhost", "https://shop.example", False),
            ("http://[", "https://shop.example", False),
        ],
    )
    def test_the_shops_own_pages_are_known(self, origin: str, public_url: str, ours: bool) -> None:
        assert views.is_our_page(origin, public_url) is ours


class TestTopics:
    def test_order_is_told_to_its_buyer_alone(
        self, connect: Connect, app: Flask, login: Login, address: str
    ) -> None:
        buyer, stranger = make_user(), make_user()
        product = make_product(make_user(roles=("seller",)), stock=("K-1",))
        topic = f"order:{placed(buyer, {product.id: 1})}"
        shown = f"product:{product.id}"
        own, others, guests = (
            connect(address, ticket_of(browser))
            for browser in (login(buyer), login(stranger), app.test_client())
        )
        for connection in (own, others, guests):
            subscribe(connection, topic, shown)
        assert listen(own, topic)["topic"] == topic
        for connection in (others, guests):
            # Its news of the order would have come first.
            publish(topic, "changed")
            assert listen(connection, shown)["topic"] == shown

    @pytest.mark.parametrize(
        "topic",
        [
            f"order:{UUID(int=5)}",
            f"user:{UUID(int=5)}",
            "product:",
            "product:*",
            "order",
            f"product:{{{UUID(int=5)}}}",
            f"PRODUCT:{UUID(int=5)}",
            "product:" + "0" * 32,
        ],
    )
    def test_other_topics_are_nobodys(self, app: Flask, topic: str) -> None:
        assert not policy.may_watch(make_user().id, topic)
        assert not policy.may_watch(None, topic)

    @pytest.mark.parametrize(
        "said",
        ["", "nonsense", "[]", '{"subscribe": 1}', '{"subscribe": [1]}', "{}", "[" * 5000, "\x00"],
    )
    def test_what_cannot_be_read_is_passed_over(
        self, connect: Connect, client: FlaskClient, address: str, said: str
    ) -> None:
        connection = connect(address, ticket_of(client))
        connection.send(said)
        topic = f"product:{new_id()}"
        subscribe(connection, topic)
        assert listen(connection, topic)["topic"] == topic

    def test_page_is_told_from_when_on_nothing_is_missed(
        self, connect: Connect, app: Flask, login: Login, address: str
    ) -> None:
        product = make_product(make_user(roles=("seller",)), stock=("K-1",))
        foreign = f"order:{placed(make_user(), {product.id: 1})}"
        connection = connect(address, ticket_of(login(make_user())))
        topics = [f"product:{new_id()}" for _ in range(3)]
        for wanted in ([topics[0], foreign, topics[1]], [topics[1], topics[2]]):
            subscribe(connection, *wanted)
            granted = [topic for topic in wanted if topic != foreign]
            assert json.loads(connection.recv()) == {"subscribed": granted}
            for topic in granted:
                publish(topic, "changed")
                assert json.loads(connection.recv()) == {"topic": topic, "event": "changed"}

    def test_socket_watches_so_many_topics(
        self, connect: Connect, client: FlaskClient, address: str
    ) -> None:
        connection = connect(address, ticket_of(client))
        topics = [f"product:{new_id()}" for _ in range(policy.MAX_TOPICS + 1)]
        subscribe(connection, *topics[:-1])
        subscribe(connection, topics[-1])
        assert listen(connection, topics[-2])["topic"] == topics[-2]
        publish(topics[-1], "changed")
        told = listen(connection, topics[0])["topic"]
        while told == topics[-2]:  # published more than once while it was listened for
            told = news(connection)["topic"]
        assert told == topics[0]


def grant_moderator(*, user_id: UUID) -> None:
    moderation.grant_role(user_id=user_id, role=Role.MODERATOR)


def end_its_session(*, user_id: UUID) -> None:
    [listed] = queries.live_sessions(user_id)
    sessions.end_session(user_id=user_id, session_id=listed.id)


class TestEnd:
    @pytest.mark.parametrize(
        "act", [moderation.ban_user, sessions.log_out_everywhere, grant_moderator, end_its_session]
    )
    def test_ended_login_ends_the_socket_at_once(
        self, connect: Connect, app: Flask, login: Login, address: str, act: Callable[..., None]
    ) -> None:
        buyer = make_user()
        connection = connect(address, ticket_of(login(buyer)))
        topic = f"product:{new_id()}"
        subscribe(connection, topic)
        listen(connection, topic)
        act(user_id=buyer.id)
        assert close_code(connection) == Close.UNAUTHENTICATED

    def test_ended_login_is_noticed_without_a_word(
        self,
        connect: Connect,
        app: Flask,
        login: Login,
        address: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(views, "RECHECK_SECONDS", 0.2)
        connection = connect(address, ticket_of(login(make_user())))
        db.session.execute(delete(LoginSession))
        db.session.commit()
        leases.wait_for_servers()  # PostgreSQL tells the auth servers, Redis nobody
        assert close_code(connection) == Close.UNAUTHENTICATED

    def test_log_out_ends_the_sockets_of_this_browser_at_once(
        self, connect: Connect, app: Flask, login: Login, address: str
    ) -> None:
        user = make_user()
        left, kept = login(user), login(user)
        connection, other = (connect(address, ticket_of(browser)) for browser in (left, kept))
        topic = f"product:{new_id()}"
        for each in (connection, other):
            subscribe(each, topic)
            listen(each, topic)
        left.post("/auth/logout")
        assert close_code(connection) == Close.UNAUTHENTICATED
        assert listen(other, topic)["topic"] == topic

    def test_ban_over_grpc_ends_the_socket_at_once(
        self,
        connect: Connect,
        app: Flask,
        login: Login,
        address: str,
        make_settings: Callable[..., Settings],
    ) -> None:
        buyer = make_user()
        connection = connect(address, ticket_of(login(buyer)))
        topic = f"product:{new_id()}"
        subscribe(connection, topic)
        listen(connection, topic)
        with auth_service(make_settings) as server, stub_of(server.port) as stub:
            stub.BanUser(BanUserRequest(user_id=str(buyer.id)), metadata=METADATA)
            assert close_code(connection) == Close.UNAUTHENTICATED

    def test_ticket_of_an_ended_login_opens_nothing(
        self, connect: Connect, app: Flask, login: Login, address: str
    ) -> None:
        buyer = make_user()
        ticket = ticket_of(login(buyer))
        sessions.log_out_everywhere(user_id=buyer.id)
        assert close_code(connect(address, ticket)) == Close.UNAUTHENTICATED

    def test_one_user_has_so_many_sockets(
        self, connect: Connect, app: Flask, login: Login, address: str
    ) -> None:
        browser = login(make_user())
        topic = f"product:{new_id()}"
        open_ones = []
        for _ in range(policy.MAX_SOCKETS_OF_USER):
            connection = connect(address, ticket_of(browser))
            subscribe(connection, topic)
            listen(connection, topic)
            open_ones.append(connection)
        assert close_code(connect(address, ticket_of(browser))) == Close.TOO_MANY
        open_ones.pop().close()
        admitted, deadline = False, time.monotonic() + SECONDS
        while not admitted and time.monotonic() < deadline:
            again = connect(address, ticket_of(browser))
            # Refused for as long as the closed one is still being forgotten.
            with suppress(OSError):
                subscribe(again, topic)
                admitted = listen(again, topic)["topic"] == topic
        assert admitted

    def test_chatterer_is_cut_off(
        self, connect: Connect, client: FlaskClient, address: str
    ) -> None:
        connection = connect(address, ticket_of(client))
        for _ in range(views.SAID_AT_MOST + 1):
            connection.send("{}")
        assert close_code(connection) == Close.TOO_MANY

    def test_huge_message_is_refused(
        self, connect: Connect, client: FlaskClient, address: str
    ) -> None:
        connection = connect(address, ticket_of(client))
        connection.send("x" * (64 * 1024 + 1))
        assert close_code(connection) == 1009

    def test_who_does_not_read_is_dropped(self, app: Flask) -> None:
        broker = Broker(Subscription(app.config["REDIS_URL"]))
        dropped = threading.Event()
        lazy = Listener("guest:192.0.2.1", dropped.set)
        busy = Listener("guest:192.0.2.2", lambda: None)
        for listener in (lazy, busy):
            assert broker.join(listener, at_most=1)
            broker.watch(listener, "product:1")
        news = News("product:1", "stock")
        while not dropped.is_set():
            broker.hear(news)
            assert busy.inbox.next(0) == news
        assert not lazy.inbox.put(news)


class TestAuthAway:
    def test_page_is_told_to_come_back(
        self,
        connect: Connect,
        app: Flask,
        login: Login,
        make_settings: Callable[..., Settings],
    ) -> None:
        ticket = ticket_of(login(make_user()))
        settings = make_settings(
            auth_grpc_url=f"grpc://127.0.0.1:{free_port()}", auth_grpc_token=TOKEN
        )
        with another_app(settings) as asking, serving(asking) as port:
            connection = connect(f"ws://127.0.0.1:{port}/live", ticket)
            assert close_code(connection) == Close.TRY_AGAIN
            with asking.app_context():
                close_gate()


class TestRedisAway:
    def test_sockets_live_on_and_are_told_to_look_when_it_is_back(
        self, connect: Connect, make_settings: Callable[..., Settings], tmp_path: Path
    ) -> None:
        valkey = start_valkey(tmp_path / "valkey", durable=False)
        topic = f"product:{new_id()}"
        other = another_app(make_settings(redis_url=valkey.url))
        with other as shop, serving(shop) as port, shop.app_context():
            connection = connect(f"ws://127.0.0.1:{port}/live", tickets.issue(Pass()))
            subscribe(connection, topic)
            listen(connection, topic)
            connection.settimeout(SECONDS)
            with Redis.from_url(valkey.url) as redis:
                assert redis.client_kill_filter(_type="pubsub") == 1
            heard = {"event": "changed"}
            while heard["event"] == "changed":
                heard = news(connection)
            assert heard == {"topic": topic, "event": "reconnected"}
            assert listen(connection, topic)["event"] == "changed"
        valkey.stop()


def try_to_send(connection: WebSocket, words: bytes) -> None:
    with suppress(OSError):
        connection.sock.sendall(words)


class TestGunicorn:
    def test_gevent_worker_serves_many_sockets(
        self,
        connect: Connect,
        make_settings: Callable[..., Settings],
        run_servers: Servers,
        app: Flask,
        tmp_path: Path,
    ) -> None:
        settings = app.extensions["settings"]
        environment = environment_of(settings, tmp_path)
        topic = f"product:{new_id()}"
        with Shop(environment, tmp_path) as shop:
            shop.start("chat")
            address = f"{environment['LIVE_URL']}/live"
            origin = environment["PUBLIC_URL"]
            connections = [
                connect(address, tickets.issue(Pass()), origin)
                for _ in range(policy.MAX_SOCKETS_OF_ADDRESS)
            ]
            for connection in connections:
                subscribe(connection, topic)
                listen(connection, topic)
            publish(topic, "last")
            for connection in connections:
                connection.settimeout(SECONDS)
                while news(connection)["event"] != "last":
                    pass
            late = connect(address, tickets.issue(Pass()), origin)
            assert close_code(late) == Close.TOO_MANY
            # Who says far too much hears why it is sent away, though most of it was never read.
            chatterer = connections.pop()
            words = ABNF.create_frame("{}" * 2000, ABNF.OPCODE_TEXT).format() * 1000
            threading.Thread(target=try_to_send, args=(chatterer, words), daemon=True).start()
            assert close_code(chatterer) == Close.TOO_MANY
            with socket.create_connection(("127.0.0.1", int(environment["CHAT_PORT"])), 5) as raw:
                raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert b"200 OK" in raw.recv(1000)

    def test_gevent_worker_asks_the_auth_service(
        self, connect: Connect, login: Login, app: Flask, tmp_path: Path
    ) -> None:
        settings = app.extensions["settings"]
        listen_at = f"127.0.0.1:{free_port()}"
        environment = environment_of(settings, tmp_path) | {
            "AUTH_GRPC_URL": f"grpc://{listen_at}",
            "AUTH_GRPC_LISTEN": listen_at,
            "AUTH_GRPC_TOKEN": TOKEN,
        }
        origin = environment["PUBLIC_URL"]
        topic = f"product:{new_id()}"
        people = [make_user() for _ in range(4)]
        with Shop(environment, tmp_path) as shop:
            shop.start("auth", "chat")
            address = f"{environment['LIVE_URL']}/live"
            connections = [
                connect(address, ticket_of(browser), origin)
                for browser in map(login, people)
                for _ in range(policy.MAX_SOCKETS_OF_USER)
            ]
            for connection in connections:
                subscribe(connection, topic)
                listen(connection, topic)
            moderation.ban_user(user_id=people[0].id)
            for connection in connections[: policy.MAX_SOCKETS_OF_USER]:
                assert close_code(connection) == Close.UNAUTHENTICATED
            assert listen(connections[-1], topic)["topic"] == topic
            shop.kill("auth", signal.SIGTERM)
            late = connect(address, ticket_of(login(make_user())), origin)
            assert close_code(late) == Close.TRY_AGAIN
            shop.start("auth")
            assert listen(connections[-1], topic)["topic"] == topic
            admitted, deadline = False, time.monotonic() + 30
            while not admitted and time.monotonic() < deadline:
                again = connect(address, ticket_of(login(make_user())), origin)
                with suppress(OSError):
                    subscribe(again, topic)
                    admitted = listen(again, topic)["topic"] == topic
            assert admitted
