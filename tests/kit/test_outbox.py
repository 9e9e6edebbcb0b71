"""The outbox, on PostgreSQL and Redis: nothing is lost, nothing local happens twice."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask
from rq import Queue
from sqlalchemy import text

from app.extensions import db
from app.kit import jobs, outbox
from app.kit.db import session, transactional
from app.kit.events import Listener, Reach, Registry
from app.kit.outbox import MAX_ATTEMPTS, PATIENT_FOR, OutboxRow, TryLater, deliver, emit
from app.kit.retention import drop_old
from tests.kit import listeners
from tests.kit.listeners import Counted, Picked, Shared, Told, Unheard, state

Rows = Callable[[], dict[int, int]]
Work = Callable[[], None]


@transactional
def announce(event: object) -> None:
    emit(event)


def row() -> OutboxRow:
    """The only row, as the database has it."""
    db.session.rollback()
    return session().query(OutboxRow).execution_options(populate_existing=True).one()


def waiting() -> int:
    return sum(Queue(name, connection=jobs.redis()).count for name in jobs.QUEUES)


def make_due() -> None:
    """Let the waiting time of every row be over."""
    db.session.rollback()
    session().execute(
        text(
            "UPDATE outbox SET available_at = clock_timestamp() - interval '1 second',"
            " created_at = clock_timestamp() - interval '1 minute'"
        )
    )
    session().commit()


class TestTable:
    def test_name_of_two_listeners_is_refused(self) -> None:
        with pytest.raises(ValueError, match="one name"):
            Registry(
                [
                    Listener("same", Counted, listeners.count, Reach.LOCAL),
                    Listener("same", Shared, listeners.count_shared, Reach.LOCAL),
                ]
            )


class TestEmit:
    def test_outside_a_transaction_is_refused(self, app: Flask) -> None:
        with pytest.raises(RuntimeError, match="inside a transaction"):
            emit(Counted(1))

    def test_rolled_back_leaves_nothing(self, app: Flask) -> None:
        @transactional
        def fail() -> None:
            emit(Counted(1))
            raise LookupError

        with pytest.raises(LookupError):
            fail()
        assert session().query(OutboxRow).count() == 0
        assert waiting() == 0

    def test_one_row_and_one_nudge_for_each_listener(self, app: Flask) -> None:
        announce(Shared(1))
        assert session().query(OutboxRow).count() == 2
        assert waiting() == 2

    def test_each_listener_has_its_queue(self, app: Flask) -> None:
        announce(Told(uuid4(), datetime.now(UTC)))
        assert Queue("webhooks", connection=jobs.redis()).count == 1

    def test_what_a_listener_does_not_want_costs_no_row_and_no_job(self, app: Flask) -> None:
        announce(Picked(1, is_wanted=False))
        assert session().query(OutboxRow).count() == 0
        assert waiting() == 0
        announce(Picked(1, is_wanted=True))
        assert session().query(OutboxRow).count() == 1
        assert waiting() == 1

    def test_event_that_nobody_hears_is_fine(self, app: Flask) -> None:
        announce(Unheard())
        assert session().query(OutboxRow).count() == 0


class TestLocalListener:
    def test_runs_once_however_often_it_is_nudged(self, rows: Rows, drain: Work) -> None:
        announce(Counted(1))
        drain()
        assert rows()[1] == 1
        assert row().done_at is not None
        deliver(row().id, row().listener)
        deliver(row().id, row().listener)
        assert rows()[1] == 1

    def test_effect_and_mark_are_one_transaction(self, rows: Rows) -> None:
        seen: list[tuple[int, bool]] = []

        def look_from_outside() -> None:
            with db.engine.connect() as other:
                done = other.execute(text("SELECT done_at IS NOT NULL FROM outbox")).scalar_one()
            seen.append((rows()[1], done))

        state.then = look_from_outside
        announce(Counted(1))
        deliver(row().id, row().listener)
        assert seen == [(0, False)]
        assert (rows()[1], row().done_at is not None) == (1, True)

    def test_failure_undoes_the_effect_and_backs_off(self, rows: Rows) -> None:
        def fail() -> None:
            raise ConnectionError("a secret of the listener")

        state.then = fail
        announce(Counted(1))
        deliver(row().id, row().listener)
        assert rows()[1] == 0
        left = row()
        assert (left.done_at, left.attempts, left.last_error) == (None, 1, "ConnectionError")
        assert left.available_at > left.created_at

    def test_two_workers_with_the_same_row_run_it_once(self, app: Flask, rows: Rows) -> None:
        inside, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            inside.set()
            assert go_on.wait(20)

        state.then = hold
        announce(Counted(1))
        ident, name = row().id, row().listener
        db.session.rollback()

        def first() -> None:
            with app.app_context():
                deliver(ident, name)

        worker = threading.Thread(target=first)
        worker.start()
        assert inside.wait(20)
        state.then = lambda: pytest.fail("ran beside the first")
        deliver(ident, name)
        go_on.set()
        worker.join(20)
        assert rows()[1] == 1
        assert row().attempts == 1


class TestOutsideListener:
    def test_gets_the_event_as_it_was_with_no_transaction_open(
        self, app: Flask, drain: Work
    ) -> None:
        event = Told(uuid4(), datetime.now(UTC))
        announce(event)
        drain()
        assert state.heard == [event]
        assert row().done_at is not None

    def test_is_not_started_twice_within_its_lease(self, app: Flask) -> None:
        event = Told(uuid4(), datetime.now(UTC))
        announce(event)
        ident, name = row().id, row().listener
        state.then = lambda: deliver(ident, name)
        deliver(ident, name)
        assert state.heard == [event]

    def test_worker_that_died_is_replaced_after_the_lease(self, app: Flask, drain: Work) -> None:
        event = Told(uuid4(), datetime.now(UTC))

        def die() -> None:
            raise SystemExit

        state.then = die
        announce(event)
        ident, name = row().id, row().listener
        with pytest.raises(SystemExit):
            deliver(ident, name)
        state.then = lambda: None
        outbox.sweep()
        drain()
        assert state.heard == [event], "its lease runs"
        make_due()
        outbox.sweep()
        drain()
        assert state.heard == [event, event], "at least once: it may have died before or after"
        assert row().done_at is not None

    def test_failure_that_left_rows_changed_still_backs_off(self, app: Flask) -> None:
        def half_done() -> None:
            session().add(OutboxRow(id=uuid4(), listener="left over", payload={}))
            raise ConnectionError

        state.then = half_done
        announce(Told(uuid4(), datetime.now(UTC)))
        deliver(row().id, row().listener)
        assert row().last_error == "ConnectionError"


class TestBackOff:
    @pytest.mark.parametrize(
        "event", [Counted(1), Told(UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC))]
    )
    def test_waits_longer_each_time_then_is_parked_for_a_person(
        self, app: Flask, event: object, drain: Work, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail() -> None:
            raise ConnectionError

        state.then = fail
        announce(event)
        ident, name = row().id, row().listener
        delays: list[float] = []
        for _ in range(MAX_ATTEMPTS):
            assert row().parked_at is None
            make_due()
            deliver(ident, name)
            wait = session().execute(
                text("SELECT extract(epoch FROM available_at - clock_timestamp()) FROM outbox")
            )
            delays.append(float(wait.scalar_one()))
        assert delays[:4] == pytest.approx([2, 4, 8, 16], abs=1)
        assert max(delays) <= 600
        parked = row()
        assert (parked.attempts, parked.done_at) == (MAX_ATTEMPTS, None)
        assert parked.parked_at is not None
        assert [r for r in caplog.records if r.getMessage() == "listener parked"]
        state.then = lambda: None
        make_due()
        assert outbox.sweep() == 0
        deliver(ident, name)
        drain()
        assert row().done_at is None

    def test_what_is_away_is_waited_for_through_days(
        self, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        def away() -> None:
            raise TryLater from TimeoutError()

        def fail_again(old: timedelta) -> OutboxRow:
            make_due()
            session().execute(
                text("UPDATE outbox SET created_at = clock_timestamp() - :old"), {"old": old}
            )
            session().commit()
            deliver(ident, name)
            return row()

        state.then = away
        announce(Told(uuid4(), datetime.now(UTC)))
        ident, name = row().id, row().listener
        for _ in range(MAX_ATTEMPTS * 2):
            waits = fail_again(PATIENT_FOR - timedelta(minutes=1))
            assert (waits.parked_at, waits.last_error) == (None, "TimeoutError")
            assert waits.available_at - datetime.now(UTC) < timedelta(minutes=10)
        # There are tries left for what is wrong when the other side is back, and an end in sight.
        left = MAX_ATTEMPTS - waits.attempts
        assert left > 0
        for _ in range(left):
            assert row().parked_at is None
            fail_again(PATIENT_FOR)
        assert row().parked_at is not None

    def test_one_failing_listener_does_not_hold_up_the_other(self, rows: Rows, drain: Work) -> None:
        def fail() -> None:
            if not state.heard:
                raise ConnectionError

        state.then = fail
        announce(Shared(1))
        drain()
        assert state.heard == [Shared(1)]
        done = session().execute(
            text("SELECT listener, done_at IS NOT NULL FROM outbox ORDER BY listener")
        )
        assert dict(map(tuple, done)) == {
            "test.count_shared": False,
            "test.tell_shared": True,
        }


class TestRecord:
    def test_done_rows_are_dropped_after_a_week_and_open_ones_never(
        self, app: Flask, drain: Work
    ) -> None:
        announce(Counted(1))
        drain()
        announce(Counted(2))
        session().execute(text("UPDATE outbox SET parked_at = now() WHERE done_at IS NULL"))
        session().commit()
        assert drop_old().done == 0
        for old in session().query(OutboxRow).all():
            session().execute(
                text("UPDATE outbox SET id = :older WHERE id = :id"),
                {"older": made_before(old.id, timedelta(days=7)), "id": old.id},
            )
        session().commit()
        assert drop_old().done == 1
        assert row().done_at is None


def made_before(ident: UUID, age: timedelta) -> UUID:
    """The id that would have been made that much earlier."""
    return UUID(int=ident.int - (int(age.total_seconds() * 1000) << 80))


class TestSweep:
    def test_does_what_a_flushed_redis_has_lost(self, rows: Rows, drain: Work, sweep: Work) -> None:
        announce(Counted(1))
        jobs.redis().flushdb()
        drain()
        assert rows()[1] == 0
        sweep()
        drain()
        assert rows()[1] == 1

    def test_leaves_young_rows_to_their_first_nudge(self, app: Flask) -> None:
        announce(Counted(1))
        jobs.redis().flushdb()
        assert outbox.sweep() == 0
        assert waiting() == 0

    def test_leaves_rows_that_are_still_in_the_queue(self, app: Flask, sweep: Work) -> None:
        announce(Shared(1))
        assert waiting() == 2
        sweep()
        sweep()
        assert waiting() == 2

    def test_does_the_work_itself_where_redis_is_down(
        self, rows: Rows, application_without_redis: Flask
    ) -> None:
        with application_without_redis.app_context():
            announce(Shared(1))
            assert rows()[1] == 0
            make_due()
            assert outbox.sweep() == 2
        assert rows()[1] == 1
        assert state.heard == [Shared(1)]

    def test_rows_of_a_listener_that_is_gone_hold_nobody_up(
        self, rows: Rows, drain: Work, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbox, "SWEEP_LIMIT", 2)
        session().execute(
            text(
                "INSERT INTO outbox (id, listener, payload, attempts, created_at, available_at)"
                " SELECT gen_random_uuid(), 'app.gone.forget', '{}', 0,"
                " clock_timestamp() - interval '1 hour', clock_timestamp() - interval '1 hour'"
                " FROM generate_series(1, 3)"
            )
        )
        session().commit()
        announce(Counted(1))
        jobs.redis().flushdb()
        session().execute(text("UPDATE outbox SET created_at = created_at - interval '1 minute'"))
        session().commit()
        outbox.sweep()
        drain()
        assert rows()[1] == 1


def test_queue_that_is_down_does_not_stop_the_change(
    application_without_redis: Flask, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    with application_without_redis.app_context(), caplog.at_level(logging.WARNING):
        announce(Counted(1))
        assert session().query(OutboxRow).count() == 1
    assert "queue unreachable" in caplog.text
    assert listeners.state.heard == []
