"""A catalogue page of 30 products out of 10,000, against a bare route on the same gunicorn."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import requests
from flask import Flask
from sqlalchemy import text

from app.embedded.processes import free_port
from app.extensions import db
from app.kit.db import session, transactional
from bench.figures import Figure, milliseconds, percentile
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.shop import ROOT, Shop

PRODUCTS = 10_000
ROUNDS = 200
WARM_UP = 20
PAGES = {
    "newest": "/products",
    "by price": "/products?sort=price_asc",
    "in stock only": "/products?in_stock=1",
    "search": "/products?q=game",
}


def run(application: Flask, shop: Shop) -> list[Figure]:
    """Ask for each page and the bare route in turn, over kept-alive connections."""
    with application.app_context():
        multiply(template_product(), 1, PRODUCTS, units=3)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    shop.start("web")
    figures = []
    with bare_route(shop.environment["DATABASE_URL"]) as address:
        for name, path in PAGES.items():
            page, base = _in_turn(shop.url + path, address)
            figures.append(
                Figure(
                    f"page, {name}",
                    f"p50 {milliseconds(percentile(page, 0.5))}",
                    f"p99 {milliseconds(percentile(page, 0.99))}, bare route p50 "
                    f"{milliseconds(percentile(base, 0.5))}, ratio "
                    f"{percentile(page, 0.5) / percentile(base, 0.5):.1f}",
                )
            )
    return figures


@contextmanager
def bare_route(database_url: str) -> Iterator[str]:
    """The address of a bare application on the same gunicorn, running."""
    port = free_port()
    bare = subprocess.Popen(
        [
            Path(sys.executable).parent / "gunicorn",
            *("bench.bare:create_app()", "-k", "gthread", "-w", "2", "--threads", "8"),
            *("-b", f"127.0.0.1:{port}", "--log-level", "error"),
        ],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
    )
    try:
        address = f"http://127.0.0.1:{port}/"
        _wait(address)
        yield address
    finally:
        bare.terminate()
        bare.wait()


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


def _in_turn(page: str, base: str) -> tuple[list[float], list[float]]:
    with requests.Session() as browser:
        times = ([], [])  # type: tuple[list[float], list[float]]
        for number in range(WARM_UP + ROUNDS):
            for kept, url in zip(times, (page, base), strict=True):
                took = _timed(lambda url=url: browser.get(url, timeout=10).raise_for_status())
                if number >= WARM_UP:
                    kept.append(took)
        return times


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


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
