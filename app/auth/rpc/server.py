"""The `auth` role: the gate, served to the shop's other roles."""

import functools
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from ipaddress import ip_address
from queue import SimpleQueue
from typing import Any, TypeVar

import grpc
from flask import Flask
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.auth.gate import Gate, LocalGate, Proof
from app.auth.leases import LEASE_SECONDS, Lease
from app.auth.revocations import MAX_WATCHERS
from app.auth.rpc import messages
from app.auth.rpc.generated import auth_pb2 as pb
from app.auth.rpc.generated import auth_pb2_grpc
from app.auth.rpc.guard import Guard
from app.auth.rpc.logins import Logins
from app.auth.rpc.memory import Memory
from app.auth.rpc.remembering import Remembering
from app.extensions import db
from app.kit.errors import AppError
from app.settings import Settings

R = TypeVar("R")
log = logging.getLogger(__name__)
WORKERS = 16  # calls at once, besides those that watch revocations
WATCHERS = MAX_WATCHERS + 2  # so that one too many is told so, and does not wait for a thread
MEMORY_SECONDS = 5.0  # for what ends nothing: another name, an older signing key
MAX_BYTES = 64 * 1024
HEALTH_SECONDS = 1.0
GRACE_SECONDS = 5.0
SERVICE = pb.DESCRIPTOR.services_by_name["AuthService"].full_name
# https://grpc.github.io/grpc/core/group__grpc__arg__keys.html
OPTIONS = [
    ("grpc.max_receive_message_length", MAX_BYTES),
    ("grpc.max_send_message_length", MAX_BYTES),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.max_concurrent_streams", 100),
    ("grpc.so_reuseport", 0),  # a second server at the same address is a mistake
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.server_handshake_timeout_ms", 5_000),  # of who connects and says nothing
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
]


class CannotServe(Exception):
    """The settings do not allow the role to run, or its address is taken."""


def _in_context(
    method: Callable[["AuthService", Any, grpc.ServicerContext], R],
) -> Callable[["AuthService", Any, grpc.ServicerContext], R]:
    """Have a method run in the application's context, where its database session ends with it."""

    @functools.wraps(method)
    def call(self: "AuthService", request: Any, context: grpc.ServicerContext) -> R:
        with self._app.app_context():
            return method(self, request, context)

    return call


class AuthService(auth_pb2_grpc.AuthServiceServicer):
    """Translates between the wire and the gate; see the .proto for what each method promises."""

    def __init__(self, app: Flask, gate: Gate, logins: Logins) -> None:
        self._app = app
        self._gate = gate
        self._logins = logins

    def ValidateToken(  # noqa: N802  # the .proto's name
        self, request: pb.ValidateTokenRequest, _context: grpc.ServicerContext
    ) -> pb.ValidateTokenResponse:
        """Judge a credential."""
        return messages.write_proof(self._judge(request))

    def _judge(self, request: pb.ValidateTokenRequest) -> Proof | None:
        match request.WhichOneof("credential"):
            case "bearer_token":
                with self._app.app_context():
                    return self._gate.validate_token(request.bearer_token)
            case "login_session_id":
                try:
                    session_id = messages.read_id(request.login_session_id, "login_session_id")
                except messages.Unreadable:
                    return None
                return self._logins.proof(session_id)
            case _:
                raise messages.Unreadable("credential")

    @_in_context
    def GetUser(  # noqa: N802
        self, request: pb.GetUserRequest, _context: grpc.ServicerContext
    ) -> pb.GetUserResponse:
        """Tell of one person."""
        person = self._gate.get_user(messages.read_id(request.user_id, "user_id"))
        return pb.GetUserResponse(user=messages.write_user(person))

    @_in_context
    def BatchGetUsers(  # noqa: N802
        self, request: pb.BatchGetUsersRequest, _context: grpc.ServicerContext
    ) -> pb.BatchGetUsersResponse:
        """Tell of several people."""
        ids = [messages.read_id(text, "user_ids") for text in request.user_ids]
        people = self._gate.get_users(ids).values()
        return pb.BatchGetUsersResponse(users=[messages.write_user(person) for person in people])

    @_in_context
    def CheckPermission(  # noqa: N802
        self, request: pb.CheckPermissionRequest, _context: grpc.ServicerContext
    ) -> pb.CheckPermissionResponse:
        """Say whether a person may do something."""
        allowed = self._gate.check_permission(
            messages.read_id(request.user_id, "user_id"),
            messages.read_permission(request.permission),
        )
        return pb.CheckPermissionResponse(allowed=allowed)

    @_in_context
    def BanUser(  # noqa: N802
        self, request: pb.BanUserRequest, context: grpc.ServicerContext
    ) -> pb.BanUserResponse:
        """Close an account."""
        person = self._gate.ban_user(messages.read_id(request.user_id, "user_id"))
        _note(context, "banned", request.user_id)
        return pb.BanUserResponse(user=messages.write_user(person))

    @_in_context
    def UnbanUser(  # noqa: N802
        self, request: pb.UnbanUserRequest, context: grpc.ServicerContext
    ) -> pb.UnbanUserResponse:
        """Open an account."""
        person = self._gate.unban_user(messages.read_id(request.user_id, "user_id"))
        _note(context, "unbanned", request.user_id)
        return pb.UnbanUserResponse(user=messages.write_user(person))

    @_in_context
    def ChangeRole(  # noqa: N802
        self, request: pb.ChangeRoleRequest, context: grpc.ServicerContext
    ) -> pb.ChangeRoleResponse:
        """Give or take a role."""
        user_id = messages.read_id(request.user_id, "user_id")
        role = messages.read_role(request.role)
        match request.change:
            case pb.ROLE_CHANGE_GRANT:
                person = self._gate.grant_role(user_id, role)
            case pb.ROLE_CHANGE_REVOKE:
                person = self._gate.revoke_role(user_id, role)
            case _:
                raise messages.Unreadable("change")
        _note(context, f"{pb.RoleChange.Name(request.change)} {role}", request.user_id)
        return pb.ChangeRoleResponse(user=messages.write_user(person))

    def WatchRevocations(  # noqa: N802
        self, _request: pb.WatchRevocationsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchRevocationsResponse]:
        """Tell of people whose credentials have ended, for as long as the caller listens."""
        with self._app.app_context():
            for news in self._gate.watch_revocations():
                if not context.is_active():
                    return
                if news is None:
                    yield pb.WatchRevocationsResponse(heartbeat=pb.Heartbeat())
                else:
                    yield pb.WatchRevocationsResponse(
                        revocation=pb.Revocation(
                            user_id=str(news.user_id), session_epoch=news.session_epoch
                        )
                    )


def _note(context: grpc.ServicerContext, what: str, user_id: str) -> None:
    log.info("changed over gRPC: %s", what, extra={"user_id": user_id, "peer": context.peer()})


class AuthServer:
    """A server that listens from `start` to `stop`."""

    def __init__(self, app: Flask) -> None:
        settings: Settings = app.extensions["settings"]
        if settings.auth_grpc_token is None:
            raise CannotServe("AUTH_GRPC_TOKEN is not set: callers could not prove themselves.")
        self._app = app
        self._gate = LocalGate()
        memory: Memory[bytes] = Memory(seconds=MEMORY_SECONDS, patience=LEASE_SECONDS)
        with app.app_context():
            self._logins = Logins(db.engine)
            self._lease = Lease(db.engine, renewed=memory.hear, lost=memory.lose)
        self._health = health.HealthServicer()
        self._stopping = threading.Event()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(WORKERS, thread_name_prefix="grpc"),
            interceptors=[
                Guard(settings.auth_grpc_token.get_secret_value(), watchers=WATCHERS),
                Remembering(memory),
            ],
            options=OPTIONS,
            maximum_concurrent_rpcs=10 * (WORKERS + WATCHERS),
        )
        auth_pb2_grpc.add_AuthServiceServicer_to_server(
            AuthService(app, self._gate, self._logins), self._server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if settings.app_env != "production":
            names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        self.port = self._bind(settings)
        self._watch = threading.Thread(target=self._watch_database, daemon=True)

    def _bind(self, settings: Settings) -> int:
        address = settings.auth_grpc_listen
        credentials = _credentials(settings)
        try:
            if credentials is not None:
                return self._server.add_secure_port(address, credentials)
            if not _is_loopback(address):
                if settings.app_env == "production":
                    raise CannotServe(
                        f"{address} can be reached from elsewhere: set AUTH_GRPC_CERT, "
                        "AUTH_GRPC_KEY and AUTH_GRPC_CA, or listen at 127.0.0.1."
                    )
                log.warning("gRPC without TLS beyond this machine", extra={"address": address})
            return self._server.add_insecure_port(address)
        except RuntimeError as error:  # grpcio's word for an address that can't be had
            raise CannotServe(f"Can't listen at {address}: it is taken or no address.") from error

    def start(self) -> None:
        """Begin to answer."""
        self._report()
        self._lease.start()
        self._server.start()
        self._watch.start()

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Take no new calls, let those that run end, at most so many seconds."""
        self._stopping.set()
        self._health.enter_graceful_shutdown()
        ended = self._server.stop(grace)
        with self._app.app_context():
            self._gate.close()  # streams would wait for the grace's end
        ended.wait()
        self._lease.stop()
        self._logins.close()
        if self._watch.is_alive():
            self._watch.join()  # it may be at the database: a connection would outlive us

    def _watch_database(self) -> None:
        while not self._stopping.wait(HEALTH_SECONDS):
            self._report()

    def _report(self) -> None:
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if self._reaches_database()
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for name in ("", SERVICE):
            self._health.set(name, status)

    def _reaches_database(self) -> bool:
        try:
            with self._app.app_context(), db.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, AppError) as error:
            log.warning("the database can't be reached", extra={"error": type(error).__name__})
            return False
        return True


def _credentials(settings: Settings) -> grpc.ServerCredentials | None:
    if not (settings.auth_grpc_cert and settings.auth_grpc_key and settings.auth_grpc_ca):
        return None
    return grpc.ssl_server_credentials(
        [(settings.auth_grpc_key.read_bytes(), settings.auth_grpc_cert.read_bytes())],
        root_certificates=settings.auth_grpc_ca.read_bytes(),
        require_client_auth=True,
    )


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(app: Flask) -> None:
    """Serve until SIGTERM or SIGINT; CannotServe."""
    # Not an Event: its lock may be held by the very line that a signal interrupts.
    told_to_stop: SimpleQueue[int] = SimpleQueue()
    server = AuthServer(app)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda told, _frame: told_to_stop.put(told))
    server.start()
    log.info("gRPC is served", extra={"address": app.extensions["settings"].auth_grpc_listen})
    told_to_stop.get()
    server.stop()
