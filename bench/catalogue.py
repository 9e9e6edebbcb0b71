"""A catalogue page of 30 products out of 10,000, against a bare route on the same gunicorn.

The bare route asks the database the page's own statement and renders as many bytes from a flat
template: what is left is what the shop itself costs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import psycopg
import requests
from flask import Flask
from sqlalchemy import text

from app.embedded.processes import free_port
from app.extensions import db
from app.kit.db import session, transactional
from bench import bare
from bench.figures import Bar, Figure
from bench.load import requests_a_second
from bench.machine import cpu_milliseconds
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.shop import ROOT, Shop

PRODUCTS = 10_000
CONNECTIONS = 8
SECONDS = 3.0
TURNS = 5
CPU_ROUNDS = 60
OF_BARE, CPU_OF_BARE = 0.6, 0.35  # requests a second; CPU in process, where no kernel is shared
PAGE = "/products"
OTHERS = {
    "by price": "/products?sort=price_asc",
    "in stock only": "/products?in_stock=1",
    "search": "/products?q=game",
}


def run(application: Flask, shop: Shop) -> list[Figure]:
    """Ask for each page and its bare route in turn, under load and in this process."""
    with application.app_context():
        multiply(template_product(), 1, PRODUCTS, units=3)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    shop.start("web")
    figures = [_under_load(application, shop, PAGE)]
    for name, path in {"newest": PAGE, **OTHERS}.items():
        figures.append(_in_process(application, shop, name, path))
    return figures


def _under_load(application: Flask, shop: Shop, path: str) -> Figure:
    with bare_route(_variables(application, shop, path)) as address:
        rates = [
            [
                requests_a_second(url, connections=CONNECTIONS, seconds=SECONDS)
                for url in (shop.url + path, f"{address}page")
            ]
            for _n in range(TURNS)
        ]
    # The turn in the middle: a machine that others use, too, is slower for both in some turns.
    page, flat = sorted(rates, key=lambda turn: turn[0] / turn[1])[TURNS // 2]
    return Figure(
        f"newest, {CONNECTIONS} connections on 2 workers of 8 threads",
        page,
        "a second",
        Bar("bare route", flat),
        at_least=OF_BARE,
    )


def _in_process(application: Flask, shop: Shop, name: str, path: str) -> Figure:
    with patch.dict(os.environ, _variables(application, shop, path)):
        other = bare.create_app().test_client()
    browser = application.test_client()
    page, flat = cpu_milliseconds(
        lambda: browser.get(path), lambda: other.get("/page"), rounds=CPU_ROUNDS
    )
    return Figure(
        f"{name}, in a second of CPU in process",
        1000 / page,
        "pages",
        Bar("bare route", 1000 / flat),
        at_least=CPU_OF_BARE if path == PAGE else None,
    )


def _variables(application: Flask, shop: Shop, path: str) -> dict[str, str]:
    """What the bare application needs to do the same as this page."""
    return {
        "DATABASE_URL": shop.environment["DATABASE_URL"],
        bare.STATEMENT: _statement_of(application, path),
        bare.LENGTH: str(len(application.test_client().get(path).data)),
    }


def _statement_of(application: Flask, path: str) -> str:
    """The statement by which the page finds its products: the one that brings the most rows."""
    sent: list[tuple[int, psycopg.Connection[object], tuple[Any, ...]]] = []
    execute = psycopg.Cursor.execute

    def remember(cursor: psycopg.Cursor[object], *args: Any, **how: Any) -> object:
        answer = execute(cursor, *args, **how)
        sent.append((cursor.rowcount, cursor.connection, args))
        return answer

    with patch.object(psycopg.Cursor, "execute", remember):
        application.test_client().get(path)
    _rows, connection, args = max(sent, key=lambda one: one[0])
    return psycopg.ClientCursor(connection).mogrify(*args)


@contextmanager
def bare_route(variables: dict[str, str]) -> Iterator[str]:
    """The address of a bare application on the same gunicorn, running."""
    port = free_port()
    process = subprocess.Popen(
        [
            Path(sys.executable).parent / "gunicorn",
            *("bench.bare:create_app()", "--config", "gunicorn.conf.py", "--log-level", "error"),
        ],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), **variables},
    )
    try:
        address = f"http://127.0.0.1:{port}/"
        _wait(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def template_product() -> UUID:
    """A product that others are made like; the same at each call."""
    known = session().scalar(
        text("SELECT min(id::text)::uuid FROM product WHERE title = 'A thing'")
    )
    return known or make_product(make_user(roles=("seller",)), stock=("KEY-OF-THE-FIRST",)).id


@transactional
def multiply(template_id: UUID, first: int, last: int, *, units: int) -> None:
    """Add the products with these numbers, with so many free units each."""
    session().execute(
        text("""INSERT INTO product (id, seller_id, category_id, kind, shared, title,
                description, price_minor, currency, state, sold_count, version, published_at)
            SELECT gen_random_uuid(), seller_id, category_id, 'key', false,
                (ARRAY['Game', 'Licence', 'Course', 'Font'])[1 + n % 4] || ' no. ' || n,
                'A thing to try the shop with', 100 + n % 9000, currency, 'published', n % 100,
                1, clock_timestamp() - n * interval '1 minute'
            FROM product, generate_series(CAST(:first AS int), CAST(:last AS int)) n
            WHERE product.id = :id"""),
        {"first": first, "last": last, "id": template_id},
    )
    session().execute(
        text("""WITH batches AS (
                INSERT INTO stock_batch (id, product_id, source, taken)
                SELECT gen_random_uuid(), id, '', :units FROM product
                WHERE NOT EXISTS (SELECT FROM stock_batch WHERE product_id = product.id)
                RETURNING id, product_id)
            INSERT INTO stock_item
                (id, product_id, batch_id, sealed, key_version, fingerprint, state)
            SELECT gen_random_uuid(), b.product_id, b.id, '\\x00', 1,
                sha256((b.id::text || n)::bytea), 'free'
            FROM batches b, generate_series(1, :units) n"""),
        {"units": units},
    )


def _wait(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=1)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the bare route did not start")
