"""Retention: rows that traffic makes are deleted once they have been kept for long enough.

In batches, each a transaction of its own: no long lock, no long transaction, whatever has piled up.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from flask import Flask, current_app
from sqlalchemy import ColumnElement, delete, inspect, select, tuple_

from app.extensions import Base
from app.kit.db import db_now, session, transactional
from app.kit.sweeping import Swept, for_each

BATCH = 1000
SECONDS = 8  # for one table at a time; what is left then is deleted the next time
_KEY = "retention"


@dataclass(frozen=True)
class Retention:
    """Rows of a table go so many days after they have served their purpose.

    `over` is the condition under which a row had served it at that moment. What points at a row by
    a foreign key that cascades goes with it.
    """

    model: type[Base]
    days: int
    over: Callable[[datetime], ColumnElement[bool]]

    def __str__(self) -> str:
        """The table's name, as logs have it."""
        return str(self.model.__tablename__)


def init_app(app: Flask, table: Sequence[Retention]) -> None:
    """Give the application its table of retention."""
    app.extensions[_KEY] = tuple(table)


def drop_old() -> Swept:
    """Delete what was kept for long enough, table by table; how many had such rows."""
    return for_each(cast(tuple[Retention, ...], current_app.extensions[_KEY]), drop)


def drop(rule: Retention) -> bool:
    """Delete the rows of one table that were kept for long enough; whether there were any."""
    began, dropped = time.monotonic(), 0
    while True:
        batch = _drop_some(rule)
        dropped += batch
        if batch < BATCH or time.monotonic() - began > SECONDS:
            return dropped > 0


@transactional
def _drop_some(rule: Retention) -> int:
    key: Sequence[Any] = inspect(rule.model).primary_key
    old = (
        select(*key)
        .where(rule.over(db_now() - timedelta(days=rule.days)))
        .order_by(*key)
        .limit(BATCH)
        .with_for_update(skip_locked=True)  # somebody has just come back to it
        # Not below IN: a plan may run that for each row, and pick others each time.
        .cte("old")
    )
    dropped = session().execute(
        delete(rule.model)
        .where(tuple_(*key).in_(select(*old.c)))
        .returning(*key)
        .execution_options(synchronize_session=False)
    )
    return len(dropped.all())
