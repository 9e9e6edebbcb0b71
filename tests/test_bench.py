"""What `make bench` holds itself to, beside its figures."""

import os
import subprocess
import sys

import pytest
from flask import Flask

from app.products.queries import stock as queries
from bench import claims
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.servers import RUN
from tests.support.shop import ROOT

TWO = """
import sys
from bench.__main__ import BENCHMARKS, main
from bench.figures import Figure

def broken(application, shop):
    raise RuntimeError("a wheel came off")

BENCHMARKS["broken"] = ("What breaks", broken)
BENCHMARKS["sound"] = ("What does not", lambda application, shop: [Figure("turns", 7, "a second")])
sys.exit(main(["broken", "sound"]))
"""


def test_one_that_fails_is_named_and_costs_no_other_its_figures() -> None:
    environment = {name: value for name, value in os.environ.items() if name != RUN}
    done = subprocess.run(
        [sys.executable, "-c", TWO],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert "a wheel came off" in done.stderr
    assert "turns  7 a second" in done.stdout
    assert "broken" in done.stdout.splitlines()[-1]
    assert "sound" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("holder", "claimed"),
    [(claims.HOLDER, 2), ("'00000000-0000-0000-0000-000000000001'", 1)],
    ids=["another each time", "always the same"],
)
def test_pgbench_claims_as_the_shop_does(
    app: Flask, monkeypatch: pytest.MonkeyPatch, holder: str, claimed: int
) -> None:
    """A unit for each holder, and none for who has one already."""
    for name, value in {"HOLDER": holder, "CLIENTS": 1, "SECONDS": 1}.items():
        monkeypatch.setattr(claims, name, value)
    product = make_product(make_user(roles=("seller",)), stock=("KEY-1", "KEY-2"))
    claims._pgbench(product.id)
    assert queries.counts(product.id).reserved == claimed
