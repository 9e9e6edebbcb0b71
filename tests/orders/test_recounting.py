"""Sums of sellers that have gone wrong are counted anew, and nothing is released on them."""

import pytest
from flask import Flask
from sqlalchemy import text

from app.kit import promises
from app.kit.db import session, transactional
from app.payments.service import releasing
from app.products.models import Product

SPOILT = [
    "DELETE FROM seller_earnings",
    "UPDATE seller_earnings SET pending_minor = 0, sales = sales - 1",
    """INSERT INTO seller_earnings SELECT id, 'EUR', 1, 1, 1, 1, 1, 1 FROM users
    WHERE id NOT IN (SELECT seller_id FROM seller_earnings)""",
]


@transactional
def _run(statement: str) -> None:
    session().execute(text(statement))


def _are_right() -> bool:
    found = [result for result in promises.check() if "sellers' earnings" in result.name]
    assert len(found) == 2
    return all(result.holds for result in found)


@pytest.mark.parametrize("spoil", SPOILT)
def test_command_counts_anew(app: Flask, sold_product: Product, spoil: str) -> None:
    assert _are_right()
    _run(spoil)
    assert not _are_right()
    done = app.test_cli_runner().invoke(args=["recount-earnings"])
    assert (done.exit_code, done.output) == (0, "1 sums of sellers were written down.\n")
    assert _are_right()


def test_nothing_is_released_on_sums_that_are_wrong(app: Flask, sold_product: Product) -> None:
    _run("UPDATE pending_share SET release_at = now() - interval '1 minute'")
    _run(SPOILT[0])
    assert releasing.release_due().failed == 1
    assert session().scalar(text("SELECT count(*) FROM pending_share")) == 1
    session().rollback()
    app.test_cli_runner().invoke(args=["recount-earnings"])
    assert releasing.release_due().done == 1
    assert _are_right()
