"""What stands before every method: who calls, and how refusals are told."""

import hmac
import logging
import uuid
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health_pb2
from redis.exceptions import RedisError
from sqlalchemy.exc import DataError, DBAPIError, OperationalError

from app.kit.errors import AppError, Kind

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger(__name__)
ERROR_CODE = "error-code"  # the trailing metadata that names a refusal
# https://grpc.io/docs/guides/status-codes/
STATUS = {
    Kind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.GONE: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.TOO_MANY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}
PROBE = "/grpc.health.v1.Health/Check"  # probes carry no token
OURS = "/byteshop.auth.v1."
_STRANGERS_AT_ONCE = 4


class Refused(Exception):
    """A call that ends with this status."""

    def __init__(self, status: grpc.StatusCode, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def refusal(error: Exception) -> Refused:
    """How an error is told to the caller: bugs by a number that the log explains."""
    if isinstance(error, AppError):
        return Refused(STATUS[error.kind], error.code, error.message)
    if isinstance(error, DataError):
        return Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            "unreadable",
            "A value contains characters that can't be stored.",
        )
    if isinstance(error, OperationalError | RedisError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        log.error("a store can't be reached", exc_info=error)
        return Refused(grpc.StatusCode.UNAVAILABLE, "unavailable", "A store can't be reached.")
    number = uuid.uuid4().hex[:12]
    log.error("bug %s", number, exc_info=error)
    return Refused(grpc.StatusCode.INTERNAL, "bug", f"Written down under number {number}.")


class Guard(grpc.ServerInterceptor):
    """Lets in who shows the token; turns errors into statuses.

    A stranger is answered before the body of the call is read, by threads of their own: who sends
    none holds nothing. So does who watches for long: `watchers` wait in threads of their own.
    """

    def __init__(self, token: str, *, watchers: int) -> None:
        self._expected = f"Bearer {token}".encode()
        self._strangers = futures.ThreadPoolExecutor(
            _STRANGERS_AT_ONCE, thread_name_prefix="grpc-strangers"
        )
        self._watchers = futures.ThreadPoolExecutor(watchers, thread_name_prefix="grpc-watchers")
        self._stranger = self._unread(_send_away, None)
        self._guarded: dict[str, Any] = {}  # the handler of each method, made at its first call

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler of a call, or one that sends it away."""
        method = handler_call_details.method
        if not self._is_known(handler_call_details):
            return self._for_stranger(method, continuation, handler_call_details)
        if method in self._guarded:
            return self._guarded[method]
        handler = continuation(handler_call_details)
        if handler is None or not method.startswith(OURS):
            return handler
        if handler.response_streaming:
            guarded = handler._replace(unary_stream=self._stream(handler.unary_stream))
        else:
            guarded = handler._replace(unary_unary=self._call(handler.unary_unary))
        self._guarded[method] = guarded
        return guarded

    def _for_stranger(
        self,
        method: str,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        if method != PROBE:
            log.warning("gRPC call without the token", extra={"method": method})
            return self._stranger
        health = continuation(details)

        def check(context: grpc.ServicerContext) -> Any:
            # Of the server as a whole, whichever service the unread body asks about.
            return health.unary_unary(health_pb2.HealthCheckRequest(), context)

        return self._unread(check, health.response_serializer)

    def _unread(
        self, answer: Callable[[grpc.ServicerContext], Any], serializer: Any
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        """A handler that answers without the body; one of a single body would wait for it."""

        def call(_requests: object, context: grpc.ServicerContext) -> Any:
            return answer(context)

        return grpc.stream_unary_rpc_method_handler(
            _in(self._strangers, call), response_serializer=serializer
        )

    def _is_known(self, details: grpc.HandlerCallDetails) -> bool:
        shown = [
            value if isinstance(value, bytes) else value.encode()
            for name, value in details.invocation_metadata
            if name == "authorization"
        ]
        return len(shown) == 1 and hmac.compare_digest(shown[0], self._expected)

    def _call(self, method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def call(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return method(request, context)
            except Exception as error:  # noqa: BLE001  # nothing else may tell the caller of it
                _end(context, refusal(error))

        return call

    def _stream(self, method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                yield from method(request, context)
            except Exception as error:  # noqa: BLE001  # see above
                _end(context, refusal(error))

        return _in(self._watchers, stream)


def _in(pool: futures.ThreadPoolExecutor, behavior: F) -> F:
    """Have grpcio run this in threads of its own.

    https://github.com/grpc/grpc/blob/master/src/python/grpcio/grpc/_server.py
    (`_select_thread_pool_for_behavior`)
    """
    behavior.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return behavior


def _send_away(context: grpc.ServicerContext) -> None:
    _end(
        context,
        Refused(
            grpc.StatusCode.UNAUTHENTICATED, "bad_service_token", "The service's token is missing."
        ),
    )


def _end(context: grpc.ServicerContext, refused: Refused) -> None:
    context.set_trailing_metadata(((ERROR_CODE, refused.code),))
    context.abort(refused.status, refused.message)
