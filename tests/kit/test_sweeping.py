"""Each due row is done by itself."""

import pytest
from flask import Flask
from sqlalchemy import text

from app.kit.db import session, transactional
from app.kit.sweeping import Swept, for_each


def test_a_row_that_fails_is_logged_and_counted_and_the_others_are_done(rows, caplog):
    @transactional
    def add_one(ident: int) -> bool:
        session().execute(
            text("UPDATE kit_probe SET value = value + 1 WHERE id = :id"), {"id": ident}
        )
        if ident == 1:
            raise ValueError("this one")
        return True

    assert for_each([1, 2], add_one) == Swept(done=1, failed=1)
    assert rows() == {1: 0, 2: 1}
    assert [record.row for record in caplog.records if record.message == "sweep: a row failed"] == [
        "1"
    ]


def test_what_had_nothing_to_do_is_not_counted(app: Flask):
    assert for_each([1, 2], lambda _: False) == Swept(done=0, failed=0)


def test_an_interruption_ends_the_sweep(app: Flask):
    def stop(_: int) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for_each([1], stop)
