"""Promises by the clock: checked in turn, kept with their times, shown in words and as metrics."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.kit import promises
from app.kit.db import session
from app.kit.promises import Promise, promise
from tests.factories.auth import make_user
from tests.support.bought import words
from tests.support.programs import program_of

Login = Callable[..., FlaskClient]
HOLDS = promise("every ledger transaction sums to zero", "SELECT 1 WHERE false")
BREAKS = promise("no ledger transaction is empty", "SELECT 'T-1' UNION SELECT 'T-2'")
DEAR = promise("the ledger never changes", "SELECT pg_sleep(30)")
TOKEN = "a-token-of-a-monitoring-of-tests-0001"


@pytest.fixture
def made(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the shop make these promises alone, and look at them without a pause."""
    monkeypatch.setattr(promises, "PAUSE_SECONDS", 0)

    def make(*some: Promise) -> None:
        monkeypatch.setitem(app.extensions, "promises", some)

    return make


def by_name() -> dict[str, promises.Kept]:
    session().rollback()
    return {one.name: one for one in promises.kept()}


class TestByTheClock:
    def test_each_has_its_turn_and_what_is_broken_comes_first(
        self, made: Callable[..., None]
    ) -> None:
        made(HOLDS, BREAKS)
        assert [one.holds for one in promises.kept()] == [None, None]
        assert promises.check_due() == 2
        assert promises.check_due() == 0
        first, second = promises.kept()
        assert (first.holds, first.detail, second.holds) == (False, "T-1, T-2", True)
        assert first.broken_since is not None
        assert second.checked_at is not None
        promises.check_soon()
        made(HOLDS, promise(BREAKS.name, "SELECT 1 WHERE false"))
        assert promises.check_due() == 2
        assert by_name()[BREAKS.name].broken_since is None

    def test_what_was_only_under_way_is_not_called_broken(self, made: Callable[..., None]) -> None:
        looks = iter([["6.25 here, 9.00 there"], []])
        made(Promise("the ledger never changes", lambda: next(looks)))
        promises.check_due()
        assert by_name()["the ledger never changes"].holds is True

    def test_what_is_broken_is_looked_at_again_soon(self, made: Callable[..., None]) -> None:
        made(BREAKS)
        promises.check_due()
        wait = text("SELECT next_check_at - checked_at FROM promise_result")
        assert session().scalar(wait) < timedelta(minutes=2)

    def test_what_takes_too_long_is_not_known_and_rests(
        self, made: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(promises, "STATEMENT_SECONDS", 0.1)
        made(DEAR, HOLDS)
        assert promises.check_due() == 2
        found = by_name()
        assert (found[DEAR.name].holds, found[HOLDS.name].holds) == (None, True)
        limit = session().scalar(text("SHOW statement_timeout"))
        assert limit == "0"

    def test_a_check_that_never_ends_keeps_no_other_from_its_turn(
        self, made: Callable[..., None]
    ) -> None:
        class Alarm(Exception):
            pass

        def ring() -> list[str]:
            raise Alarm

        made(Promise("the ledger never changes", ring), HOLDS)
        with pytest.raises(Alarm):
            promises.check_due()
        session().rollback()
        assert promises.check_due() == 1
        assert by_name()[HOLDS.name].holds is True

    def test_the_dearer_the_more_rarely(
        self, made: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made(HOLDS)
        promises.check_due()
        wait = text("SELECT next_check_at - checked_at FROM promise_result")
        assert session().scalar(wait) < timedelta(hours=1)
        promises.check_soon()
        monkeypatch.setattr(promises, "RESTS", 10**9)
        promises.check_due()
        session().rollback()
        assert timedelta(hours=23) < session().scalar(wait) < timedelta(hours=25)


class TestPage:
    def test_administrators_read_them_in_their_language(
        self, made: Callable[..., None], app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        made(HOLDS, BREAKS)
        promises.check_due()
        admin = make_user(roles=("admin",), locale="ru")
        browser = login(admin)
        query_counter.clear()
        shown = words(browser.get("/admin/promises"))
        assert len(query_counter) <= 4
        assert "пустых проводок нет" in shown
        assert "T-1, T-2" in shown
        assert browser.post("/admin/promises/check").status_code == 303
        assert promises.check_due() == 2
        found = program_of(app, admin).get("/admin/promises").json["items"]
        assert [one["holds"] for one in found] == [False, True]


class TestMetrics:
    def test_only_who_has_the_token_reads_them(
        self, made: Callable[..., None], app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made(HOLDS, BREAKS)
        promises.check_due()
        browser = app.test_client()
        right = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/openmetrics-text"}
        assert browser.get("/metrics", headers=right).status_code == 404
        settings = app.extensions["settings"].model_copy(
            update={"metrics_token": type(app.extensions["settings"].secret_key)(TOKEN)}
        )
        monkeypatch.setitem(app.extensions, "settings", settings)
        assert browser.get("/metrics").status_code == 404
        wrong = {"Authorization": "Bearer guess"}
        assert browser.get("/metrics", headers=wrong).status_code == 404
        answer = browser.get("/metrics", headers=right)
        assert answer.mimetype == "application/openmetrics-text"
        lines = answer.text.splitlines()
        assert f'byteshop_promise_holds{{promise="{HOLDS.name}"}} 1.0' in lines
        assert f'byteshop_promise_holds{{promise="{BREAKS.name}"}} 0.0' in lines
        assert lines[-1] == "# EOF"
