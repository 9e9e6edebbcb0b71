"""Looks up logins for many callers at once: those that wait for the database share its next answer.

Every answer is read after its question came in, so it is as fresh as one of its own; but sixteen
callers cost one round trip to the database, not sixteen. `make bench` has the figure: with 16
callers on two cores, 7,300 look-ups a second, against 2,500 with a query for each; over gRPC, where
threads with a query each also fight for the interpreter, four times the answers.
"""

import threading
from functools import cache
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from app.auth import queries
from app.auth.gate import Person, Proof, all_scopes
from app.auth.models import Role, User


class _Question:
    """One caller and the result."""

    __slots__ = ("answer", "error", "is_answered", "session_id")

    def __init__(self, session_id: UUID) -> None:
        self.session_id = session_id
        self.answer: Proof | None = None
        self.error: Exception | None = None
        self.is_answered = False


class Logins:
    """Answers from one connection of its own, one batch of questions after the other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._adding = threading.Lock()
        self._waiting: list[_Question] = []
        self._turn = threading.Lock()

    def proof(self, session_id: UUID) -> Proof | None:
        """Whose login this is, None if it has ended; SQLAlchemyError if nobody can tell."""
        question = _Question(session_id)
        with self._adding:
            self._waiting.append(question)
        with self._turn:
            # Whoever had the turn before may have asked for this one too.
            if not question.is_answered:
                self._answer_all()
        if question.error is not None:
            raise question.error
        return question.answer

    def close(self) -> None:
        """Give the connection back."""
        with self._turn:
            self._hang_up()

    def _answer_all(self) -> None:
        with self._adding:
            batch, self._waiting = self._waiting, []
        try:
            found = self._read({question.session_id for question in batch})
        except Exception as error:  # noqa: BLE001  # each caller raises it
            for question in batch:
                question.error = error
        else:
            for question in batch:
                question.answer = found.get(question.session_id)
        for question in batch:
            question.is_answered = True

    def _read(self, ids: set[UUID]) -> dict[UUID, Proof]:
        kept = self._connection is not None
        try:
            return self._read_once(ids)
        except DBAPIError as error:
            self._hang_up()
            if not kept or not error.connection_invalidated:
                raise
        return self._read_once(ids)  # the database was restarted since: once more, on a new one

    def _read_once(self, ids: set[UUID]) -> dict[UUID, Proof]:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            )
        rows = queries.live_sessions_by_id(self._connection, ids)
        return {row.session_id: _proof(row) for row in rows}

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _proof(row: queries.LiveLogin) -> Proof:
    person = Person(
        id=row.user_id,
        display_name=row.display_name,
        locale=row.locale,
        roles=_roles(tuple(row.roles)),
        banned=False,  # a banned person has no live session
        session_epoch=row.session_epoch,
    )
    return Proof(person, _scopes(tuple(row.roles)), row.expires_at)


@cache
def _roles(names: tuple[str, ...]) -> frozenset[Role]:
    return frozenset(Role(name) for name in names)


@cache
def _scopes(names: tuple[str, ...]) -> frozenset[str]:
    return all_scopes(User(roles=list(names)))
