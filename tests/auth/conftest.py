"""What the tests of people share."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from app.extensions import db
from app.factory import create_app
from app.settings import Settings
from tests.conftest import IsolatedClient
from tests.support.inbox import Inbox
from tests.support.servers import Servers


@pytest.fixture
def inbox(run_servers: Servers, drain: Callable[[], None]) -> Inbox:
    return Inbox(run_servers.inbox_url, drain)


@pytest.fixture(scope="session")
def strict_application(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    settings = make_settings(
        login_tries_per_account=5, login_tries_per_address=20, registrations_per_address=5
    )
    created = create_app(settings)
    created.test_client_class = IsolatedClient
    yield created
    with created.app_context():
        db.engine.dispose()


@pytest.fixture
def strict_app(app: Flask, strict_application: Flask) -> Iterator[Flask]:
    """The application with its limits and its CSRF protection as they are in production."""
    with strict_application.app_context():
        yield strict_application
