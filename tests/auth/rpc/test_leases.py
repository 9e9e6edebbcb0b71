"""A server answers from memory, and yet not once after a revocation has returned."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest
from flask import Flask
from sqlalchemy import make_url, text, update

from app.auth import leases
from app.auth.models import RememberingServer, Role, User
from app.auth.rpc.generated import auth_pb2 as pb
from app.auth.rpc.server import AuthServer
from app.auth.service import api_keys, credentials, moderation, refresh, sessions
from app.embedded.processes import free_port
from app.extensions import db
from app.kit.db import end_read, session
from app.kit.ids import new_id
from app.settings import Settings
from tests.auth.rpc.conftest import logged_in
from tests.factories.auth import PASSWORD, make_user
from tests.support.auth_service import METADATA, TOKEN, auth_service, stub_of
from tests.support.shop import Shop, environment_of
from tests.support.silent_proxy import SilentProxy

SECONDS = 30
Make = Callable[..., Settings]


def by_login(login: UUID) -> pb.ValidateTokenRequest:
    return pb.ValidateTokenRequest(login_session_id=str(login))


def is_good(stub: Any, request: pb.ValidateTokenRequest) -> bool:
    return bool(stub.ValidateToken(request, metadata=METADATA, timeout=SECONDS).valid)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def remembers(stub: Any, request: pb.ValidateTokenRequest) -> bool:
    """Whether the server answers from memory: it does not see a change that nobody announces."""
    known = stub.ValidateToken(request, metadata=METADATA, timeout=SECONDS)
    assert known.valid
    name = str(new_id())
    db.session.execute(update(User).where(User.id == UUID(known.user.id)).values(display_name=name))
    db.session.commit()
    again = stub.ValidateToken(request, metadata=METADATA, timeout=SECONDS)
    return bool(again.valid and again.user.display_name != name)


def remembering(stub: Any, request: pb.ValidateTokenRequest) -> None:
    """Wait until the server does."""
    until(lambda: remembers(stub, request))


def refuses(stub: Any, request: pb.ValidateTokenRequest) -> bool:
    """Whether a credential is called no good, or nothing at all is said of it."""
    try:
        return not is_good(stub, request)
    except grpc.RpcError:
        return True


@pytest.fixture
def stub(app: Flask, server: AuthServer) -> Iterator[Any]:
    with stub_of(server.port) as calls:
        yield calls


class TestRevocation:
    def test_counts_between_two_calls(self, app: Flask, stub: Any) -> None:
        for _time in range(20):
            user = make_user()
            request = by_login(logged_in(user))
            remembering(stub, request)
            moderation.ban_user(user_id=user.id)
            assert not is_good(stub, request)

    def test_over_grpc_counts_between_two_calls(self, app: Flask, stub: Any) -> None:
        user = make_user()
        request = by_login(logged_in(user))
        remembering(stub, request)
        stub.BanUser(pb.BanUserRequest(user_id=str(user.id)), metadata=METADATA)
        assert not is_good(stub, request)

    @pytest.mark.parametrize(
        "act",
        [
            lambda user, _login: moderation.grant_role(user_id=user.id, role=Role.ADMIN),
            lambda user, _login: sessions.log_out_everywhere(user_id=user.id),
            lambda _user, login: sessions.log_out(session_id=login),
            lambda user, login: sessions.end_session(user_id=user.id, session_id=login),
            lambda user, _login: credentials.replace_password(
                user_id=user.id, current=PASSWORD, new=f"{PASSWORD}!", address="192.0.2.1"
            ),
        ],
        ids=["role", "everywhere", "log-out", "by its owner", "password"],
    )
    def test_of_any_kind_does(
        self, app: Flask, stub: Any, act: Callable[[User, UUID], None]
    ) -> None:
        user = make_user()
        login = logged_in(user)
        remembering(stub, by_login(login))
        act(user, login)
        assert not is_good(stub, by_login(login))

    def test_ends_tokens_and_keys_too(self, app: Flask, stub: Any) -> None:
        user = make_user()
        token = refresh.log_in_for_tokens(
            email=user.email, password=PASSWORD, address="192.0.2.1", agent="", scope=None
        ).access_token
        key_id, key = api_keys.create_api_key(user_id=user.id, name="Script", scopes=["orders"])
        by_token, by_key = (pb.ValidateTokenRequest(bearer_token=shown) for shown in (token, key))
        remembering(stub, by_token)
        remembering(stub, by_key)
        api_keys.revoke_api_key(user_id=user.id, key_id=key_id)
        assert not is_good(stub, by_key)
        assert is_good(stub, by_token)
        moderation.ban_user(user_id=user.id)
        assert not is_good(stub, by_token)

    def test_is_known_under_load(self, app: Flask, stub: Any) -> None:
        """Answers read just before the commit are not remembered after it."""
        with ThreadPoolExecutor(8) as pool:
            for _time in range(10):
                user = make_user()
                request = by_login(logged_in(user))
                asked = [
                    pool.submit(lambda r=request: [is_good(stub, r) for _ in range(40)])
                    for _ in range(8)
                ]
                moderation.ban_user(user_id=user.id)
                assert not any(is_good(stub, request) for _ in range(20))
                for answers in asked:
                    answers.result(SECONDS)
            end_read()


class TestManyServers:
    def test_all_know_of_it(self, app: Flask, make_settings: Make) -> None:
        with ExitStack() as stack:
            stubs = [
                stack.enter_context(stub_of(stack.enter_context(auth_service(make_settings)).port))
                for _ in range(2)
            ]
            for _time in range(5):
                user = make_user()
                request = by_login(logged_in(user))
                for stub in stubs:
                    remembering(stub, request)
                moderation.ban_user(user_id=user.id)
                assert not any(is_good(stub, request) for stub in stubs)

    def test_leave_nothing_behind(self, app: Flask, make_settings: Make) -> None:
        before = known()
        with auth_service(make_settings) as server, stub_of(server.port) as stub:
            remembering(stub, by_login(logged_in(make_user())))
            assert len(known()) == len(before) + 1
        assert known() == before


def known() -> set[int]:
    """The servers that are written down."""
    found = set(session().scalars(db.select(RememberingServer.number)))
    end_read()
    return found


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of servers that were waited for in vain and struck off, in that order."""
    numbers: list[int] = []
    strike_off = leases._strike_off

    def noting(vanished: Sequence[int]) -> None:
        numbers.extend(vanished)
        strike_off(vanished)

    monkeypatch.setattr(leases, "_strike_off", noting)
    return numbers


def assert_given_up_once(there: set[int], given_up: list[int]) -> None:
    """Revoke until one that was there is known no more: later revocations have none to wait for."""

    def is_one_gone() -> bool:
        moderation.ban_user(user_id=make_user().id)
        return not there <= known()

    until(is_one_gone)
    moderation.ban_user(user_id=make_user().id)
    for number in there - known():
        assert given_up.count(number) == 1


class TestCutOff:
    """A server between which and PostgreSQL nothing passes any more."""

    @pytest.fixture
    def way(self, app: Flask) -> Iterator[SilentProxy]:
        address = make_url(app.extensions["settings"].database_url)
        assert address.host
        assert address.port
        proxy = SilentProxy(address.host, address.port)
        proxy.start()
        yield proxy
        proxy.stop()

    @contextmanager
    def behind(self, way: SilentProxy, make_settings: Make) -> Iterator[Any]:
        address = make_url(make_settings().database_url).set(host="127.0.0.1", port=way.port)
        url = address.render_as_string(hide_password=False)
        with auth_service(make_settings, database_url=url) as server, stub_of(server.port) as stub:
            yield stub
            way.reopen()

    @pytest.mark.parametrize("is_dropped", [False, True], ids=["by both", "by PostgreSQL alone"])
    def test_is_believed_no_more(
        self,
        app: Flask,
        way: SilentProxy,
        make_settings: Make,
        given_up: list[int],
        caplog: pytest.LogCaptureFixture,
        *,
        is_dropped: bool,
    ) -> None:
        user, other = make_user(), make_user()
        request, others = by_login(logged_in(user)), by_login(logged_in(other))
        with self.behind(way, make_settings) as stub:
            remembering(stub, request)
            remembering(stub, others)
            way.shut()
            if is_dropped:
                way.drop_servers()
            moderation.ban_user(user_id=user.id)
            ended = [line for line in caplog.records if "its connection is ended" in line.message]
            assert given_up or ended
            assert refuses(stub, request)
            assert refuses(stub, others)  # nothing is known any more
            way.reopen()
            until(lambda: not refuses(stub, others))
            remembering(stub, others)
            assert refuses(stub, request)

    def test_keeps_later_ones_waiting_but_once(
        self, app: Flask, way: SilentProxy, make_settings: Make, given_up: list[int]
    ) -> None:
        with self.behind(way, make_settings) as stub:
            remembering(stub, by_login(logged_in(make_user())))
            there = known()
            way.shut()
            assert_given_up_once(there, given_up)


class TestProcess:
    """A server of its own process, which is stopped while it remembers."""

    @pytest.fixture
    def process(self, app: Flask, tmp_path: Path) -> Iterator[tuple[int, Any]]:
        settings: Settings = app.extensions["settings"]
        port = free_port()
        environment = environment_of(settings, tmp_path)
        environment |= {"AUTH_GRPC_TOKEN": TOKEN, "AUTH_GRPC_LISTEN": f"127.0.0.1:{port}"}
        with Shop(environment, tmp_path) as shop, stub_of(port) as stub:
            shop.start("auth")
            yield shop.processes["auth"].pid, stub

    def test_that_wakes_up_does_not_go_on(self, app: Flask, process: tuple[int, Any]) -> None:
        pid, stub = process
        user = make_user()
        request = by_login(logged_in(user))
        remembering(stub, request)
        os.kill(pid, signal.SIGSTOP)
        try:
            moderation.ban_user(user_id=user.id)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert not is_good(stub, request)

    def test_that_is_killed_is_not_waited_for(
        self, app: Flask, server: AuthServer, process: tuple[int, Any], given_up: list[int]
    ) -> None:
        pid, stub = process
        user = make_user()
        request = by_login(logged_in(user))
        with stub_of(server.port) as another, ThreadPoolExecutor(1) as pool:
            remembering(another, request)
            remembering(stub, request)
            there = known()
            os.kill(pid, signal.SIGSTOP)

            def ban() -> None:
                with app.app_context():
                    moderation.ban_user(user_id=user.id)

            banned = pool.submit(ban)
            until(lambda: banned.done() or waits())
            os.kill(pid, signal.SIGKILL)
            banned.result(SECONDS)
            assert not is_good(another, request)
            assert_given_up_once(there, given_up)


def waits() -> bool:
    """Whether a revocation waits for servers that remember."""
    statement = text(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
    )
    found = bool(session().scalar(statement))
    end_read()
    return found
