"""Nothing grows with the shop: what each statement costs among ten thousand and a million of each.

`make scale`. What one person buys is bounded by that person: a buyer has 2,000 orders in both. A
seller has a third of all sales, and a product a fifth as many units as there are products.
`SCALE_ROWS=100000` in the environment makes the large shop smaller, for a first look.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import pytest
from flask import Flask

from app.extensions import db
from app.factory import create_app
from app.kit import jobs
from app.products.service.shelves import ensure_categories
from app.settings import Settings
from tests.conftest import IsolatedClient
from tests.scale import visits
from tests.scale.filling import fill
from tests.scale.watching import Cost, Statement, Watch

pytestmark = [pytest.mark.scale, pytest.mark.timeout(7200)]

SMALL = 10_000
LARGE = int(os.environ.get("SCALE_ROWS", "1_000_000"))
MOST_MS = 50.0
MOST_TIMES = 3.0
# Below this a time is the machine's own restlessness, and is held against nothing.
NOISE_MS = 5.0
GROWING = 5_000  # rows: smaller tables may be read whole
SHOWN = 40

Costs = dict[tuple[str, Statement], Cost]


@pytest.fixture(scope="session")
def application(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """The application, with room for many requests of one program."""
    created = create_app(make_settings(api_requests_per_minute=1_000_000))
    created.config["WTF_CSRF_ENABLED"] = False
    created.test_client_class = IsolatedClient
    yield created
    with created.app_context():
        db.engine.dispose()


@dataclass(eq=False)
class Growth:
    """A statement of a visit in both shops."""

    visit: str
    statement: str
    small: Cost
    large: Cost

    @property
    def faults(self) -> list[str]:
        """What is wrong with it."""
        found = [f"reads all of {table}" for table in sorted(self.large.full)]
        if self.large.milliseconds > MOST_MS:
            found.append(f"over {MOST_MS:.0f} ms")
        if self.large.milliseconds > max(NOISE_MS, MOST_TIMES * self.small.milliseconds):
            found.append(f"over {MOST_TIMES:.0f} times as long")
        return found

    def __str__(self) -> str:
        return (
            f"{self.small.milliseconds:8.1f} {self.large.milliseconds:8.1f}"
            f" {self.small.rows:8,} {self.large.rows:8,}  {self.visit}: {_short(self.statement)}"
            f"  {'; '.join(self.faults)}"
        ).rstrip()


def _short(statement: str) -> str:
    words = " ".join(statement.split())
    return re.sub(r"^SELECT .*? FROM", "SELECT … FROM", words)[:90]


def test_no_statement_grows_with_the_shop(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    ensure_categories()
    url = app.extensions["settings"].database_url
    costs = []
    for first, last in ((1, SMALL), (SMALL + 1, LARGE)):
        fill(url, first, last)
        costs.append(measure(app))
    found = compared(*costs)
    with capsys.disabled():
        sys.stdout.write(table(found))
    assert not [str(growth) for growth in found if growth.faults]


def measure(app: Flask) -> Costs:
    """The cost of every statement of every visit."""
    watch = Watch(db.engine, GROWING)
    cast = visits.Cast.gathered()
    acts = chain(
        visits.pages(app, cast),
        visits.operations(app, cast),
        visits.use_cases(app, cast),
        visits.jobs(),
    )
    costs: Costs = {}
    for name, act in acts:
        jobs.redis().flushdb()  # the limits of those who ask so often
        for statement, cost in watch.costs_of(act).items():
            costs[name, statement] = cost
    return costs


def compared(small: Costs, large: Costs) -> list[Growth]:
    """Every statement of the large shop beside the same in the small one, the dearest first."""
    found = [
        Growth(visit, statement[0], small.get((visit, statement), cost), cost)
        for (visit, statement), cost in large.items()
    ]
    return sorted(found, key=lambda growth: -growth.large.milliseconds)


def table(found: list[Growth]) -> str:
    """What is dearest, and all that has grown: ms and rows read in both shops."""
    shown = dict.fromkeys([*found[:SHOWN], *(growth for growth in found if growth.faults)])
    visits_seen = {growth.visit for growth in found}
    head = [
        "",
        f"{len(found):,} statements of {len(visits_seen)} pages, operations and jobs",
        f"ms with {SMALL:,} and {LARGE:,} rows, rows read in each",
    ]
    return "\n".join([*head, *map(str, shown), ""])
