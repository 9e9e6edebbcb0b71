"""The clock: at the time of each timed work it puts a job into a queue, and a worker does it.

A work's job is unique by its name: while one waits or runs there is no second. While Redis is away
the clock does the works itself, each in a thread of its own, so that none delays the others.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from app.kit import jobs
from app.kit.db import undo
from app.kit.jobs import Turn
from app.kit.sweeping import Swept

log = logging.getLogger(__name__)
_KEY = "timed_work"
_FAILURES = "timed_failures"


@dataclass(frozen=True)
class TimedWork:
    """`work` is run every `seconds`, from this RQ queue; it returns how much there was to do."""

    name: str
    work: Callable[[], int | Swept]
    seconds: int
    queue: str = "timed"


def init_app(app: Flask, table: Sequence[TimedWork]) -> None:
    """Give the application its table of timed work; a name stands in it once."""
    works = {timed.name: timed for timed in table}
    if len(works) < len(table):
        raise ValueError("two timed works have one name: one would keep the other from its turn")
    app.extensions[_KEY] = works
    app.extensions[_FAILURES] = Counter[str]()


def run(name: str) -> None:
    """Do a timed work; RQ's entry point. What fails is logged, and has its turn again.

    The line says how often it has failed in this process since it last went well.
    """
    timed = _works().get(name)
    if timed is None:
        return  # of another release: left to a worker that knows it
    failures = cast("Counter[str]", current_app.extensions[_FAILURES])
    began = time.monotonic()
    try:
        done = timed.work()
    except Exception:
        failures[name] += 1
        undo()  # whatever it left half done
        log.exception("timed work failed", extra={"work": name, "failures": failures[name]})
        return
    failed = done.failed if isinstance(done, Swept) else 0
    failures[name] = failures[name] + 1 if failed else 0
    seconds = round(time.monotonic() - began, 3)
    line = {"work": name, "failed_rows": failed, "failures": failures[name], "seconds": seconds}
    if failed:
        log.warning("timed work failed in part", extra=line)
    elif seconds > timed.seconds:
        log.warning("timed work takes longer than its pause", extra=line)


def _works() -> dict[str, TimedWork]:
    return cast(dict[str, TimedWork], current_app.extensions[_KEY])


class Clock:
    """When each work had its turn, and those that this process does itself."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._last: dict[str, float] = {}
        self._own: dict[str, threading.Thread] = {}

    def tick(self) -> None:
        """Start every work whose time has come; one that is still at it, as soon as it is not."""
        now = time.monotonic()
        for timed in _works().values():
            if now - self._last.get(timed.name, -timed.seconds) < timed.seconds:
                continue
            turn = jobs.enqueue_once(run, timed.name, queue=timed.queue)
            if turn is Turn.TAKEN or (turn is Turn.AWAY and self._do(timed.name)):
                self._last[timed.name] = now

    def _do(self, name: str) -> bool:
        """Do a work in this process; False if it still is at it."""
        if name in self._own and self._own[name].is_alive():
            return False
        self._own[name] = threading.Thread(target=self._run, args=(name,), name=name, daemon=True)
        self._own[name].start()
        return True

    def _run(self, name: str) -> None:
        with self._app.app_context():
            run(name)
