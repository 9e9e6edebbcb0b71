"""The server as programs in any language meet it: who is let in, and how refusals are told."""

import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pydantic import ValidationError
from sqlalchemy import text

from app.auth.gate import gate
from app.auth.revocations import INBOX_SIZE
from app.auth.rpc import remembering
from app.auth.rpc.client import AuthAway
from app.auth.rpc.generated import auth_pb2 as pb
from app.auth.rpc.generated.auth_pb2_grpc import AuthServiceStub
from app.auth.rpc.server import AuthServer, CannotServe
from app.embedded.postgres import start_postgres
from app.embedded.processes import free_port
from app.embedded.valkey import start_valkey
from app.extensions import db
from app.kit import jobs
from app.kit.ids import new_id
from app.kit.live.publishing import CHANNEL, user_topic
from app.settings import Settings
from tests.auth.rpc.conftest import logged_in
from tests.factories.auth import make_user
from tests.support.apps import another_app
from tests.support.auth_service import METADATA, TOKEN, asking, auth_service, stub_of
from tests.support.certificates import Authority
from tests.support.shop import Shop, environment_of

SECONDS = 10
Make = Callable[..., Settings]
SERVICE = "byteshop.auth.v1.AuthService"


def refused(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str, str]:
    """The status of a refusal, its code for programs, and its words."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error = caught.value
    code = dict(error.trailing_metadata() or ()).get("error-code", "")
    return error.code(), str(code), error.details() or ""


class TestToken:
    @pytest.mark.parametrize(
        "metadata",
        [
            (),
            (("authorization", "Bearer wrong"),),
            (("authorization", TOKEN),),
            (("authorization", f"bearer {TOKEN}"),),
            (("authorization", f"Bearer {TOKEN}x"),),
            (*METADATA, *METADATA),
        ],
        ids=["none", "wrong", "bare", "case", "longer", "twice"],
    )
    def test_without_it_nothing_is_answered(
        self, app, server: AuthServer, metadata: tuple[tuple[str, str], ...]
    ) -> None:
        user_id = str(make_user().id)
        with stub_of(server.port) as stub:
            calls = [
                lambda: stub.GetUser(pb.GetUserRequest(user_id=user_id), metadata=metadata),
                lambda: stub.BanUser(pb.BanUserRequest(user_id=user_id), metadata=metadata),
                lambda: next(
                    stub.WatchRevocations(pb.WatchRevocationsRequest(), metadata=metadata)
                ),
            ]
            for call in calls:
                status, code, _words = refused(call)
                assert (status, code) == (grpc.StatusCode.UNAUTHENTICATED, "bad_service_token")
            answer = stub.GetUser(pb.GetUserRequest(user_id=user_id), metadata=METADATA)
        assert not answer.user.banned

    def test_server_needs_one(self, make_settings: Make) -> None:
        with another_app(make_settings()) as served, pytest.raises(CannotServe):
            AuthServer(served)

    @pytest.mark.parametrize(
        "settings",
        [
            {"auth_grpc_token": "short"},
            {"auth_grpc_url": "grpc://127.0.0.1:1"},
            {"auth_grpc_url": "http://127.0.0.1:1", "auth_grpc_token": TOKEN},
            {"auth_grpc_url": "grpcs://127.0.0.1:1", "auth_grpc_token": TOKEN},
            {"auth_grpc_cert": "cert.pem"},
        ],
    )
    def test_settings_that_do_not_fit_are_refused(self, make_settings: Make, settings) -> None:
        with pytest.raises(ValidationError):
            make_settings(**settings)


class TestRefusals:
    def test_unknown_people_are_told_alike(self, app, server: AuthServer) -> None:
        nobody = str(new_id())
        with stub_of(server.port) as stub:
            answers = {
                refused(lambda call=call: call(metadata=METADATA))
                for call in (
                    lambda **kw: stub.GetUser(pb.GetUserRequest(user_id=nobody), **kw),
                    lambda **kw: stub.BanUser(pb.BanUserRequest(user_id=nobody), **kw),
                    lambda **kw: stub.UnbanUser(pb.UnbanUserRequest(user_id=nobody), **kw),
                    lambda **kw: stub.CheckPermission(
                        pb.CheckPermissionRequest(user_id=nobody, permission="PERMISSION_SELL"),
                        **kw,
                    ),
                    lambda **kw: stub.ChangeRole(
                        pb.ChangeRoleRequest(
                            user_id=nobody, role="ROLE_ADMIN", change="ROLE_CHANGE_GRANT"
                        ),
                        **kw,
                    ),
                )
            }
        assert answers == {(grpc.StatusCode.NOT_FOUND, "no_such_user", "There is no such user.")}

    def test_what_cannot_be_read_is_named(self, app, server: AuthServer) -> None:
        someone = str(make_user().id)
        with stub_of(server.port) as stub:
            for call, field in (
                (
                    lambda: stub.GetUser(pb.GetUserRequest(user_id="7"), metadata=METADATA),
                    "user_id",
                ),
                (lambda: stub.GetUser(pb.GetUserRequest(), metadata=METADATA), "user_id"),
                (
                    lambda: stub.ValidateToken(pb.ValidateTokenRequest(), metadata=METADATA),
                    "credential",
                ),
                (
                    lambda: stub.CheckPermission(
                        pb.CheckPermissionRequest(user_id=someone), metadata=METADATA
                    ),
                    "permission",
                ),
                (
                    lambda: stub.ChangeRole(
                        pb.ChangeRoleRequest(user_id=someone, role=99), metadata=METADATA
                    ),
                    "role",
                ),
                (
                    lambda: stub.ChangeRole(
                        pb.ChangeRoleRequest(user_id=someone, role="ROLE_ADMIN"), metadata=METADATA
                    ),
                    "change",
                ),
            ):
                status, code, words = refused(call)
                assert (status, code) == (grpc.StatusCode.INVALID_ARGUMENT, "unreadable")
                assert words.startswith(field)

    def test_question_that_is_no_message_is_refused(self, app, server: AuthServer) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            validate = channel.unary_unary(remembering.METHOD)
            status, code, words = refused(lambda: validate(b"\xff", metadata=METADATA))
        assert (status, code) == (grpc.StatusCode.INVALID_ARGUMENT, "unreadable")
        assert words.startswith("request")

    def test_bad_credentials_are_not_explained(self, app, server: AuthServer) -> None:
        with stub_of(server.port) as stub:
            for request in (
                pb.ValidateTokenRequest(login_session_id="nonsense"),
                pb.ValidateTokenRequest(login_session_id=str(new_id())),
                pb.ValidateTokenRequest(bearer_token="nonsense"),
            ):
                answer = stub.ValidateToken(request, metadata=METADATA)
                assert answer == pb.ValidateTokenResponse(valid=False)

    def test_large_messages_are_not_read(self, app, server: AuthServer) -> None:
        with stub_of(server.port) as stub:
            request = pb.ValidateTokenRequest(bearer_token="x" * 64 * 1024)
            status, _code, _words = refused(lambda: stub.ValidateToken(request, metadata=METADATA))
            assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
            small = pb.ValidateTokenRequest(bearer_token="x" * 60 * 1024)
            assert not stub.ValidateToken(small, metadata=METADATA).valid

    def test_bug_is_told_by_a_number_alone(
        self,
        app,
        make_settings: Make,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # A row that the code can't understand stands for a bug nobody knows of yet.
        monkeypatch.setattr("app.auth.gate.policy._ROLES_FOR", {})
        user_id = str(make_user().id)
        logging.getLogger("app").addHandler(caplog.handler)
        with auth_service(make_settings) as server, stub_of(server.port) as stub:
            request = pb.CheckPermissionRequest(user_id=user_id, permission="PERMISSION_SELL")
            status, code, words = refused(lambda: stub.CheckPermission(request, metadata=METADATA))
        logging.getLogger("app").removeHandler(caplog.handler)
        assert (status, code) == (grpc.StatusCode.INTERNAL, "bug")
        number = words.rpartition(" ")[2].rstrip(".")
        assert "KeyError" not in words
        assert f"bug {number}" in caplog.text
        assert "KeyError" in caplog.text


class TestHealth:
    def test_follows_the_database(self, make_settings: Make, tmp_path: Path) -> None:
        postgres = start_postgres(tmp_path / "postgres", durable=False)
        try:
            with (
                auth_service(make_settings, database_url=postgres.url) as server,
                grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
            ):
                stub = health_pb2_grpc.HealthStub(channel)
                request = health_pb2.HealthCheckRequest(service=SERVICE)
                watched = stub.Watch(request, timeout=60, metadata=METADATA)
                assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
                for name in ("", SERVICE):  # a probe shows no token
                    overall = stub.Check(health_pb2.HealthCheckRequest(service=name))
                    assert overall.status == health_pb2.HealthCheckResponse.SERVING
                assert refused(lambda: next(stub.Watch(request)))[0] is (
                    grpc.StatusCode.UNAUTHENTICATED
                )
                postgres.stop()
                assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
                overall = stub.Check(health_pb2.HealthCheckRequest())
                assert overall.status == health_pb2.HealthCheckResponse.NOT_SERVING
                with stub_of(server.port) as calls:
                    asked = pb.GetUserRequest(user_id=str(new_id()))
                    status, code, words = refused(lambda: calls.GetUser(asked, metadata=METADATA))
                assert (status, code) == (grpc.StatusCode.UNAVAILABLE, "unavailable")
                assert "psycopg" not in words
        finally:
            postgres.stop()


class TestStrangers:
    """Who has no token, and begins calls without ever sending what they are to be about."""

    METHODS = (
        f"/{SERVICE}/GetUser",
        f"/{SERVICE}/WatchRevocations",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    )

    def test_calls_without_a_body_hold_nothing(self, app, server: AuthServer) -> None:
        user = make_user()
        over = threading.Event()

        def unsaid() -> Iterator[bytes]:
            over.wait(SECONDS * 3)
            yield from ()

        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [
            grpc.insecure_channel(f"127.0.0.1:{server.port}", options=options) for _ in range(4)
        ]
        try:
            half_open = [
                channel.stream_unary(method).future(unsaid())
                for channel in channels
                for method in self.METHODS
                for _ in range(20)
            ]
            with stub_of(server.port) as stub:
                for _time in range(5):
                    asked = pb.GetUserRequest(user_id=str(user.id))
                    found = stub.GetUser(asked, metadata=METADATA, timeout=SECONDS)
                    assert found.user.id == str(user.id)
                stream = stub.WatchRevocations(pb.WatchRevocationsRequest(), metadata=METADATA)
                assert next(stream).WhichOneof("event") == "heartbeat"
                stream.cancel()
            ends = {call.code() for call in half_open}  # each has ended, unasked
            assert ends == {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.OK}
        finally:
            over.set()
            for channel in channels:
                channel.close()


class TestLogins:
    def test_many_callers_get_their_own_answers(self, app, server: AuthServer) -> None:
        owners = {logged_in(user): user.id for user in (make_user() for _ in range(8))}
        asked = [*owners, *(new_id() for _ in range(8))] * 8
        with asking(server.port, remembers=False) as far, ThreadPoolExecutor(16) as pool:

            def owner(login: UUID) -> UUID | None:
                with app.app_context():
                    proof = far.validate_session(login)
                return proof.person.id if proof else None

            assert list(pool.map(owner, asked)) == [owners.get(login) for login in asked]

    def test_lost_connection_is_made_anew(self, app, server: AuthServer) -> None:
        login = logged_in(make_user())
        with asking(server.port, remembers=False) as far:
            assert far.validate_session(login)
            db.session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            db.session.commit()
            assert far.validate_session(login)


class TestReflection:
    def ask(self, port: int) -> list[str]:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            request = reflection_pb2.ServerReflectionRequest(list_services="")
            [answer] = stub.ServerReflectionInfo(iter([request]), metadata=METADATA)
            return [service.name for service in answer.list_services_response.service]

    def test_tells_of_the_contract_where_it_is_developed(self, server: AuthServer) -> None:
        assert SERVICE in self.ask(server.port)

    def test_is_absent_in_production(self, make_settings: Make) -> None:
        with auth_service(make_settings, app_env="production") as server:
            status, _code, _words = refused(lambda: self.ask(server.port))
            assert status is grpc.StatusCode.UNIMPLEMENTED


class TestAddress:
    def test_plain_text_stays_on_the_machine_in_production(self, make_settings: Make) -> None:
        settings = make_settings(
            app_env="production", auth_grpc_token=TOKEN, auth_grpc_listen="0.0.0.0:0"
        )
        with another_app(settings) as served, pytest.raises(CannotServe):
            AuthServer(served)

    def test_taken_address_gets_a_sentence(self, make_settings: Make, server: AuthServer) -> None:
        settings = make_settings(auth_grpc_token=TOKEN, auth_grpc_listen=f"127.0.0.1:{server.port}")
        with another_app(settings) as served, pytest.raises(CannotServe, match="it is taken"):
            AuthServer(served)


class TestTls:
    def test_both_sides_prove_themselves(self, app, make_settings: Make, tmp_path: Path) -> None:
        ours, strangers = Authority(tmp_path, "ours"), Authority(tmp_path, "strangers")
        user = make_user()
        with auth_service(make_settings, **ours.files("server")) as server:

            def asks(**files: Path) -> Any:
                url = {"auth_grpc_url": f"grpcs://127.0.0.1:{server.port}"}
                return another_app(make_settings(auth_grpc_token=TOKEN, **url, **files))

            with asks(**ours.files("chat")) as client, client.app_context():
                assert gate().get_user(user.id).id == user.id
                gate().close()
            for files in (
                strangers.files("chat"),
                strangers.files("chat") | {"auth_grpc_ca": ours.certificate},
                ours.files("chat") | {"auth_grpc_ca": strangers.certificate},
            ):
                with asks(**files) as client, client.app_context():
                    with pytest.raises(AuthAway):
                        gate().get_user(user.id)
                    gate().close()
            with stub_of(server.port) as plain:
                request = pb.GetUserRequest(user_id=str(user.id))
                status, _code, _words = refused(
                    lambda: plain.GetUser(request, metadata=METADATA, timeout=SECONDS)
                )
                assert status is grpc.StatusCode.UNAVAILABLE


class TestWatchers:
    def test_stream_ends_when_redis_goes_away(
        self, app, make_settings: Make, tmp_path: Path
    ) -> None:
        valkey = start_valkey(tmp_path / "valkey", durable=False)
        with (
            auth_service(make_settings, redis_url=valkey.url) as server,
            stub_of(server.port) as stub,
        ):
            stream = stub.WatchRevocations(pb.WatchRevocationsRequest(), metadata=METADATA)
            assert next(stream).WhichOneof("event") == "heartbeat"
            valkey.stop()
            status, code, _words = refused(lambda: list(stream))
            assert (status, code) == (grpc.StatusCode.UNAVAILABLE, "watch_interrupted")
            again = stub.WatchRevocations(pb.WatchRevocationsRequest(), metadata=METADATA)
            assert refused(lambda: next(again))[0] is grpc.StatusCode.UNAVAILABLE

    def test_who_does_not_read_is_dropped(self, app, server: AuthServer) -> None:
        with stub_of(server.port) as stub:
            stream = stub.WatchRevocations(pb.WatchRevocationsRequest(), metadata=METADATA)
            assert next(stream).WhichOneof("event") == "heartbeat"
            topic = user_topic(make_user().id)
            burst = jobs.redis().pipeline()
            for _ in range(20 * INBOX_SIZE):
                burst.publish(CHANNEL, json.dumps({"topic": topic, "event": "logins_ended"}))
            burst.execute()
            status, code, _words = refused(lambda: list(stream))
        assert (status, code) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "too_slow")


class TestProcess:
    def test_serves_until_it_is_told_to_stop(self, app, tmp_path: Path) -> None:
        settings: Settings = app.extensions["settings"]
        port = free_port()
        environment = environment_of(settings, tmp_path)
        environment |= {"AUTH_GRPC_TOKEN": TOKEN, "AUTH_GRPC_LISTEN": f"127.0.0.1:{port}"}
        user = make_user()
        with Shop(environment, tmp_path) as shop:
            shop.start("auth")
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                grpc.channel_ready_future(channel).result(timeout=30)
                stub = AuthServiceStub(channel)
                stream = stub.WatchRevocations(pb.WatchRevocationsRequest(), metadata=METADATA)
                assert next(stream).WhichOneof("event") == "heartbeat"
                process = shop.processes.pop("auth")
                process.send_signal(signal.SIGTERM)
                assert refused(lambda: list(stream))[0] is grpc.StatusCode.UNAVAILABLE
                assert process.wait(timeout=20) == 0
            # The same address again: a client that was there before finds it.
            with asking(port) as far:
                with pytest.raises(AuthAway):
                    far.get_user(user.id)
                shop.start("auth")
                found = None
                deadline = time.monotonic() + 30
                while found is None and time.monotonic() < deadline:
                    try:
                        found = far.get_user(user.id)
                    except AuthAway:
                        continue
                assert found is not None
            lines = [json.loads(line) for line in shop.log("auth").splitlines() if line[:1] == "{"]
            assert "gRPC is served" in {line["message"] for line in lines}
            assert TOKEN not in shop.log("auth")

    def test_says_why_it_does_not_start(self, app, tmp_path: Path) -> None:
        settings: Settings = app.extensions["settings"]
        environment = environment_of(settings, tmp_path)
        done = subprocess.run(
            [Path(sys.executable).parent / "flask", "--app", "wsgi", "auth-server"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "AUTH_GRPC_TOKEN" in done.stderr
        assert "Traceback" not in done.stderr


def test_generated_code_is_that_of_the_contract() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/protos.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
