"""The auth service on a real socket, in a thread of the tests' own process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from app.auth.rpc.client import GrpcGate
from app.auth.rpc.generated.auth_pb2_grpc import AuthServiceStub
from app.auth.rpc.server import AuthServer
from app.settings import Settings
from tests.support.apps import another_app

TOKEN = "tests-only-service-token-tests-only"
METADATA = (("authorization", f"Bearer {TOKEN}"),)


@contextmanager
def auth_service(
    make_settings: Callable[..., Settings], port: int = 0, **changes: Any
) -> Iterator[AuthServer]:
    """A running server with an application of its own."""
    settings = make_settings(
        roles="auth",
        auth_grpc_token=TOKEN,
        **({"auth_grpc_listen": f"127.0.0.1:{port}"} | changes),
    )
    with another_app(settings) as served:
        server = AuthServer(served)
        server.start()
        try:
            yield server
        finally:
            server.stop(1)


@contextmanager
def asking(port: int, **options: Any) -> Iterator[GrpcGate]:
    """A gate that asks the server at this port."""
    gate = GrpcGate(f"127.0.0.1:{port}", TOKEN, **options)
    try:
        yield gate
    finally:
        gate.close()


@contextmanager
def stub_of(port: int) -> Iterator[Any]:
    """The bare calls, as a program in any language makes them."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield AuthServiceStub(channel)
