"""Sums of sellers and balances of accounts that have gone wrong are counted anew."""

import pytest
from flask import Flask
from sqlalchemy import text

from app.kit import promises
from app.kit.db import session, transactional
from app.products.models import Product

SUMS = {
    "what sellers' earnings count is what they have sold",
    "what accounts hold is what was booked on them",
}
SPOILT = [
    "DELETE FROM seller_earnings",
    "UPDATE seller_earnings SET gross_back_minor = 1, sales = sales - 1",
    """INSERT INTO seller_earnings (seller_id, currency, sales, pieces, gross_minor,
        commission_minor) SELECT id, 'EUR', 1, 1, 1, 1 FROM users
    WHERE id NOT IN (SELECT seller_id FROM seller_earnings)""",
    "DELETE FROM account_balance",
    "UPDATE account_balance SET balance_minor = 0",
]


@transactional
def _run(statement: str) -> None:
    session().execute(text(statement))


def _are_right() -> bool:
    found = [result for result in promises.check() if result.name in SUMS]
    assert len(found) == len(SUMS)
    return all(result.holds for result in found)


@pytest.mark.parametrize("spoil", SPOILT)
def test_command_counts_anew(app: Flask, sold_product: Product, spoil: str) -> None:
    assert _are_right()
    _run(spoil)
    assert not _are_right()
    done = app.test_cli_runner().invoke(args=["recount-earnings"])
    assert (done.exit_code, done.output) == (0, "1 sums of sellers were written down.\n")
    assert _are_right()
