"""What several tests of the goods need."""

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask

from app.extensions import db


@pytest.fixture
def other_connection(app: Flask) -> Iterator[psycopg.Connection]:
    """Another process's connection, for locks that are held while the test goes on."""
    address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        yield connection
