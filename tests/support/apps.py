"""Further applications beside the run's own, for tests that need other settings."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from app.chats.store.connection import close_store
from app.extensions import db
from app.factory import create_app
from app.settings import Settings


@contextmanager
def another_app(settings: Settings) -> Iterator[Flask]:
    """An application with these settings; its connections are closed afterwards."""
    created = create_app(settings)
    created.config["WTF_CSRF_ENABLED"] = False
    try:
        yield created
    finally:
        with created.app_context():
            close_store()
            db.engine.dispose()
