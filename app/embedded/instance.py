"""The directory of a local shop: one run at a time in it, what a run leaves there, emptying it."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from app.embedded.errors import StartFailed
from app.embedded.processes import (
    STOP_SECONDS,
    end_all,
    lives,
    stop_recorded,
    wait_until_gone,
    write_private,
)

ROOT = Path(__file__).resolve().parents[2]
INSTANCE = Path(os.environ.get("INSTANCE_DIR") or ROOT / "instance").resolve()
# Every process of a run carries this variable, so that those of a killed one can be found.
MARK = "BYTESHOP_INSTANCE"
LOCK = "run.lock"
RUNNING = "run.json"
STORES = ("postgres", "valkey", "mongo", "mail")


def mark(instance: Path) -> str:
    """What this run's processes carry: whose they are, and where."""
    return f"{os.getpid()}:{instance}"


def carry_mark(instance: Path) -> None:
    """Start this program anew where it lacks the mark, for its forks to have it from the first.

    What it starts otherwise is not marked: the stores outlive the roles.
    """
    if os.environ.pop(MARK, None) != mark(instance):
        words = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, words, {**os.environ, MARK: mark(instance)})  # noqa: S606


@contextlib.contextmanager
def locked(instance: Path) -> Iterator[None]:
    """Have the directory to oneself; StartFailed if a shop runs there or it can't be written."""
    try:
        instance.mkdir(parents=True, exist_ok=True)
        lock = (instance / LOCK).open("a+")
    except PermissionError as error:
        raise StartFailed(
            f"{instance} is not yours to write: the shop ran there as another user. Run as that "
            "user, or have that user run `make reset` and remove the directory."
        ) from error
    with lock:
        try:
            # A record lock: unlike flock's, it does not pass to forked processes, which may outlive
            # a killed run.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise StartFailed(
                f"A shop already runs in {instance} (process {lock.read().strip()}). "
                "Stop it first, with Ctrl-C where it runs."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_running(instance: Path) -> bool:
    """Whether a shop runs in this directory."""
    try:
        with (instance / LOCK).open("a+") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def write_environment(instance: Path, environment: Mapping[str, str]) -> None:
    """Leave the run's environment for commands that join it."""
    write_private(instance / RUNNING, json.dumps(dict(environment)))


def read_environment(instance: Path) -> dict[str, str]:
    """The environment of the shop that runs here."""
    environment: dict[str, str] = json.loads((instance / RUNNING).read_text())
    return environment


def forget_environment(instance: Path) -> None:
    """The run is over."""
    (instance / RUNNING).unlink(missing_ok=True)


def end_roles(instance: Path) -> None:
    """End every role of this run that still lives, and wait for it."""
    own = mark(instance)
    _end_those(lambda process: _mark_of(process) == own and process.pid != os.getpid())


def end_leftovers(instance: Path) -> None:
    """End whatever a killed run left behind in this directory."""

    def is_left_behind(process: psutil.Process) -> bool:
        run, _, place = _mark_of(process).partition(":")
        # A run that only begins is not left behind: it will be told that this one was first.
        return place == str(instance) and run not in {str(os.getpid()), str(process.pid)}

    _end_those(is_left_behind)
    for name in STORES:
        stop_recorded(instance / name)


def _end_those(is_meant: Callable[[psutil.Process], bool]) -> None:
    roles = [process for process in psutil.process_iter() if is_meant(process)]
    for process in roles:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    wait_until_gone(roles, STOP_SECONDS / 3)
    end_all(roles)


def _mark_of(process: psutil.Process) -> str:
    try:
        return process.environ().get(MARK, "") if lives(process) else ""
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return ""


def empty(instance: Path) -> None:
    """Delete all data; StartFailed while a shop runs there or where files are another user's."""
    with locked(instance):
        end_leftovers(instance)
        for path in instance.iterdir():
            if path.name == LOCK:
                continue
            try:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            except PermissionError as error:
                raise StartFailed(
                    f"{error.filename} belongs to another user; run `make reset` as that user."
                ) from error
