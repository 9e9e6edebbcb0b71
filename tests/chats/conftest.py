"""Conversations begin empty in each test here."""

import pytest
from flask import Flask

from tests.support.chats import empty_chats


@pytest.fixture(autouse=True)
def _no_conversations(app: Flask) -> None:
    empty_chats()
