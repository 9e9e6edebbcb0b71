"""How the roles of `make run` are started."""

import os
import threading

import pytest

from app.embedded import run
from app.embedded.environment import Ports
from app.embedded.roles import Roles


def test_no_thread_runs_while_roles_are_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[set[threading.Thread]] = []
    before = set(threading.enumerate())
    told = threading.Event()
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)
    for watching in ("_announce", "_stop_with_terminal"):
        monkeypatch.setattr(run, watching, lambda *_, **__: told.wait(10))
    monkeypatch.setattr(Roles, "loop", lambda roles: roles._start())
    monkeypatch.setattr(
        Roles, "_begin", lambda *_: others.append({*threading.enumerate()} - before)
    )
    roles = Roles()
    run._serve(roles, {}, Ports(web=9000), has_demo_data=False)
    os.close(roles._stdin)
    afterwards = {*threading.enumerate()} - before
    told.set()
    assert others
    assert not any(others)
    assert len(afterwards) == 2
