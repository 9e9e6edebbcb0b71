"""What tests of the JSON API share."""

import pytest
from flask import Flask

from app.auth.models import User
from tests.factories.auth import make_user
from tests.support.programs import Program, program_of


@pytest.fixture
def seller(app: Flask) -> User:
    """Somebody who sells."""
    return make_user(roles=("seller",))


@pytest.fixture
def buyer(app: Flask) -> User:
    """Somebody who buys."""
    return make_user()


@pytest.fixture
def selling(app: Flask, seller: User) -> Program:
    """The seller's program."""
    return program_of(app, seller)


@pytest.fixture
def buying(app: Flask, buyer: User) -> Program:
    """The buyer's program."""
    return program_of(app, buyer)


@pytest.fixture
def anybody(app: Flask) -> Program:
    """A program without a token."""
    return program_of(app, None)
