"""The gate as other roles see it: over gRPC, with deadlines, retries and a short memory."""

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import grpc
from flask_babel import gettext as _

from app.auth.errors import NoSuchUser
from app.auth.gate import Person, Proof, Revocation, TooManyUsers
from app.auth.models import Role
from app.auth.policy import Permission
from app.auth.rpc import messages
from app.auth.rpc.generated import auth_pb2 as pb
from app.auth.rpc.generated import auth_pb2_grpc
from app.auth.rpc.guard import ERROR_CODE
from app.auth.rpc.memory import Memory, key_of
from app.kit.db import assert_no_transaction
from app.kit.errors import AppError, Forbidden, Invalid, TooMany, Unavailable
from app.settings import Settings

log = logging.getLogger(__name__)
DEADLINE_SECONDS = 2.0
MAX_BYTES = 64 * 1024
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
# Reads alone are asked again. https://github.com/grpc/grpc-proto/blob/master/grpc/service_config/
_READS = ("ValidateToken", "GetUser", "BatchGetUsers", "CheckPermission")
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [
                {"service": "byteshop.auth.v1.AuthService", "method": name} for name in _READS
            ],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
_OPTIONS = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    ("grpc.max_receive_message_length", MAX_BYTES),
    ("grpc.max_send_message_length", MAX_BYTES),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # A server that comes back is found within seconds, not the usual two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),
]


class AuthAway(Unavailable):
    """The auth service does not answer, or not in time."""

    def __init__(self) -> None:
        super().__init__(
            "auth_unavailable",
            _("Part of the shop is unavailable right now. Please try again in a few seconds."),
            retry_after=5,
        )


class GrpcGate:
    """Asks the `auth` role. Nothing is opened before the first question, so it may be forked."""

    def __init__(
        self,
        target: str,
        token: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        deadline: float = DEADLINE_SECONDS,
        remembers: bool = True,
    ) -> None:
        self._target = target
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._credentials = credentials
        self._deadline = deadline
        self._memory: Memory[Proof] | None = Memory() if remembers else None
        self._opening = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._stub: Any = None
        self._closed = threading.Event()

    @classmethod
    def from_settings(cls, settings: Settings) -> "GrpcGate":
        """A gate to AUTH_GRPC_URL."""
        url, token = settings.auth_grpc_url, settings.auth_grpc_token
        if url is None or token is None:
            raise ValueError("AUTH_GRPC_URL and AUTH_GRPC_TOKEN are not set")
        return cls(
            url.partition("://")[2],
            token.get_secret_value(),
            credentials=_credentials(
                settings.auth_grpc_cert, settings.auth_grpc_key, settings.auth_grpc_ca
            ),
        )

    def close(self) -> None:
        """Hang up; calls after that raise AuthAway."""
        self._closed.set()
        with self._opening:
            if self._channel is not None:
                self._channel.close()

    @property
    def remembers(self) -> bool:
        """Whether answers are remembered at this moment: the stream of revocations lives."""
        return self._memory is not None and self._memory.is_true

    # What the gate promises

    def validate_token(self, token: str, *, fresh: bool = False) -> Proof | None:
        """See Gate."""
        try:
            request = pb.ValidateTokenRequest(bearer_token=token)
        except ValueError:  # no UTF-8: no token of ours
            return None
        return self._validate(request, fresh=fresh)

    def validate_session(self, session_id: UUID, *, fresh: bool = False) -> Proof | None:
        """See Gate."""
        request = pb.ValidateTokenRequest(login_session_id=str(session_id))
        return self._validate(request, fresh=fresh)

    def get_user(self, user_id: UUID) -> Person:
        """See Gate."""
        answer = self._ask("GetUser", pb.GetUserRequest(user_id=str(user_id)))
        return messages.read_user(answer.user)

    def get_users(self, user_ids: Collection[UUID]) -> dict[UUID, Person]:
        """See Gate."""
        request = pb.BatchGetUsersRequest(user_ids=[str(user_id) for user_id in user_ids])
        people = map(messages.read_user, self._ask("BatchGetUsers", request).users)
        return {person.id: person for person in people}

    def check_permission(self, user_id: UUID, permission: Permission) -> bool:
        """See Gate."""
        request = pb.CheckPermissionRequest(
            user_id=str(user_id), permission=messages.PERMISSIONS[permission]
        )
        return bool(self._ask("CheckPermission", request).allowed)

    def ban_user(self, user_id: UUID) -> Person:
        """See Gate."""
        return self._change(user_id, "BanUser", pb.BanUserRequest(user_id=str(user_id)))

    def unban_user(self, user_id: UUID) -> Person:
        """See Gate."""
        return self._change(user_id, "UnbanUser", pb.UnbanUserRequest(user_id=str(user_id)))

    def grant_role(self, user_id: UUID, role: Role) -> Person:
        """See Gate."""
        return self._change_role(user_id, role, pb.ROLE_CHANGE_GRANT)

    def revoke_role(self, user_id: UUID, role: Role) -> Person:
        """See Gate."""
        return self._change_role(user_id, role, pb.ROLE_CHANGE_REVOKE)

    def watch_revocations(self) -> Iterator[Revocation | None]:
        """See Gate."""
        try:
            for answer in self._opened().WatchRevocations(
                pb.WatchRevocationsRequest(), metadata=self._metadata
            ):
                if answer.WhichOneof("event") == "revocation":
                    news = answer.revocation
                    yield Revocation(UUID(news.user_id), news.session_epoch)
                else:
                    yield None
        except grpc.RpcError as error:
            _raise(error)
        raise AuthAway  # the server said farewell

    # How it is asked

    def _validate(self, request: pb.ValidateTokenRequest, *, fresh: bool) -> Proof | None:
        memory = self._memory
        if memory is None:
            return messages.read_proof(self._ask("ValidateToken", request))
        key = key_of(request.SerializeToString())
        if not fresh and (known := memory.recall(key)) is not None:
            return known
        moment = memory.moment()
        proof = messages.read_proof(self._ask("ValidateToken", request))
        if proof is not None:
            memory.remember(key, proof, proof, asked_at=moment)
        return proof

    def _change_role(self, user_id: UUID, role: Role, change: pb.RoleChange) -> Person:
        request = pb.ChangeRoleRequest(
            user_id=str(user_id), role=messages.ROLES[role], change=change
        )
        return self._change(user_id, "ChangeRole", request)

    def _change(self, user_id: UUID, method: str, request: object) -> Person:
        try:
            answer = self._ask(method, request)
        finally:  # even without an answer it may have been done
            if self._memory is not None:
                self._memory.forget(user_id)
        return messages.read_user(answer.user)

    def _ask(self, method: str, request: object) -> Any:
        assert_no_transaction()
        try:
            call = getattr(self._opened(), method)
            return call(request, timeout=self._deadline, metadata=self._metadata)
        except grpc.RpcError as error:
            _raise(error)
        except ValueError as error:  # grpcio's word for a closed channel
            raise AuthAway from error

    def _opened(self) -> Any:
        with self._opening:
            if self._closed.is_set():
                raise AuthAway
            if self._channel is None:
                self._channel = (
                    grpc.secure_channel(self._target, self._credentials, options=_OPTIONS)
                    if self._credentials is not None
                    else grpc.insecure_channel(self._target, options=_OPTIONS)
                )
                self._stub = auth_pb2_grpc.AuthServiceStub(self._channel)
                if self._memory is not None:
                    threading.Thread(
                        target=self._keep_true, args=(self._memory,), name="gate", daemon=True
                    ).start()
            return self._stub

    def _keep_true(self, memory: Memory[Proof]) -> None:
        """Let the memory follow the stream of revocations for ever."""
        wait = _FIRST_WAIT
        while not self._closed.is_set():
            try:
                for answer in self._opened().WatchRevocations(
                    pb.WatchRevocationsRequest(), metadata=self._metadata
                ):
                    if answer.WhichOneof("event") == "revocation":
                        memory.forget(UUID(answer.revocation.user_id))
                    memory.hear()
                    wait = _FIRST_WAIT
            except (grpc.RpcError, ValueError, AuthAway) as error:
                if not self._closed.is_set():
                    log.info("nothing is remembered for now", extra={"error": _name(error)})
            memory.lose()
            self._closed.wait(wait)
            wait = min(_LONGEST_WAIT, wait * 2)


def _credentials(
    cert: Path | None, key: Path | None, authority: Path | None
) -> grpc.ChannelCredentials | None:
    if cert is None or key is None or authority is None:
        return None
    return grpc.ssl_channel_credentials(
        root_certificates=authority.read_bytes(),
        private_key=key.read_bytes(),
        certificate_chain=cert.read_bytes(),
    )


def _raise(error: grpc.RpcError) -> NoReturn:
    """Raise what the gate raises for a refusal."""
    code = _code(error)
    if code == "no_such_user":
        raise NoSuchUser from error
    if code == "too_many_users":
        raise TooManyUsers from error
    kind = _KINDS.get(error.code())
    if kind is not None and code:
        raise kind(code, error.details() or code) from error
    log.warning("the auth service refuses or is away", extra={"error": _name(error)})
    raise AuthAway from error


_KINDS: dict[grpc.StatusCode, Callable[[str, str], AppError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: Invalid,
    grpc.StatusCode.PERMISSION_DENIED: Forbidden,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooMany,
}


def _code(error: grpc.RpcError) -> str:
    metadata = error.trailing_metadata() or ()
    return next((str(item.value) for item in metadata if item.key == ERROR_CODE), "")


def _name(error: Exception) -> str:
    return error.code().name if isinstance(error, grpc.RpcError) else type(error).__name__
