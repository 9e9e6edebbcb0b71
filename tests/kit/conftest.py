"""The application with routes, templates and listeners that show what the shop's own don't."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, DictLoader
from sqlalchemy import text

from app.extensions import db
from app.factory import create_app
from app.kit.events import Registry
from app.settings import Settings
from tests.conftest import IsolatedClient
from tests.kit import listeners, probe

CLOSED_REDIS = "redis://127.0.0.1:1/0"


def _extend(created: Flask) -> Flask:
    created.config["WTF_CSRF_ENABLED"] = False
    created.test_client_class = IsolatedClient
    created.register_blueprint(probe.blueprint)
    created.jinja_loader = ChoiceLoader([created.jinja_loader, DictLoader(probe.TEMPLATES)])
    probe.people().init_app(created)
    Registry(listeners.TABLE).init_app(created)
    return created


@pytest.fixture(scope="session")
def application(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """The application of these tests."""
    created = _extend(create_app(make_settings()))
    with created.app_context():
        db.session.execute(
            text("CREATE TABLE IF NOT EXISTS kit_probe (id int PRIMARY KEY, value int NOT NULL)")
        )
        db.session.commit()
    yield created
    with created.app_context():
        db.engine.dispose()


@pytest.fixture
def make_application(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., Flask]]:
    """More applications like it, with single settings replaced."""
    created: list[Flask] = []

    def make(**changes: Any) -> Flask:
        created.append(_extend(create_app(make_settings(**changes))))
        created[-1].test_client_class = FlaskClient
        return created[-1]

    yield make
    for application in created:
        with application.app_context():
            db.engine.dispose()


@pytest.fixture
def application_without_redis(make_application: Callable[..., Flask]) -> Flask:
    """One where nobody listens at the address of Redis."""
    return make_application(redis_url=CLOSED_REDIS)


@pytest.fixture
def rows(app: Flask) -> Iterator[Callable[[], dict[int, int]]]:
    """The table `kit_probe`, holding rows 1 and 2 with value 0; call it to read it."""
    db.session.execute(text("TRUNCATE kit_probe"))
    db.session.execute(text("INSERT INTO kit_probe VALUES (1, 0), (2, 0)"))
    db.session.commit()

    def read() -> dict[int, int]:
        with db.engine.connect() as connection:
            found = connection.execute(text("SELECT id, value FROM kit_probe"))
            return {row.id: row.value for row in found}

    yield read
    db.session.rollback()


@pytest.fixture(autouse=True)
def _quiet_listeners() -> None:
    listeners.reset()
