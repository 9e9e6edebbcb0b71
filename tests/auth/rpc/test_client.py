"""The client: what it remembers and when it does not, how long it waits, how it comes back."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import UUID

import grpc
import pytest
from sqlalchemy import update

from app.auth import leases
from app.auth.gate import LocalGate, Person, Proof, gate
from app.auth.models import User
from app.auth.rpc.client import AuthAway, GrpcGate
from app.auth.rpc.memory import SIZE, Memory
from app.auth.rpc.server import AuthServer
from app.auth.service import moderation, sessions
from app.embedded.processes import free_port
from app.embedded.valkey import start_valkey
from app.extensions import db
from app.kit.ids import new_id
from app.settings import Settings
from tests.auth.rpc.conftest import logged_in
from tests.factories.auth import make_user
from tests.support.apps import another_app
from tests.support.auth_service import TOKEN, asking, auth_service

SECONDS = 10
Make = Callable[..., Settings]


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def listening(far: GrpcGate, login: UUID) -> None:
    """Ask once, which opens the stream, and wait until answers are remembered."""
    assert far.validate_session(login)
    until(lambda: far.remembers)


class TestMemory:
    def test_answers_again_without_asking(self, app, server: AuthServer) -> None:
        user = make_user()
        login = logged_in(user)
        with asking(server.port) as far:
            listening(far, login)
            known = far.validate_session(login)
            assert known is not None
            # A change that nobody announces shows who answers.
            db.session.execute(update(User).values(display_name="Changed"))
            db.session.commit()
            leases.wait_for_servers()  # the server, too, answers from memory
            assert far.validate_session(login) == known
            asked = far.validate_session(login, fresh=True)
            assert asked is not None
            assert asked.person.display_name == "Changed"

    def test_revocation_is_heard_at_once(self, app, make_settings: Make) -> None:
        with auth_service(make_settings) as server, asking(server.port) as far:
            user, other = make_user(), make_user()
            login, others = logged_in(user), logged_in(other)
            listening(far, login)
            assert far.validate_session(login)
            assert far.validate_session(others)
            began = time.monotonic()
            moderation.ban_user(user_id=user.id)
            until(lambda: far.validate_session(login) is None)
            assert time.monotonic() - began < 1
            assert far.validate_session(others)

    def test_one_log_out_is_heard_too(self, app, make_settings: Make) -> None:
        with auth_service(make_settings) as server, asking(server.port) as far:
            user = make_user()
            login, other = logged_in(user), logged_in(user)
            listening(far, login)
            assert far.validate_session(login)
            sessions.log_out(session_id=login)
            until(lambda: far.validate_session(login) is None)
            assert far.validate_session(other)

    def test_is_not_used_while_nothing_is_heard(self, app, make_settings: Make, tmp_path) -> None:
        valkey = start_valkey(tmp_path / "valkey", durable=False)
        with (
            auth_service(make_settings, redis_url=valkey.url) as server,
            asking(server.port) as far,
        ):
            login = logged_in(make_user())
            listening(far, login)
            assert far.validate_session(login)
            valkey.stop()
            until(lambda: not far.remembers)
            sessions.log_out(session_id=login)  # nobody hears of it
            assert far.validate_session(login) is None

    def test_is_bounded(self) -> None:
        memory: Memory[Proof] = Memory()
        memory.hear()
        first = b"0"
        for number in range(SIZE):
            memory.remember(str(number).encode(), proof(), proof(), asked_at=memory.moment())
        assert memory.recall(first)
        memory.remember(b"one more", proof(), proof(), asked_at=memory.moment())
        assert memory.recall(first) is None
        assert memory.recall(b"1")

    def test_answer_from_before_a_revocation_is_not_kept(self) -> None:
        memory: Memory[Proof] = Memory()
        memory.hear()
        asked_at = memory.moment()
        memory.forget(new_id())
        memory.remember(b"0", proof(), proof(), asked_at=asked_at)
        assert memory.recall(b"0") is None

    def test_starts_anew_after_silence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        memory: Memory[Proof] = Memory()
        memory.hear()
        memory.remember(b"0", proof(), proof(), asked_at=memory.moment())
        assert memory.recall(b"0")
        now = time.monotonic()
        monkeypatch.setattr("app.auth.rpc.memory.time.monotonic", lambda: now + 9)
        assert memory.recall(b"0") is None
        memory.hear()
        assert memory.recall(b"0") is None

    def test_forgets_after_ten_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        memory: Memory[Proof] = Memory()
        now = time.monotonic()
        memory.hear()
        memory.remember(b"0", proof(), proof(), asked_at=memory.moment())
        for passed, known in ((4, True), (8, True), (9.9, True), (10.1, False)):
            monkeypatch.setattr(
                "app.auth.rpc.memory.time.monotonic", lambda passed=passed: now + passed
            )
            memory.hear()
            assert (memory.recall(b"0") is not None) is known


def proof() -> Proof:
    return Proof(Person(new_id(), "Somebody", "en", frozenset(), False, 1), frozenset(), None)


class TestDeadline:
    def test_silent_server_is_not_waited_for(self, app) -> None:
        with (
            closing(socket.create_server(("127.0.0.1", 0))) as silent,
            asking(silent.getsockname()[1], deadline=0.5) as far,
        ):
            began = time.monotonic()
            with pytest.raises(AuthAway):
                far.get_user(new_id())
            assert 0.4 < time.monotonic() - began < 2

    def test_absent_server_is_told_soon(self, app) -> None:
        with asking(free_port()) as far:
            began = time.monotonic()
            with pytest.raises(AuthAway):
                far.validate_session(new_id())
            assert time.monotonic() - began < 2.5


class TestRetries:
    @pytest.fixture
    def flaky(self) -> object:
        """A server that is not there for the first two tries of a call."""
        tries: list[str] = []

        class Flaky(grpc.GenericRpcHandler):
            def service(self, details: grpc.HandlerCallDetails) -> object:
                def answer(_request: bytes, context: grpc.ServicerContext) -> bytes:
                    tries.append(details.method.rpartition("/")[2])
                    if tries.count(tries[-1]) < 3:
                        context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
                    return b""

                return grpc.unary_unary_rpc_method_handler(answer)

        running = grpc.server(ThreadPoolExecutor(2))
        running.add_generic_rpc_handlers((Flaky(),))
        port = running.add_insecure_port("127.0.0.1:0")
        running.start()
        yield port, tries
        running.stop(None).wait()

    def test_reads_are_tried_again_and_changes_are_not(self, app, flaky) -> None:
        port, tries = flaky
        with asking(port, remembers=False) as far:
            assert far.get_users([new_id()]) == {}
            assert tries == ["BatchGetUsers"] * 3
            with pytest.raises(AuthAway):
                far.ban_user(new_id())
            assert tries.count("BanUser") == 1


class TestReturn:
    def test_client_finds_a_server_that_was_away(self, app, make_settings: Make) -> None:
        login = logged_in(make_user())
        with auth_service(make_settings) as server, asking(server.port) as far:
            listening(far, login)
            port = server.port
            server.stop(1)
            with pytest.raises(AuthAway):
                far.validate_session(login, fresh=True)
            assert not far.remembers
            with auth_service(make_settings, port=port):

                def answers() -> bool:
                    try:
                        return far.validate_session(login) is not None
                    except AuthAway:
                        return False

                until(answers)
                until(lambda: far.remembers)


class TestChoice:
    def test_follows_the_settings(self, make_settings: Make) -> None:
        with another_app(make_settings()) as near, near.app_context():
            assert isinstance(gate(), LocalGate)
        url = f"grpc://127.0.0.1:{free_port()}"
        far_settings = make_settings(auth_grpc_url=url, auth_grpc_token=TOKEN)
        with another_app(far_settings) as far, far.app_context():
            assert isinstance(gate(), GrpcGate)
            gate().close()


def test_wrong_token_is_a_service_that_is_away(app, server: AuthServer) -> None:
    stranger = GrpcGate(f"127.0.0.1:{server.port}", "another-token")
    with pytest.raises(AuthAway):
        stranger.get_user(new_id())
    stranger.close()
