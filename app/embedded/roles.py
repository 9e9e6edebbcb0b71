"""The roles of the Procfile: started, listened to, and ended together.

A role is a fork of this process, which has imported the shop while the stores started, and so is
there at once; that of the sockets, whose workers are gevent's, waits in a process of its own.
"""

import contextlib
import json
import multiprocessing
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from app.embedded import ahead, stopping
from app.embedded.processes import STOP_SECONDS

ROOT = Path(__file__).resolve().parents[2]
_PATCHED = "chat"  # its workers are gevent's
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS = 0.1
CHUNK = 65536
_fork = multiprocessing.get_context("fork")


class Forked:
    """A fork of this process that has become a command; like a `subprocess.Popen` of it.

    Made by the main thread: once that has ended, whatever the way, the fork ends, too.
    """

    def __init__(self, command: str, *, env: Mapping[str, str], cwd: str) -> None:
        reading, writing = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        self._process = _fork.Process(
            target=_become, args=(command, env, cwd, writing, os.getpid())
        )
        self._process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(writing)
        self.stdout = os.fdopen(reading, "rb")
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.exitcode

    def wait(self) -> int:
        """Wait for its end; its exit code."""
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        return code


def _become(
    command: str, environment: Mapping[str, str], directory: str, output: int, parent: int
) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    ahead.end_with(parent)
    os.chdir(directory)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    ahead.become(command, environment)


class Roles:
    """The roles of this run, and what they say, each line under its role's name."""

    def __init__(self) -> None:
        self._commands: dict[str, str] = parse_procfile((ROOT / "Procfile").read_text()).processes
        self._running: dict[str, Forked | subprocess.Popen[bytes]] = {}
        self._selector = selectors.DefaultSelector()
        self._rest: dict[str, bytes] = {}  # of a line that is not whole yet
        self._colours = dict(zip(self._commands, get_colours(), strict=False))
        self._printer = Printer(sys.stdout, width=max(map(len, self._commands)))

    def begin(self, environment: Mapping[str, str]) -> None:
        """Start the process that waits, and imports meanwhile."""
        words = [sys.executable, "-m", "app.embedded.ahead", self._commands[_PATCHED]]
        self._running[_PATCHED] = subprocess.Popen(
            words,
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def serve(
        self, environment: Mapping[str, str], *, sandbox: bool, begun: Callable[[], None]
    ) -> int:
        """Start the roles and stay until all have ended; 0 if that was asked for by a signal.

        `begun` is called once they are forked; until then no other thread may run. What one is
        just importing, a fork made meanwhile could never import: it would wait for that thread.
        """
        self._tell_patched(environment)
        for role, command in self._commands.items():
            if role not in {"release", _PATCHED} and (sandbox or role != "paypal"):
                self._running[role] = Forked(command, env=environment, cwd=str(ROOT))
        for role, process in self._running.items():
            assert process.stdout is not None
            os.set_blocking(process.stdout.fileno(), False)
            self._selector.register(process.stdout, selectors.EVENT_READ, role)
        begun()
        return self._stay()

    def _tell_patched(self, environment: Mapping[str, str]) -> None:
        waiting = self._running[_PATCHED]
        assert isinstance(waiting, subprocess.Popen)
        assert waiting.stdin is not None
        with contextlib.suppress(BrokenPipeError), waiting.stdin:  # its end is seen later
            waiting.stdin.write(json.dumps(dict(environment)).encode())

    def _stay(self) -> int:
        """Show what the roles say until one has ended or all are to, then end the others."""
        first: int | None = None
        while first is None and not stopping.is_told():
            self._show(_LOOK_SECONDS)
            first = self._gone()
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS / 3
        while self._running:
            self._show(_LOOK_SECONDS)
            self._gone()
            if time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
        return 0 if stopping.is_told() else first or 1

    def _signal(self, number: signal.Signals) -> None:
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                # Its group, once it has one; before that it is alone.
                if os.getpgid(process.pid) == process.pid:
                    os.killpg(process.pid, number)
                else:
                    os.kill(process.pid, number)

    def _gone(self) -> int | None:
        """Take leave of the roles that have ended; the exit code of one of them."""
        ended: int | None = None
        for role, process in list(self._running.items()):
            if (code := process.poll()) is None:
                continue
            self._show(0)
            self._say(f"{role} stopped (rc={code})")
            assert process.stdout is not None
            with contextlib.suppress(KeyError):  # it had said its last word before
                self._selector.unregister(process.stdout)
            process.stdout.close()
            del self._running[role]
            ended = ended or code
        return ended

    def _show(self, seconds: float) -> None:
        for key, _events in self._selector.select(seconds):
            try:
                data = os.read(key.fd, CHUNK)
            except BlockingIOError:
                continue
            if not data:
                self._selector.unregister(key.fileobj)
                data = b"\n" if self._rest.get(key.data) else b""
            lines = (self._rest.get(key.data, b"") + data).split(b"\n")
            self._rest[key.data] = lines.pop()
            for line in lines:
                self._say(line, key.data)

    def _say(self, line: bytes | str, role: str = "system") -> None:
        colour = self._colours.get(role)
        self._printer.write(Message("line", line, datetime.now().astimezone(), role, colour))
