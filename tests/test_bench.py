"""What `make bench` holds itself to, beside its figures."""

import pytest
from flask import Flask

from app.products.queries import stock as queries
from bench import claims
from bench.__main__ import BENCHMARKS, main
from bench.figures import Figure
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support import servers
from tests.support.servers import Servers
from tests.support.shop import Shop


def test_one_that_fails_is_named_and_costs_no_other_its_figures(
    run_servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_application: Flask, _shop: Shop) -> list[Figure]:
        raise RuntimeError("a wheel came off")

    def sound(_application: Flask, _shop: Shop) -> list[Figure]:
        return [Figure("turns", 7, "a second")]

    monkeypatch.setitem(BENCHMARKS, "broken", ("What breaks", broken))
    monkeypatch.setitem(BENCHMARKS, "sound", ("What does not", sound))
    # The tests' own servers will do, and run on.
    monkeypatch.setattr(servers, "open_run", lambda: None)
    monkeypatch.setattr(servers, "close_run", lambda: None)
    assert main(["broken", "sound"]) == 1
    said = capsys.readouterr()
    assert "a wheel came off" in said.err
    assert "turns  7 a second" in said.out
    assert "broken" in said.out.splitlines()[-1]
    assert "sound" not in said.out.splitlines()[-1]


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
