"""Starting, finding and ending the processes of embedded servers."""

import contextlib
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.embedded.errors import StartFailed

LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
KNOCK_SECONDS = 0.05  # after it was told to stop
POLL_SECONDS = 0.02
LOG_LINES_SHOWN = 15
LOG_BYTES_KEPT = 4_000_000
PORT_TRIES = 3


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server: what to connect to, and how to end it."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    data_dir: Path
    page_url: str | None = None

    def stop(self) -> None:
        """End the server and everything it started, and wait for that; harmless when it is gone."""
        stop_recorded(self.data_dir)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)


@dataclass(frozen=True)
class Launch:
    """How to start one server, and how to see that it answers."""

    name: str
    command: Sequence[str]
    data_dir: Path
    is_ready: Callable[[], bool]
    stdin: str = ""
    cwd: Path | None = None
    environment: Mapping[str, str] | None = None
    user: int | None = None
    group: int | None = None
    # PostgreSQL ends its clients' sessions only on SIGINT; SIGTERM waits for them.
    stop_signal: signal.Signals = signal.SIGTERM
    # Where a listener waits that sees only with its next connection that it was told to stop.
    knock_port: int | None = None


def program(package: str, pattern: str) -> Path:
    """The program that a wheel brought, found without importing the wheel; raises StartFailed."""
    spec = importlib.util.find_spec(package)
    for place in (spec and spec.submodule_search_locations) or ():
        for path in Path(place).glob(pattern):
            return path.resolve()
    raise StartFailed(
        f"The package {package} brings no server for this machine ({os.uname().machine}). "
        "Set the address of a server of your own in the environment."
    )


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def port_answers(port: int) -> bool:
    """Whether someone accepts connections on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def port_refused(port: int) -> OSError | None:
    """Why this port of the loopback interface can't be listened on, if that is so."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error
    return None


def prepare_directory(data_dir: Path) -> None:
    """Make a server's directory and end what an earlier, killed run left running in it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        stop_recorded(data_dir)
    except PermissionError as error:
        raise StartFailed(
            f"{error.filename or data_dir} belongs to another user. Run as that user, "
            "or remove it with `make reset` as that user."
        ) from error


def password(data_dir: Path) -> str:
    """The password of the server in this directory, made at its first start."""
    file = data_dir / "password"
    with contextlib.suppress(FileNotFoundError):
        if text := file.read_text():
            return text
    text = secrets.token_urlsafe(24)
    write_private(file, text)
    return text


def write_private(file: Path, text: str) -> None:
    """Write a file that its owner alone may read; it appears whole or not at all."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    new.replace(file)


def start_on_free_port(plan: Callable[[int], Launch]) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server on a free port; tries others, since a port may be taken between look and use.

    Raises StartFailed with the end of the server's log if none of the tries came up.
    """
    for _ in range(PORT_TRIES - 1):
        port = free_port()
        try:
            return start(plan(port)), port
        except StartFailed:
            if not port_answers(port):
                raise
    port = free_port()
    return start(plan(port)), port


def start(launch: Launch) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own and wait until it answers; raises StartFailed."""
    log = launch.data_dir / "log"
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(log.with_name("log.old"))
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                launch.command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=launch.cwd or launch.data_dir,
                env=None if launch.environment is None else {**os.environ, **launch.environment},
                user=launch.user,
                group=launch.group,
                extra_groups=None if launch.user is None else [],
                start_new_session=True,
            )
    except OSError as error:
        raise StartFailed(f"{launch.name} could not be started: {error}.") from error
    try:
        record = {
            "pid": process.pid,
            "created": psutil.Process(process.pid).create_time(),
            "stop_signal": int(launch.stop_signal),
            "knock_port": launch.knock_port,
        }
        write_private(launch.data_dir / "process.json", json.dumps(record))
        if process.stdin:
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(launch.stdin.encode())
        _wait_until_ready(launch, process, log)
    except BaseException:
        # Ctrl-C while a server comes up must not leave it behind.
        _end(process.pid, launch.stop_signal, launch.knock_port)
        process.wait()
        raise
    return process


def _wait_until_ready(launch: Launch, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not launch.is_ready():
        if process.poll() is not None:
            raise StartFailed(f"{launch.name} ended while it started. {_end_of(log)}")
        if time.monotonic() > deadline:
            raise StartFailed(
                f"{launch.name} did not answer within {START_SECONDS:.0f} seconds. {_end_of(log)}"
            )
        time.sleep(POLL_SECONDS)


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return f"The end of {log}:\n" + "\n".join(f"    {line}" for line in lines)


def stop_recorded(data_dir: Path) -> None:
    """End the process that was started in this directory, if it still runs."""
    file = data_dir / "process.json"
    try:
        record = json.loads(file.read_text())
        process = psutil.Process(record["pid"])
        # The pid alone may have gone to a stranger since.
        is_same = abs(process.create_time() - record["created"]) < 1
    except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
        is_same = False
    if is_same:
        _end(process.pid, signal.Signals(record["stop_signal"]), record.get("knock_port"))
    file.unlink(missing_ok=True)


def _end(pid: int, stop_signal: signal.Signals, knock_port: int | None) -> None:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        process.send_signal(stop_signal)
    except psutil.NoSuchProcess:
        return
    if knock_port:
        wait_until_gone([process], KNOCK_SECONDS)
        port_answers(knock_port)
    wait_until_gone([process], STOP_SECONDS)
    end_all(family)


def end_all(processes: Sequence[psutil.Process]) -> None:
    """Kill processes that had their chance, and wait until they are gone."""
    for process in processes:
        if lives(process):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    wait_until_gone(processes, STOP_SECONDS)


def wait_until_gone(processes: Sequence[psutil.Process], seconds: float) -> None:
    """Wait until none of the processes lives, at most so many seconds."""
    deadline = time.monotonic() + seconds
    while any(lives(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def lives(process: psutil.Process) -> bool:
    """Whether a process still does something; one that only waits to be reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
