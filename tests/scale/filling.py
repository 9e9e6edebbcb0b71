"""Filling a shop with as many rows as it has after years."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

FILL = Path(__file__).with_name("fill.sql")
INDEXES = """
    SELECT format('DROP INDEX %I', indexname), indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND NOT EXISTS (
        SELECT FROM pg_constraint WHERE conname = indexname)"""
FOREIGN_KEYS = """
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', conrelid::regclass, conname,
            pg_get_constraintdef(oid))
    FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"""
# The titles are plain: what takes accents and umlauts away would take most of the time.
SEARCH = """
    SELECT $$CREATE OR REPLACE FUNCTION search_vector(title text, description text) RETURNS tsvector
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN setweight(to_tsvector('public.byteshop', title), 'A')
            || setweight(to_tsvector('pg_catalog.simple', title), 'B')
            || setweight(to_tsvector('public.byteshop', description), 'C')$$,
        pg_get_functiondef('search_vector'::regproc)"""
TRIGGERS = """
    SELECT format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname),
        format('ALTER TABLE %s ENABLE TRIGGER %I', tgrelid::regclass, tgname)
    FROM pg_trigger WHERE NOT tgisinternal"""


def fill(database_url: str, first: int, last: int) -> None:
    """Add the rows with these numbers to every table, and have the planner know them."""
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        with connection.transaction(), _taken_off(connection):
            connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
            connection.execute("SET LOCAL work_mem = '256MB'")
            for name, number in (("first", first), ("last", last)):
                connection.execute(
                    "SELECT set_config(%s, %s, true)", [f"scale.{name}", str(number)]
                )
            connection.execute(FILL.read_bytes())
        connection.execute("VACUUM ANALYZE")


@contextmanager
def _taken_off(connection: psycopg.Connection) -> Iterator[None]:
    """Without what looks at each row while rows are added: all at once it takes a tenth."""
    found = [
        row
        for query in (SEARCH, TRIGGERS, FOREIGN_KEYS, INDEXES)
        for row in connection.execute(query)
    ]
    for drop, _make in found:
        connection.execute(drop)
    yield
    for _drop, make in reversed(found):
        connection.execute(make)
