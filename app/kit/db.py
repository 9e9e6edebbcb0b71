"""Transactions: `@transactional` is the only place that commits."""

import functools
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from uuid import UUID

import psycopg
from flask import Flask
from flask_babel import gettext as _
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import Enum, Executable, Result, event, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

from app.extensions import Base, db
from app.kit.errors import Unavailable

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=Base)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

# https://www.postgresql.org/docs/current/errcodes-appendix.html
SERIALIZATION_FAILURE, DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE = "40001", "40P01", "55P03"
TRIES = 4
_LONGEST_PAUSE = 0.05  # seconds before a transaction is tried again
_DEPTH = "transaction_depth"
_AFTER_COMMIT = "after_commit"
_FLUSHED = "flushed"
_DRIVER = "driver"


class Array(list[Any]):
    """Many values of one type as one parameter, sent as they are: a plain list is written out."""


psycopg.adapters.register_dumper(Array, ListBinaryDumper)


class NestedNetworkError(RuntimeError):
    """A call that leaves the process was tried while a transaction was open: a bug."""


def text_enum(values: type[StrEnum], constraint: str) -> Enum:
    """The type of a text column that holds one of `values`, guarded by a named constraint."""
    return Enum(
        values,
        name=constraint,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def session() -> Session:
    """This context's session."""
    return db.session()


def in_transaction() -> bool:
    """Whether a `@transactional` call is running."""
    return bool(session().info.get(_DEPTH))


def transactional(use_case: Callable[P, R]) -> Callable[P, R]:
    """Make `use_case` one transaction.

    A call inside a call joins the outer one. The outermost commits, or rolls back on any
    exception, and runs again (up to four times in all) after a deadlock or a serialization
    failure: so arguments are ids and plain values, and nothing inside leaves the process.
    What was handed to `after_commit` runs once the commit is certain.
    """

    @functools.wraps(use_case)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        current = session()
        if current.info.get(_DEPTH):
            return use_case(*args, **kwargs)
        end_read()
        for attempt in range(1, TRIES + 1):
            current.info[_DEPTH] = 1
            current.info[_AFTER_COMMIT] = []
            try:
                result = use_case(*args, **kwargs)
                current.commit()
            except BaseException as error:
                current.rollback()
                code = sqlstate(error)
                if code in {SERIALIZATION_FAILURE, DEADLOCK_DETECTED} and attempt < TRIES:
                    log.info("transaction retried", extra={"use_case": use_case.__qualname__})
                    # Else it may meet the same other one at the same place again.
                    time.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311  # no secret
                    continue
                if code == LOCK_NOT_AVAILABLE:
                    raise Unavailable(
                        "busy", _("The shop is very busy. Please try again."), retry_after=2
                    ) from error
                raise
            finally:
                current.info[_DEPTH] = 0
            with ExitStack() as callbacks:  # each runs, whatever becomes of those before it
                for callback in reversed(current.info.pop(_AFTER_COMMIT)):
                    callbacks.callback(callback)
            return result
        raise AssertionError("unreachable: the last try returns or raises")

    return call


def after_commit(callback: Callable[[], object]) -> None:
    """Run `callback` once the transaction now open is committed; never if it is rolled back."""
    if not in_transaction():
        raise RuntimeError("after_commit needs an open transaction")
    session().info[_AFTER_COMMIT].append(callback)


def undo() -> None:
    """Undo what the session has not committed; a connection that broke meanwhile goes with it."""
    try:
        session().rollback()
    except DBAPIError as error:
        log.warning("connection lost", extra={"error": type(error.orig).__name__})
        db.session.registry.clear()


def _let_go(error: BaseException | None) -> None:
    if not db.session.registry.has():
        return
    current = session()
    if error is not None or not current.is_active or _has_changes(current):
        undo()
        return
    try:
        current.commit()  # of reads alone; after a rollback psycopg forgets what it has prepared
    except SQLAlchemyError:  # broken now, or before, which whoever asked has got over
        undo()  # else the end of a request that reads no more would take its answer with it


def _has_changes(current: Session) -> bool:
    """Whether rows were changed since the last commit, written down already or not."""
    return bool(current.new or current.dirty or current.deleted or current.info.get(_FLUSHED))


def _note_flush(current: Session, _context: object) -> None:
    current.info[_FLUSHED] = True


def _forget_flush(current: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        current.info.pop(_FLUSHED, None)


def _forget_driver(current: Session, _begun_or_ended: SessionTransaction) -> None:
    current.info.pop(_DRIVER, None)  # a savepoint, too, is set where the session asks for it


event.listen(Session, "after_flush", _note_flush)
event.listen(Session, "after_transaction_end", _forget_flush)
event.listen(Session, "after_transaction_create", _forget_driver)
event.listen(Session, "after_transaction_end", _forget_driver)


def init_app(app: Flask) -> None:
    """End what a context leaves open; runs before Flask-SQLAlchemy gives the connection back."""
    app.teardown_appcontext(_let_go)


def end_read() -> None:
    """End the read that loading the user has begun; RuntimeError if rows were changed."""
    current = session()
    if current.info.get(_DEPTH):
        raise NestedNetworkError("a transaction is open")
    if _has_changes(current):
        raise RuntimeError("rows were changed outside a transaction")
    if current.in_transaction():
        current.commit()


def assert_no_transaction() -> None:
    """Guard of every call that leaves the process; NestedNetworkError if a transaction is open."""
    if session().in_transaction():
        raise NestedNetworkError("no network call inside a transaction")


def lock(model: type[M], ident: UUID, *, skip_locked: bool = False) -> M | None:
    """The row with this id, read afresh and locked until the commit; None if there is none.

    With `skip_locked`, None also for a row that another transaction has locked: for sweeps, which
    come by again.
    """
    how: Any = {"of": model, "skip_locked": skip_locked}  # not what is read along with it
    return session().get(model, ident, with_for_update=how, populate_existing=True)


def read(
    statement: Executable, values: Mapping[str, object] | None = None
) -> Result[*tuple[Any, ...]]:
    """What a statement of columns finds.

    The session would first look what of it is an object to keep, which takes a third of the time.
    """
    current = session()
    current.flush()
    return current.connection().execute(statement, values)


def rows(statement: str, **values: object) -> list[tuple[Any, ...]]:
    """The rows of a statement that psycopg runs by itself, in the session's transaction.

    For what is asked very often: it takes a third of the time. RuntimeError outside a transaction,
    since what it does is not looked at. Values stand in it as `%(name)s`;
    nothing is flushed before it. Raises SQLAlchemy's errors, as everything else does.
    """
    current = session()
    if not current.info.get(_DEPTH):
        raise RuntimeError("rows needs an open transaction")
    driver = current.info.get(_DRIVER) or _take_driver(current)
    try:
        return driver.execute(statement.encode(), values).fetchall()
    except psycopg.Error as error:
        connection = current.connection()
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement,
            values,
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=driver.closed,
            dialect=connection.dialect,
        ) from error


def _take_driver(current: Session) -> "psycopg.Connection[tuple[Any, ...]]":
    driver = cast(
        "psycopg.Connection[tuple[Any, ...]]", current.connection().connection.dbapi_connection
    )
    current.info[_DRIVER] = driver
    return driver


def db_now() -> datetime:
    """The database's clock, by which every deadline is kept."""
    now: datetime = session().execute(select(func.clock_timestamp())).scalar_one()
    return now


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code of a database error, else None."""
    origin: Any = error.orig if isinstance(error, DBAPIError) else None
    return getattr(origin, "sqlstate", None)


def violated(error: IntegrityError) -> str | None:
    """The name of the constraint that an insert or update broke."""
    diagnostics: Any = getattr(error.orig, "diag", None)
    return getattr(diagnostics, "constraint_name", None)
