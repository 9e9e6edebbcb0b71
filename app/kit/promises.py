"""Promises: what must hold whatever happens, each with a way to find what breaks it.

Each domain states its own in `promises.py`; `wiring.PROMISES` gathers them. Tests, runs with faults
and `flask check-invariants` check them all; the clock checks each from time to time, the dearer the
more rarely, and keeps what it found.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import cast

from flask import Flask, current_app
from sqlalchemy import ColumnElement, DateTime, Text, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, end_read, session, sqlstate, transactional, undo

log = logging.getLogger(__name__)
SHOWN = 5
_KEY = "promises"
OFTEN = timedelta(minutes=10)
# What is under way looks broken to a check that reads two stores, one after the other: a promise is
# called broken once it was found so with this pause between, and is looked at again soon.
LOOKS, PAUSE_SECONDS = 3, 1.0
SOON = timedelta(minutes=1)
# What was begun and never ended, since it took longer than a job may, is tried again by then.
LATEST = timedelta(hours=1)
# A check rests for so many times as long as it took: all of them take a two-hundredth of a worker.
RESTS = 200
RARELY = timedelta(days=1)
STATEMENT_SECONDS = 15
TURN_SECONDS = 20
QUERY_CANCELED = "57014"


@dataclass(frozen=True)
class Promise:
    """`breaches` yields what breaks it, in a word or two; `applies` says whether it is made."""

    name: str
    breaches: Callable[[], Iterable[object]]
    applies: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Result:
    """Whether a promise holds, with the first things that break it."""

    name: str
    holds: bool
    detail: str


class PromiseResult(Model):
    """What the clock found of a promise; `holds` is None while that could not be told in time."""

    __tablename__ = "promise_result"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    holds: Mapped[bool | None]
    detail: Mapped[str] = mapped_column(Text, default="")
    milliseconds: Mapped[int | None]
    checked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    broken_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    next_check_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )


@dataclass(frozen=True)
class Kept:
    """A promise that applies here, with what was found last."""

    name: str
    holds: bool | None
    detail: str
    checked_at: datetime | None
    broken_since: datetime | None


def promise(name: str, query: str) -> Promise:
    """A promise that the rows of `query` break: their first column tells which."""
    limited = text(f"{query} LIMIT {SHOWN}")
    return Promise(name, lambda: session().execute(limited).scalars().all())


def append_only(name: str, tables: Sequence[str]) -> Promise:
    """The promise that a trigger guards these tables against every change."""
    values = ", ".join(f"('{table}')" for table in tables)
    return promise(
        name,
        f"""SELECT wanted.name FROM (VALUES {values}) AS wanted(name)
        WHERE NOT EXISTS (SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relname = wanted.name AND t.tgname = 'append_only' AND t.tgenabled <> 'D')""",  # noqa: S608  # the names are ours
    )


def init_app(app: Flask, promises: Sequence[Promise]) -> None:
    """Give the application its promises."""
    app.extensions[_KEY] = promises


def check() -> Iterator[Result]:
    """Check every promise, one after the other."""
    for each in _made():
        broken = [str(breach) for breach in islice(each.breaches(), SHOWN)]
        yield Result(each.name, not broken, ", ".join(broken) or "ok")


def _made() -> list[Promise]:
    return [one for one in cast("Sequence[Promise]", current_app.extensions[_KEY]) if one.applies()]


def kept() -> list[Kept]:
    """Every promise that applies here, with what the clock found: the broken ones first."""
    rows = {row.name: row for row in session().scalars(select(PromiseResult))}
    found = []
    for one in _made():
        row = rows.get(one.name)
        if row is None:
            found.append(Kept(one.name, None, "", None, None))
        else:
            found.append(Kept(row.name, row.holds, row.detail, row.checked_at, row.broken_since))
    return sorted(found, key=lambda one: (one.holds is not False, one.holds is not None))


@transactional
def check_soon() -> None:
    """Have every promise checked with the clock's next turns."""
    now = func.clock_timestamp()
    for row in session().scalars(select(PromiseResult).with_for_update()):
        row.next_check_at = now


def check_due() -> int:
    """Check the promises whose turn it is, for a while; how many."""
    began, checked = time.monotonic(), 0
    for one in _due():
        if time.monotonic() - began > TURN_SECONDS:
            break
        checked += _check_one(one)
    return checked


def _due() -> list[Promise]:
    """Those whose turn it is: first what was never checked, then what has waited longest."""
    rows = session().execute(select(PromiseResult.name, PromiseResult.next_check_at))
    turns = {row.name: row.next_check_at for row in rows}
    [now] = session().scalars(select(func.clock_timestamp()))
    end_read()
    due = [one for one in _made() if one.name not in turns or turns[one.name] <= now]
    return sorted(due, key=lambda one: turns.get(one.name, datetime.min.replace(tzinfo=now.tzinfo)))


def _check_one(one: Promise) -> bool:
    """Check a promise and keep what was found; False if somebody else is at it."""
    if not _claim(one.name):
        return False
    for look in range(LOOKS):
        if look:
            time.sleep(PAUSE_SECONDS)
        began = time.monotonic()
        broken = _look(one)
        took = timedelta(seconds=time.monotonic() - began)
        if not broken:
            break
    _keep(one.name, None if broken is None else not broken, ", ".join(broken or []), took)
    return True


def _look(one: Promise) -> list[str] | None:
    """What breaks a promise now; None if that can't be told in time."""
    try:
        session().execute(text(f"SET LOCAL statement_timeout = {round(STATEMENT_SECONDS * 1000)}"))
        return [str(breach) for breach in islice(one.breaches(), SHOWN)]
    except DBAPIError as error:
        if sqlstate(error) != QUERY_CANCELED:
            raise
        return None
    finally:
        undo()  # nothing was changed, and the limit goes with it


@transactional
def _claim(name: str) -> bool:
    """Put off the next check before this one begins, which may never end."""
    row = insert(PromiseResult).values(name=name, detail="", next_check_at=_in(LATEST))
    claimed = session().execute(
        row.on_conflict_do_update(
            index_elements=["name"],
            set_={"next_check_at": row.excluded.next_check_at},
            where=PromiseResult.next_check_at <= func.statement_timestamp(),
        ).returning(PromiseResult.name)
    )
    return claimed.first() is not None


@transactional
def _keep(name: str, holds: bool | None, detail: str, took: timedelta) -> None:
    row = session().get_one(PromiseResult, name, with_for_update=True, populate_existing=True)
    if holds is False and row.broken_since is None:
        row.broken_since = func.clock_timestamp()
        log.error("a promise is broken", extra={"promise": name, "detail": detail})
    elif holds:
        row.broken_since = None
    row.holds, row.detail = holds, detail
    row.milliseconds = round(took / timedelta(milliseconds=1))
    row.checked_at = func.clock_timestamp()
    row.next_check_at = _in(min(max(SOON if holds is False else OFTEN, took * RESTS), RARELY))


def _in(wait: timedelta) -> ColumnElement[datetime]:
    return func.clock_timestamp() + wait
