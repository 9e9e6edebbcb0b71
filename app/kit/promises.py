"""Promises: what must hold whatever happens, each with a way to find what breaks it.

Each domain states its own in `promises.py`; `wiring.PROMISES` gathers them. Tests, runs with faults
and `flask check-invariants` check them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

from flask import Flask, current_app
from sqlalchemy import text

from app.kit.db import session

SHOWN = 5
_KEY = "promises"


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
    for each in cast("Sequence[Promise]", current_app.extensions[_KEY]):
        if each.applies():
            broken = [str(breach) for breach in islice(each.breaches(), SHOWN)]
            yield Result(each.name, not broken, ", ".join(broken) or "ok")
