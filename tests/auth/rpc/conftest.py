"""The auth service, running for a module's tests."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from app.auth.gate import Gate, LocalGate
from app.auth.models import LoginSession, User
from app.auth.rpc.server import AuthServer
from app.auth.service import sessions
from app.kit.db import end_read, session
from app.settings import Settings
from tests.factories.auth import PASSWORD
from tests.support.auth_service import asking, auth_service


@pytest.fixture(scope="module")
def server(make_settings: Callable[..., Settings]) -> Iterator[AuthServer]:
    with auth_service(make_settings) as running:
        yield running


@pytest.fixture(params=["in-process", "grpc"])
def gate(request: pytest.FixtureRequest, app: Flask) -> Iterator[Gate]:
    """Both doors; each test goes through either."""
    app.extensions.pop("key_ring", None)  # the keys it knows went with the tables
    if request.param == "in-process":
        door = LocalGate()
        yield door
        door.close()
        return
    with asking(request.getfixturevalue("server").port) as far:
        yield far


def logged_in(user: User) -> UUID:
    """The id of a new login of this person."""
    before = set(_sessions_of(user))
    sessions.log_in(email=user.email, password=PASSWORD, address="192.0.2.1")
    [new] = set(_sessions_of(user)) - before
    return new


def _sessions_of(user: User) -> list[UUID]:
    found = list(session().scalars(select(LoginSession.id).where(LoginSession.user_id == user.id)))
    end_read()
    return found
