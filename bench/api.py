"""Catalogue JSON of 30 products out of 10,000 and out of 1,000,000, against a bare route.

The bare route runs on the same gunicorn and asks the same database one query. What counts is the
ratio, and that it stays when there is a hundred times as much to choose from.
"""

import time

import requests
from flask import Flask
from sqlalchemy import text

from app.extensions import db
from bench.catalogue import bare_route, multiply, template_product
from bench.figures import Bar, Figure, percentile
from tests.support.shop import Shop

SIZES = (10_000, 1_000_000)
SECONDS = 8
PATHS = {
    "newest": "/api/v1/products?limit=30",
    "by price": "/api/v1/products?limit=30&sort=price_asc",
    "search": "/api/v1/products?limit=30&q=4711",
}


def run(application: Flask, shop: Shop) -> list[Figure]:
    """Measure one size after the other, page and bare route in turn."""
    shop.environment["API_REQUESTS_PER_MINUTE"] = "1000000"
    shop.start("web")
    figures = []
    with bare_route({"DATABASE_URL": shop.environment["DATABASE_URL"]}) as address:
        filled = 0
        for size in SIZES:
            with application.app_context():
                multiply(template_product(), filled + 1, size, units=1)
                with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
                    link.execute(text("VACUUM ANALYZE"))
            filled = size
            for name, path in PATHS.items():
                ours, bare = _rates(shop.url + path, f"{address}query")
                figures.append(
                    Figure(
                        f"{name}, out of {size:,}",
                        ours,
                        "a second",
                        Bar("bare route with one query", bare),
                    )
                )
    return figures


def _rates(page: str, bare: str) -> tuple[float, float]:
    """Requests a second that one client gets, by the median of each."""
    times: dict[str, list[float]] = {page: [], bare: []}
    end = time.monotonic() + SECONDS
    with requests.Session() as browser:
        while time.monotonic() < end:
            for url, kept in times.items():
                began = time.perf_counter()
                browser.get(url, timeout=30).raise_for_status()
                kept.append(time.perf_counter() - began)
    return 1 / percentile(times[page], 0.5), 1 / percentile(times[bare], 0.5)
