"""The migrations make the tables that the models describe, and can be taken back."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, PrimaryKeyConstraint, Table, UniqueConstraint, text

from app.extensions import db
from app.factory import create_app
from app.listeners import LISTENERS
from app.settings import Settings
from tests.support.servers import Servers

DIRECTORY = str(Path(__file__).parent.parent / "migrations")
# What a shop may never lose by a mistake in a program: the functions and triggers that guard it.
GUARDED = {
    "ledger_account",
    "ledger_transaction",
    "ledger_entry",
    "delivery_record",
    "inbound_event",
    "shared_content",
    "commission_change",
    "operator_decision",
    "refund_part",
    "payout_decision",
    "mail_record",
}


@pytest.fixture
def empty(
    make_settings: Callable[..., Settings], run_servers: Servers, worker_number: int
) -> Iterator[Flask]:
    """An application on an empty database of its own."""
    name = f"migrations_{worker_number}"
    application = create_app(make_settings(database_url=run_servers.create_database(name)))
    with application.app_context():
        yield application
        db.session.remove()
        db.engine.dispose()
    run_servers.drop_database(name)


def _schema(connection: Connection) -> list[tuple[str, str]]:
    """Every table, index, constraint, function and trigger, and how it is defined."""
    rows = connection.execute(
        text("""
            SELECT 'column ' || table_name || '.' || column_name,
                concat_ws(' ', data_type, is_nullable, column_default)
                FROM information_schema.columns
                WHERE table_schema = 'public'
            UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes
                WHERE schemaname = 'public'
            UNION ALL SELECT 'constraint ' || conrelid::regclass || '.' || conname,
                pg_get_constraintdef(oid) FROM pg_constraint
                WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT 'function ' || p.proname, p.prosrc FROM pg_proc p
                LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
                WHERE p.pronamespace = 'public'::regnamespace AND d.objid IS NULL
            UNION ALL SELECT 'trigger ' || tgrelid::regclass || '.' || tgname,
                pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
            ORDER BY 1""")
    )
    return [(name, definition) for name, definition in rows]


def test_up_equals_the_models_and_down_leaves_nothing(empty: Flask) -> None:
    upgrade(directory=DIRECTORY)
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, db.metadata) == []
        first = _schema(connection)
    assert {name.partition(" ")[0] for name, _ in first} == {
        "column",
        "index",
        "constraint",
        "function",
        "trigger",
    }
    upgrade(directory=DIRECTORY)  # again: nothing to do
    downgrade(directory=DIRECTORY, revision="base")
    with db.engine.connect() as connection:
        left = [name for name, _ in _schema(connection) if "alembic_version" not in name]
        assert left == []
    upgrade(directory=DIRECTORY)
    with db.engine.connect() as connection:
        assert _schema(connection) == first


def test_checks_of_the_models_are_in_the_database(empty: Flask) -> None:
    """Autogenerate compares no check constraints."""
    upgrade(directory=DIRECTORY)
    described = {
        str(constraint.name)
        for table in db.metadata.tables.values()
        for constraint in table.constraints
        if constraint.name
    }
    with db.engine.connect() as connection:
        there = {
            name.rpartition(".")[2]
            for name, _ in _schema(connection)
            if name.startswith("constraint ")
        }
    assert described - there == set()


def test_the_folder_reads_in_the_order_of_the_chain() -> None:
    chain = ScriptDirectory(DIRECTORY).walk_revisions()  # the newest first
    named = [Path(each.path).stem for each in chain]
    for each in named:
        assert len(each) <= 32, f"{each}: alembic_version holds 32 characters"
    by_minute = [each for each in named if re.match(r"\d{8}_\d{4}_[a-z]", each)]
    assert by_minute == sorted(by_minute, reverse=True)
    assert all(each < "20261126" for each in set(named) - set(by_minute))


def test_records_are_guarded_against_change(empty: Flask) -> None:
    upgrade(directory=DIRECTORY)
    with db.engine.connect() as connection:
        triggers = [name for name, _ in _schema(connection) if name.startswith("trigger ")]
    guarded = {name.split()[1].partition(".")[0] for name in triggers if "append_only" in name}
    assert guarded == GUARDED


def test_rows_that_wait_are_given_their_listeners_new_names(empty: Flask) -> None:
    upgrade(directory=DIRECTORY)
    downgrade(directory=DIRECTORY, revision="20261125_index_shelves")
    insert = text(
        "INSERT INTO outbox (id, listener, payload, attempts, done_at)"
        " VALUES (gen_random_uuid(), :listener, '{}', 0, NULL)"
    )
    names = ["app.orders.tasks.deliver", "app.notifications.tasks.send_delivered", "app.gone.x"]
    with db.engine.begin() as connection:
        for name in names:
            connection.execute(insert, {"listener": name})
    upgrade(directory=DIRECTORY)
    with db.engine.connect() as connection:
        waiting = set(connection.scalars(text("SELECT listener FROM outbox")))
    assert waiting == {"orders.deliver", "mail.delivered", "app.gone.x"}
    assert {listener.name for listener in LISTENERS} >= waiting - {"app.gone.x"}


def test_sellers_of_one_name_are_told_apart(empty: Flask) -> None:
    upgrade(directory=DIRECTORY)
    downgrade(directory=DIRECTORY, revision="20261126_0655_search_accents")
    insert = text(
        "INSERT INTO users (id, email, password_hash, display_name, locale, paypal_email, roles,"
        " session_epoch) VALUES (CAST(:id AS uuid), :email, '', :name, 'en', :email, :roles, 1)"
    )
    people = [
        ("Pixel Forge", ["seller"]),
        ("Pixel Forge", []),
        ("PIXEL FORGE", ["seller"]),
        ("Pixel Forge 2", ["seller"]),
        ("Pіxel Forge", ["seller", "admin"]),  # a Ukrainian i
        ("x" * 60, ["seller"]),
        ("X" * 60, ["seller"]),
    ]
    with db.engine.begin() as connection:
        for number, (name, roles) in enumerate(people):
            ident = f"01900000-0000-7000-8000-{number:012d}"
            row = {"id": ident, "email": f"{number}@example.com", "name": name, "roles": roles}
            connection.execute(insert, row)
    upgrade(directory=DIRECTORY)
    with db.engine.connect() as connection:
        named = list(connection.scalars(text("SELECT display_name FROM users ORDER BY id")))
    assert named == [
        "Pixel Forge",
        "Pixel Forge",
        "PIXEL FORGE 2",
        "Pixel Forge 2 2",
        "Pіxel Forge 3",
        "x" * 60,
        "X" * 58 + " 2",
    ]


# Whose rows nobody ever deletes: no deletion has to look for what points at them.
NEVER_DELETED = {
    "users": "people are banned, and their names kept with what they bought and sold",
    "product": "products are removed from the shop, and kept for those who bought them",
    "category": "categories come with the shop",
    "shared_content": "append-only",
    "delivery": "what was delivered stays",
}


def test_foreign_keys_have_an_index_where_rows_are_deleted(app: Flask) -> None:
    """Else each deletion reads the whole table that points at the row."""
    bare = {
        f"{table.name}.{key.parent.name}": key.column.table.name
        for table in db.metadata.tables.values()
        for key in table.foreign_keys
        if key.parent.name not in _led_by_an_index(table)
    }
    assert {name for name, target in bare.items() if target not in NEVER_DELETED} == set()
    assert set(bare.values()) == NEVER_DELETED.keys()
    assert "order_line.product_id" not in bare  # what a product sold is looked up


def _led_by_an_index(table: Table) -> set[str]:
    """Columns that stand first in an index which has every row, but those where they are null."""
    whole = {
        next(iter(index.columns)).name
        for index in table.indexes
        if (where := index.dialect_options["postgresql"]["where"]) is None
        or str(where).endswith("IS NOT NULL")
    }
    keys = [table.primary_key, *table.constraints]
    return whole | {
        next(iter(key.columns)).name
        for key in keys
        if isinstance(key, PrimaryKeyConstraint | UniqueConstraint)
    }
