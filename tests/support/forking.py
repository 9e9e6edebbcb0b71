"""Roles that are forked off a process which has imported the shop, as those of `make run` are.

That process is Python's own fork server: a test's own has threads, which no fork bears. It is
started with the first role and ends with the tests.
"""

import contextlib
import multiprocessing
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import TimeoutExpired

from app.embedded import ahead

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([*ahead.SHOP, *ahead.SANDBOX])


class Forked:
    """A process that has become a command, in a session of its own; like a `Popen` of it."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path
    ) -> None:
        self._words = command
        self._process = _server.Process(
            target=_become, args=(shlex.join(command), dict(env), cwd, log)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Wait so many seconds for its end; its exit code. Raises TimeoutExpired."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise TimeoutExpired(self._words, timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _become(command: str, environment: Mapping[str, str], directory: Path, log: Path) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(directory)
    with log.open("ab") as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    ahead.become(command, environment)
