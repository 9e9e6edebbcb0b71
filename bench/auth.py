"""Round trips of ValidateToken a second against a bare grpcio echo.

The caller remembers nothing; the server may. Beside it the same with a look-up for each call, and
what shared look-ups (`app/auth/rpc/logins.py`) bring, against a query for each caller.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import mean
from typing import Any
from uuid import UUID

import grpc
from flask import Flask
from sqlalchemy import select

from app.auth import queries
from app.auth.models import LoginSession
from app.auth.rpc.generated import auth_pb2 as pb
from app.auth.rpc.generated.auth_pb2_grpc import AuthServiceStub
from app.auth.rpc.logins import Logins
from app.auth.service import sessions
from app.embedded.processes import free_port
from app.extensions import db
from app.kit.db import session
from app.kit.ids import new_id
from bench.bare_grpc import METHOD
from bench.figures import Bar, Figure
from tests.factories.auth import PASSWORD, make_user
from tests.support.shop import ROOT, Shop

CALLERS = 16
SECONDS = 4.0
ROUNDS = 3
OF_ECHO = 0.8
TOKEN = "bench-only-service-token-bench-only"
Call = Callable[[], Any]


def run(application: Flask, shop: Shop) -> list[Figure]:
    """Measure both in turn, several times, so that drift shows."""
    port, bare_port = free_port(), free_port()
    shop.environment |= {"AUTH_GRPC_TOKEN": TOKEN, "AUTH_GRPC_LISTEN": f"127.0.0.1:{port}"}
    shop.start("auth")
    bare = subprocess.Popen(
        [sys.executable, "-m", "bench.bare_grpc", f"127.0.0.1:{bare_port}"], cwd=ROOT
    )
    try:
        request = _login(application)
        return [*_figures(request, port, bare_port), _look_ups(application, request)]
    finally:
        bare.terminate()
        bare.wait()


def _figures(request: pb.ValidateTokenRequest, port: int, bare_port: int) -> Iterator[Figure]:
    with _channel(port) as ours, _channel(bare_port) as bare:
        validate = AuthServiceStub(ours).ValidateToken
        metadata = (("authorization", f"Bearer {TOKEN}"),)
        answer = validate(request, metadata=metadata)
        if not answer.valid:
            raise RuntimeError("the login that is to be measured with is no good")
        echo = bare.unary_unary(METHOD)
        payload = answer.SerializeToString()

        def ask() -> object:
            return validate(request, metadata=metadata, timeout=5)

        def ask_of_a_stranger() -> object:
            unknown = pb.ValidateTokenRequest(login_session_id=str(new_id()))
            return validate(unknown, metadata=metadata, timeout=5)

        for callers, call, name, aim in (
            (1, ask, "ValidateToken", OF_ECHO),
            (CALLERS, ask, "ValidateToken", OF_ECHO),
            (CALLERS, ask_of_a_stranger, "the same, looked up each time", None),
        ):
            rates = [
                (
                    _rate(call, callers),
                    _rate(lambda: echo(payload, metadata=metadata, timeout=5), callers),
                )
                for _ in range(ROUNDS)
            ]
            shop, plain = mean(rate for rate, _ in rates), mean(rate for _, rate in rates)
            yield Figure(
                f"{name}, {callers} at once",
                shop,
                "a second",
                Bar("bare echo", plain),
                at_least=aim,
            )


def _look_ups(application: Flask, request: pb.ValidateTokenRequest) -> Figure:
    """Look-ups a second by many callers: shared ones, against a query on a connection for each."""
    login = UUID(request.login_session_id)
    with application.app_context():
        engine = db.engine
    logins = Logins(engine)

    def ask_alone() -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            queries.live_sessions_by_id(connection, {login})

    rates = [
        (_rate(lambda: logins.proof(login), CALLERS), _rate(ask_alone, CALLERS))
        for _ in range(ROUNDS)
    ]
    logins.close()
    engine.dispose()
    shared, alone = mean(rate for rate, _ in rates), mean(rate for _, rate in rates)
    return Figure(
        f"logins looked up, shared, {CALLERS} at once",
        shared,
        "a second",
        Bar("a query for each", alone),
    )


def _login(application: Flask) -> pb.ValidateTokenRequest:
    with application.app_context():
        user = make_user()
        sessions.log_in(email=user.email, password=PASSWORD, address="192.0.2.1")
        return pb.ValidateTokenRequest(
            login_session_id=str(session().scalars(select(LoginSession.id)).one())
        )


@contextmanager
def _channel(port: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(timeout=30)
        yield channel


def _rate(call: Call, callers: int) -> float:
    counts = [0] * callers
    end = time.monotonic() + SECONDS

    def work(index: int) -> None:
        while time.monotonic() < end:
            call()
            counts[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS
