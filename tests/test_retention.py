"""What traffic makes is not kept for ever, and what must be kept is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.keeping import KEPT, RETENTION
from app.kit import retention
from app.kit.db import session
from app.kit.ids import ids_from, new_id
from app.kit.retention import drop_old
from tests.factories.auth import make_user
from tests.support.sale import count


def old_id(days: int) -> UUID:
    """An id made so many days ago."""
    early = ids_from(datetime.now(UTC) - timedelta(days=days)).int
    return UUID(int=early | (new_id().int & ((1 << 80) - 1)))


def store_event(days: int) -> None:
    """An event of PayPal's that came so many days ago."""
    session().execute(
        text(
            "INSERT INTO inbound_event (id, event_id, event_type, body, received_at)"
            " VALUES (:id, :name, 'X', '{}', clock_timestamp() - make_interval(days => :days))"
        ),
        {"id": old_id(days), "name": str(new_id()), "days": days},
    )
    session().commit()


def store_message(days: int, state: str, endpoint: UUID) -> None:
    """A message of so many days ago, tried once."""
    ident = old_id(days)
    session().execute(
        text(
            "INSERT INTO webhook_message (id, endpoint_id, type, subject, payload, state, tries)"
            " VALUES (:id, :endpoint, 'webhook.test', 'x', '{}', :state, 1)"
        ),
        {"id": ident, "endpoint": endpoint, "state": state},
    )
    session().execute(
        text(
            "INSERT INTO webhook_attempt (id, message_id, started_at, duration_ms, answer)"
            " VALUES (gen_random_uuid(), :id, clock_timestamp(), 1, '')"
        ),
        {"id": ident},
    )
    session().commit()


@pytest.fixture
def endpoint(app: Flask) -> UUID:
    """A seller's endpoint."""
    ident = new_id()
    session().execute(
        text(
            "INSERT INTO webhook_endpoint (id, owner_id, url, events, sealed, key_version)"
            " VALUES (:id, :owner, 'https://x.example', '{}', '', 1)"
        ),
        {"id": ident, "owner": make_user(roles=("seller",)).id},
    )
    session().commit()
    return ident


def test_every_table_is_kept_or_dropped_by_a_rule() -> None:
    """A new table needs a decision: who deletes its rows, or why they stay."""
    dropped = {str(rule) for rule in RETENTION}
    assert not dropped & set(KEPT)
    decided = dropped | set(KEPT)
    goes_along = {
        table.name
        for table in db.metadata.tables.values()
        for key in table.foreign_keys
        if key.ondelete == "CASCADE" and key.column.table.name in decided | {"webhook_message"}
    }
    assert set(db.metadata.tables) == decided | goes_along


def test_events_of_paypal_go_after_a_year(app: Flask) -> None:
    for days in (0, 364, 366, 800):
        store_event(days)
    assert drop_old().failed == 0
    assert count("inbound_event") == 2


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM inbound_event",
        "UPDATE inbound_event SET body = '[]'",
        "UPDATE inbound_event SET received_at = received_at - interval '1 year'",
    ],
)
def test_young_event_can_neither_be_deleted_nor_changed(app: Flask, change: str) -> None:
    store_event(179)
    with pytest.raises(IntegrityError, match="append-only"):
        session().execute(text(change))
    session().rollback()
    assert count("inbound_event") == 1


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_transaction", "delivery_record"])
def test_books_and_evidence_are_in_no_rule(table: str) -> None:
    assert table in KEPT


def test_messages_go_with_their_tries_after_three_months(app: Flask, endpoint: UUID) -> None:
    store_message(91, "sent", endpoint)
    store_message(91, "failed", endpoint)
    store_message(91, "pending", endpoint)
    store_message(89, "sent", endpoint)
    drop_old()
    assert count("webhook_message") == count("webhook_attempt") == 2
    assert count("webhook_message", "state = 'pending'") == 1


@pytest.fixture(params=["hash", "nested loop"])
def join(app: Flask, request: pytest.FixtureRequest) -> Iterator[str]:
    """How the planner joins: by statistics it may choose either."""

    def choose(connection: Connection) -> None:
        for other in ("hashjoin", "hashagg", "material", "sort"):
            connection.exec_driver_sql(f"SET LOCAL enable_{other} = off")

    if request.param == "hash":
        yield request.param
        return
    event.listen(db.engine, "begin", choose)
    yield request.param
    event.remove(db.engine, "begin", choose)


@pytest.mark.usefixtures("join")
def test_what_has_piled_up_goes_in_batches(
    app: Flask, query_counter: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    for _ in range(7):
        store_event(400)
    query_counter.clear()
    drop_old()
    deletes = [sql for sql in query_counter if "DELETE FROM inbound_event" in sql]
    assert len(deletes) == 3
    assert count("inbound_event") == 0


def test_table_that_fails_holds_up_no_other(
    app: Flask, monkeypatch: pytest.MonkeyPatch, endpoint: UUID
) -> None:
    def fail(_before: datetime) -> None:
        raise LookupError

    broken = retention.Retention(RETENTION[0].model, 1, fail)  # type: ignore[arg-type]
    monkeypatch.setitem(app.extensions, "retention", (broken, *RETENTION))
    store_event(400)
    swept = drop_old()
    assert (swept.done, swept.failed) == (1, 1)


@pytest.mark.parametrize(
    ("age", "seen", "stays"), [(0, 0, True), (29, 0, True), (31, 0, False), (20, 15, False)]
)
def test_logins_go_once_they_are_old_or_idle(app: Flask, age: int, seen: int, stays: bool) -> None:
    session().execute(
        text(
            "INSERT INTO login_session"
            " (id, user_id, secret_hash, epoch, agent, created_at, seen_at)"
            " VALUES (:id, :user, '', 1, '', now() - :age * interval '1 day',"
            " now() - :seen * interval '1 day')"
        ),
        {"id": old_id(age), "user": make_user().id, "age": age, "seen": seen},
    )
    session().commit()
    drop_old()
    assert count("login_session") == stays


@pytest.mark.parametrize(
    ("age", "left", "stays"), [(0, 30, True), (40, 1, True), (40, -1, False), (5, 25, True)]
)
def test_programs_logins_go_once_no_token_is_good(
    app: Flask, age: int, left: int, stays: bool
) -> None:
    ident = old_id(age)
    session().execute(
        text(
            "INSERT INTO token_family (id, user_id, epoch, scope, agent)"
            " VALUES (:id, :user, 1, '', '')"
        ),
        {"id": ident, "user": make_user().id},
    )
    session().execute(
        text(
            "INSERT INTO refresh_token (secret_hash, family_id, expires_at)"
            " VALUES ('', :id, now() + :left * interval '1 day')"
        ),
        {"id": ident, "left": left},
    )
    session().commit()
    drop_old()
    assert count("token_family") == stays
