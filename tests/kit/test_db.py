"""`@transactional`, on PostgreSQL."""

import threading
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from app.extensions import db
from app.kit.db import (
    NestedNetworkError,
    after_commit,
    assert_no_transaction,
    db_now,
    end_read,
    in_transaction,
    lock,
    read,
    session,
    sqlstate,
    transactional,
    violated,
)
from app.kit.db import (
    rows as rows_of,
)
from app.kit.errors import Unavailable
from app.kit.outbox import OutboxRow

Rows = Callable[[], dict[int, int]]


def _set(row: int, value: int) -> None:
    session().execute(
        text("UPDATE kit_probe SET value = :value WHERE id = :row"), {"row": row, "value": value}
    )


@transactional
def set_value(*, row: int, value: int) -> int:
    _set(row, value)
    return value


class TestOutcome:
    def test_return_commits(self, rows: Rows) -> None:
        assert set_value(row=1, value=5) == 5
        assert rows()[1] == 5
        assert not session().in_transaction()

    def test_exception_rolls_back_and_passes_through(self, rows: Rows) -> None:
        @transactional
        def fail() -> None:
            _set(1, 5)
            raise LookupError("no")

        with pytest.raises(LookupError):
            fail()
        assert rows()[1] == 0
        assert not in_transaction()
        set_value(row=1, value=6)
        assert rows()[1] == 6

    def test_keyboard_interrupt_rolls_back(self, rows: Rows) -> None:
        @transactional
        def interrupted() -> None:
            _set(1, 5)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert rows()[1] == 0
        assert not in_transaction()

    def test_call_inside_a_call_joins_it(self, rows: Rows) -> None:
        seen: list[int] = []

        @transactional
        def outer() -> None:
            set_value(row=1, value=5)
            seen.append(rows()[1])
            set_value(row=2, value=6)
            raise LookupError

        with pytest.raises(LookupError):
            outer()
        assert seen == [0], "the inner call has committed by itself"
        assert rows() == {1: 0, 2: 0}

    def test_broken_constraint_is_named(self, rows: Rows) -> None:
        @transactional
        def clash() -> None:
            session().execute(text("INSERT INTO kit_probe VALUES (1, 1)"))

        with pytest.raises(IntegrityError) as caught:
            clash()
        assert violated(caught.value) == "kit_probe_pkey"
        assert sqlstate(caught.value) == "23505"


class TestRetry:
    def test_deadlock_of_two_threads_lets_both_through(self, app: Flask, rows: Rows) -> None:
        both_hold_one = threading.Barrier(2)
        calls: list[str] = []
        errors: list[BaseException] = []

        @transactional
        def add(*, first: int, second: int) -> None:
            name = threading.current_thread().name
            calls.append(name)
            for row in (first, second):
                session().execute(
                    text("UPDATE kit_probe SET value = value + 1 WHERE id = :row"), {"row": row}
                )
                if row == first and calls.count(name) == 1:
                    both_hold_one.wait(10)

        def run(first: int, second: int) -> None:
            with app.app_context():
                try:
                    add(first=first, second=second)
                except BaseException as error:  # noqa: BLE001  # told to the test's own thread
                    errors.append(error)

        threads = [threading.Thread(target=run, args=pair) for pair in ((1, 2), (2, 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert errors == []
        assert rows() == {1: 2, 2: 2}
        assert len(calls) > 2, "PostgreSQL ends one of the two, which is run again"

    def test_serialization_failure_is_tried_four_times_in_all(self, rows: Rows) -> None:
        calls = 0

        @transactional
        def unlucky() -> None:
            nonlocal calls
            calls += 1
            _set(1, calls)
            session().execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$"))

        with pytest.raises(OperationalError):
            unlucky()
        assert calls == 4
        assert rows()[1] == 0

    def test_callbacks_of_a_failed_try_are_forgotten(self, rows: Rows) -> None:
        tries: list[int] = []
        ran: list[int] = []

        @transactional
        def second_time_lucky() -> None:
            number = len(tries)
            tries.append(number)
            after_commit(lambda: ran.append(number))
            if number == 0:
                session().execute(
                    text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")
                )

        second_time_lucky()
        assert ran == [1]

    def test_other_errors_are_not_tried_again(self, rows: Rows) -> None:
        calls = 0

        @transactional
        def wrong() -> None:
            nonlocal calls
            calls += 1
            raise LookupError

        with pytest.raises(LookupError):
            wrong()
        assert calls == 1


class TestLocks:
    def test_lock_not_had_in_time_is_unavailable(self, rows: Rows) -> None:
        @transactional
        def impatient() -> None:
            session().execute(text("SET LOCAL lock_timeout = '100ms'"))
            _set(1, 1)

        with db.engine.begin() as other:
            other.execute(text("SELECT 1 FROM kit_probe WHERE id = 1 FOR UPDATE"))
            with pytest.raises(Unavailable) as caught:
                impatient()
        assert caught.value.retry_after == 2

    def test_every_connection_waits_for_locks_only_so_long(self, rows: Rows) -> None:
        assert session().execute(text("SHOW lock_timeout")).scalar_one() == "8s"

    def test_lock_reads_afresh(self, app: Flask) -> None:
        row = OutboxRow(id=uuid4(), listener="x", payload={})

        @transactional
        def add() -> None:
            session().add(row)

        @transactional
        def read() -> str:
            found = lock(OutboxRow, row.id)
            assert found is row, "the same object, known from before"
            return found.listener

        add()
        with db.engine.begin() as other:
            other.execute(text("UPDATE outbox SET listener = 'y'"))
        assert read() == "y"

    def test_lock_of_nothing_is_none(self, app: Flask) -> None:
        assert transactional(lambda: lock(OutboxRow, uuid4()))() is None


class TestGuards:
    def test_dirty_rows_from_outside_are_refused(self, app: Flask, rows: Rows) -> None:
        session().add(OutboxRow(id=uuid4(), listener="x", payload={}))
        with pytest.raises(RuntimeError, match="outside a transaction"):
            set_value(row=1, value=1)
        session().rollback()
        assert rows()[1] == 0

    def test_rows_written_down_outside_are_refused(self, app: Flask, rows: Rows) -> None:
        session().add(OutboxRow(id=uuid4(), listener="x", payload={}))
        session().flush()
        with pytest.raises(RuntimeError, match="outside a transaction"):
            set_value(row=1, value=1)
        session().rollback()
        assert rows()[1] == 0

    @pytest.mark.parametrize("fails", [False, True])
    def test_context_that_ends_takes_with_it_what_was_changed_outside(
        self, app: Flask, rows: Rows, *, fails: bool
    ) -> None:
        def change() -> None:
            with app.app_context():
                if fails:
                    _set(1, 5)
                    raise ValueError("after a change")
                session().add(OutboxRow(id=uuid4(), listener="outside", payload={}))
                session().flush()

        if fails:
            with pytest.raises(ValueError, match="after a change"):
                change()
        else:
            change()
        assert rows()[1] == 0
        assert session().scalar(text("SELECT count(*) FROM outbox")) == 0

    def test_context_ends_whose_connection_broke_before(self, app: Flask) -> None:
        with app.app_context():
            pid = session().execute(text("SELECT pg_backend_pid()")).scalar_one()
            _end(pid)
            with pytest.raises(OperationalError):
                session().execute(text("SELECT 1"))
        with app.app_context():
            assert session().execute(text("SELECT 1")).scalar_one() == 1

    def test_driver_is_asked_in_a_transaction_alone(self, app: Flask) -> None:
        with pytest.raises(RuntimeError, match="open transaction"):
            rows_of("SELECT 1")

    def test_read_finds_what_the_session_has_yet_to_write(self, rows: Rows) -> None:
        @transactional
        def note() -> int:
            session().add(OutboxRow(id=uuid4(), listener="x", payload={}))
            found: int = read(select(func.count()).select_from(OutboxRow)).scalar_one()
            return found

        assert note() == 1

    def test_read_before_is_ended_not_joined(self, rows: Rows) -> None:
        session().execute(text("SELECT 1"))
        assert session().in_transaction()
        set_value(row=1, value=3)
        assert rows()[1] == 3

    def test_network_inside_a_transaction_is_refused(self, rows: Rows) -> None:
        @transactional
        def call_out() -> None:
            _set(1, 1)
            assert_no_transaction()

        with pytest.raises(NestedNetworkError):
            call_out()
        assert rows()[1] == 0

    def test_network_during_an_open_read_is_refused(self, app: Flask) -> None:
        session().execute(text("SELECT 1"))
        with pytest.raises(NestedNetworkError):
            assert_no_transaction()
        end_read()
        assert_no_transaction()

    def test_end_read_inside_a_transaction_is_refused(self, rows: Rows) -> None:
        @transactional
        def wrong() -> None:
            _set(1, 1)
            end_read()

        with pytest.raises(NestedNetworkError):
            wrong()
        assert rows()[1] == 0


class TestAfterCommit:
    def test_runs_when_others_can_see_the_change(self, rows: Rows) -> None:
        seen: list[int] = []

        @transactional
        def inner() -> None:
            after_commit(lambda: seen.append(rows()[1]))

        @transactional
        def outer() -> None:
            inner()
            _set(1, 9)

        outer()
        assert seen == [9]

    def test_does_not_run_after_a_rollback(self, rows: Rows) -> None:
        seen: list[int] = []

        @transactional
        def fail() -> None:
            after_commit(lambda: seen.append(1))
            raise LookupError

        with pytest.raises(LookupError):
            fail()
        set_value(row=1, value=1)
        assert seen == []

    def test_may_start_a_transaction(self, rows: Rows) -> None:
        @transactional
        def outer() -> None:
            after_commit(lambda: set_value(row=2, value=4) and None)

        outer()
        assert rows()[2] == 4

    def test_outside_a_transaction_is_refused(self, app: Flask) -> None:
        with pytest.raises(RuntimeError, match="open transaction"):
            after_commit(lambda: None)


def test_clock_is_the_databases_and_moves_within_a_transaction(app: Flask) -> None:
    first, second = db_now(), db_now()
    assert first.utcoffset() is not None
    assert second > first


class TestRows:
    def test_are_those_of_the_open_transaction(self, rows: Rows) -> None:
        @transactional
        def fail() -> None:
            _set(1, 5)
            assert rows_of("SELECT value FROM kit_probe WHERE id = %(row)s", row=1) == [(5,)]
            rows_of("UPDATE kit_probe SET value = 6 WHERE id = %(row)s RETURNING id", row=2)
            raise LookupError

        with pytest.raises(LookupError):
            fail()
        assert rows() == {1: 0, 2: 0}

    def test_what_goes_wrong_is_told_as_elsewhere(self, rows: Rows) -> None:
        @transactional
        def wait() -> None:
            session().execute(text("SET LOCAL lock_timeout = '50ms'"))
            rows_of("SELECT value FROM kit_probe WHERE id = %(row)s FOR UPDATE", row=1)

        with db.engine.connect() as other:
            other.execute(text("SELECT value FROM kit_probe WHERE id = 1 FOR UPDATE"))
            with pytest.raises(Unavailable):
                wait()
        wait()
        with pytest.raises(DataError) as caught:
            transactional(rows_of)("SELECT 1 / %(by)s::int, 'secret'", by=0)
        assert caught.value.hide_parameters

    def test_lost_connection_is_not_used_again(self, app: Flask) -> None:
        @transactional
        def lose() -> None:
            [(pid,)] = rows_of("SELECT pg_backend_pid()")
            _end(pid)
            rows_of("SELECT 1")

        with pytest.raises(OperationalError) as caught:
            lose()
        assert caught.value.connection_invalidated
        assert transactional(rows_of)("SELECT 1") == [(1,)]


def _end(pid: int) -> None:
    """End a connection from PostgreSQL's side, and wait until it has gone."""
    url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
