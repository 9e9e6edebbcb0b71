"""The roles of the Procfile, started by processes that have imported the shop beforehand."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.process import Popen

from app.embedded import ahead

ROOT = Path(__file__).resolve().parents[2]
_PATCHED = "chat"  # its workers are gevent's
_SIGNALLED = {128 + signal.SIGINT, 128 + signal.SIGTERM}
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_fork = multiprocessing.get_context("fork")


class Roles(Manager):  # type: ignore[misc]  # honcho has no types
    """Honcho's manager of the roles: forks of this process, but for one that waits in its own."""

    def __init__(self) -> None:
        super().__init__()
        self._is_ending = False
        self._commands: dict[str, str] = parse_procfile((ROOT / "Procfile").read_text()).processes
        self._stdin, writing = os.pipe()
        self._to_patched = os.fdopen(writing, "w")

    def begin(self, environment: Mapping[str, str]) -> None:
        """Start the process that waits. Before any thread: a fork amid others' work would hang."""
        self._add(_PATCHED, environment, self._wait_ahead)
        self._begin(_PATCHED)
        os.close(self._stdin)

    def serve(
        self, environment: Mapping[str, str], *, sandbox: bool, begun: Callable[[], None]
    ) -> int:
        """Start the roles and stay until all have ended; the exit code.

        `begun` is called once they are forked; until then no other thread may run. What one is
        just importing, a fork made meanwhile could never import: it would wait for that thread.
        """
        self._begun = begun
        with self._to_patched:
            json.dump(dict(environment), self._to_patched)
        for role in self._commands:
            if role not in {"release", _PATCHED} and (sandbox or role != "paypal"):
                self._add(role, environment, Forked)
        self.loop()
        return 0 if self.returncode in _SIGNALLED else self.returncode or 1

    def terminate(self) -> None:
        """End the roles as soon as each has begun: honcho stumbles over one without a number."""
        self._is_ending = True

    def _all_started(self) -> bool:
        """Whether each has begun; the manager's loop asks all the time."""
        has_begun: bool = super()._all_started()
        if has_begun and self._is_ending:
            super().terminate()
        return has_begun

    def _add(self, role: str, environment: Mapping[str, str], starter: Any) -> None:
        added = self.add_process(role, self._commands[role], env=dict(environment), cwd=str(ROOT))
        added._child_ctor = starter  # noqa: SLF001  # honcho's place for it

    def _start(self) -> None:
        """Begin those that have not begun; the manager's loop calls it."""
        for role in self._processes:
            if role != _PATCHED:
                self._begin(role)
        self._begun()

    def _begin(self, role: str) -> None:
        entry = self._processes[role]
        run = entry["obj"].run
        entry["process"] = _fork.Process(name=role, target=_pass_on, args=(run, self.events))
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        entry["process"].start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _wait_ahead(self, command: str, **options: Any) -> Popen:
        self._to_patched.close()  # the end of this shop must reach the one that waits
        words = [sys.executable, "-m", "app.embedded.ahead", command]
        return Popen(words, shell=False, stdin=self._stdin, **options)


def _pass_on(run: Callable[..., None], events: object) -> None:
    """Pass on what a role says until it ends; signals to the whole group are for the manager."""
    for number in _ENDING:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    run(events)


class Forked:
    """A fork of this process that has become a command: what honcho asks of a Popen."""

    def __init__(self, command: str, *, env: Mapping[str, str], cwd: str) -> None:
        reading, writing = os.pipe()
        can_be_ended, tell = os.pipe()
        self._process = _fork.Process(target=_become, args=(command, env, cwd, writing, tell))
        self._process.start()
        os.close(writing)
        os.close(tell)
        os.read(can_be_ended, 1)
        os.close(can_be_ended)
        self.stdout = os.fdopen(reading, "rb")
        self.pid = self._process.pid
        self.returncode: int | None = None

    def wait(self) -> None:
        """Wait for its end."""
        self._process.join()
        self.returncode = self._process.exitcode


def _become(
    command: str, environment: Mapping[str, str], directory: str, output: int, tell: int
) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.close(tell)  # from now on a signal to its group ends it
    os.chdir(directory)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    ahead.become(command, environment)
