"""Each promise of the outbox notices when it is broken."""

import pytest
from flask import Flask

from tests.support.harm import noticed

# What somebody with the database's password, or a bug, could do.
HARM = {
    "no row of the outbox is older than a minute": "INSERT INTO outbox"
    " (id, listener, payload, attempts, created_at)"
    " VALUES (gen_random_uuid(), 'x', '{}', 0, now() - interval '2 minutes')",
}


@pytest.mark.parametrize("promise", HARM)
def test_broken_promise_is_noticed(app: Flask, promise: str) -> None:
    assert noticed(promise, HARM[promise])
