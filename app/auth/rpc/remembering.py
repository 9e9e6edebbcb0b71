"""Answers of ValidateToken from memory, byte for byte: neither message is read or written."""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from app.auth.rpc import messages
from app.auth.rpc.guard import OURS
from app.auth.rpc.memory import Memory, key_of

METHOD = f"{OURS}AuthService/ValidateToken"


class Remembering(grpc.ServerInterceptor):
    """Stands between the guard and the service, and keeps what the service says of good ones."""

    def __init__(self, memory: Memory[bytes]) -> None:
        self._memory = memory

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler of a call; of this method one that takes bytes and answers with bytes."""
        handler = continuation(handler_call_details)
        if handler is None or handler_call_details.method != METHOD:
            return handler
        return grpc.unary_unary_rpc_method_handler(self._behind(handler))

    def _behind(self, handler: Any) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def validate(request: bytes, context: grpc.ServicerContext) -> bytes:
            key = key_of(request)
            known = self._memory.recall(key)
            if known is not None:
                return known
            moment = self._memory.moment()
            try:
                message = handler.request_deserializer(request)
            except DecodeError:
                raise messages.Unreadable("request") from None
            found = handler.unary_unary(message, context)
            answer: bytes = handler.response_serializer(found)
            proof = messages.read_proof(found)
            if proof is not None:
                self._memory.remember(key, answer, proof, asked_at=moment)
            return answer

        return validate
