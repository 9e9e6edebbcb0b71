"""How the roles of `make run` are started."""

import os
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.embedded import roles as started
from app.embedded import run
from app.embedded.environment import Ports
from app.embedded.roles import Roles


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Those who watch the roles do so until this is set."""
    event = threading.Event()
    for watching in ("_announce", "_stop_with_terminal"):
        monkeypatch.setattr(run, watching, lambda *_, **__: event.wait(10))
    yield event
    event.set()


def test_no_thread_runs_while_roles_are_forked(
    monkeypatch: pytest.MonkeyPatch, told: threading.Event
) -> None:
    others: list[set[threading.Thread]] = []
    before = set(threading.enumerate())

    class Fork(SimpleNamespace):
        def __init__(self, *_words: Any, **_options: Any) -> None:
            others.append({*threading.enumerate()} - before)
            nothing = os.open(os.devnull, os.O_RDONLY)
            super().__init__(stdout=os.fdopen(nothing, "rb"), pid=0)

    monkeypatch.setattr(started, "Forked", Fork)
    monkeypatch.setattr(Roles, "_tell_patched", lambda *_: None)
    monkeypatch.setattr(started.selectors.DefaultSelector, "register", lambda *_: None)
    monkeypatch.setattr(Roles, "_stay", lambda _: 0)
    roles = Roles()
    run._serve(roles, {}, Ports(web=9000), has_demo_data=False)
    afterwards = {*threading.enumerate()} - before
    for fork in roles._running.values():
        fork.stdout.close()  # type: ignore[union-attr]
    assert len(others) >= 6
    assert not any(others)
    assert len(afterwards) == 2
