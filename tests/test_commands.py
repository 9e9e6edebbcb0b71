"""The command line."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.commands import CLOCK_LOCK
from app.extensions import db
from app.factory import create_app
from app.kit.clock import Clock
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import approved, delivered
from tests.support.programs import program_of


class TestAddCategories:
    def test_fills_a_new_shop_once(self, app: Flask, client: FlaskClient) -> None:
        runner = app.test_cli_runner()
        first = runner.invoke(args=["add-categories"])
        assert first.exit_code == 0, first.output
        count = int(first.output.split()[0])
        assert count > 5
        assert runner.invoke(args=["add-categories"]).output.startswith("0 ")
        slug = db.session.execute(text("SELECT slug FROM category LIMIT 1")).scalar_one()
        assert client.get(f"/products/category/{slug}").status_code == 200


class Enough(BaseException):
    """A clock has ticked as often as a test wants."""


class TestClock:
    @pytest.fixture
    def tick(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Flask, int], None]:
        """Let a clock run for so many pauses."""

        def tick(application: Flask, pauses: int) -> None:
            left = iter(range(pauses - 1))

            def pause(_seconds: float) -> None:
                if next(left, None) is None:
                    raise Enough

            # For the command alone: threads of MongoDB's driver rest by the same function.
            monkeypatch.setattr("app.commands.time", SimpleNamespace(sleep=pause))
            with pytest.raises(Enough):
                application.test_cli_runner().invoke(args=["clock"])

        return tick

    def test_second_clock_waits_for_the_first_and_does_not_complain(
        self,
        app: Flask,
        tick: Callable[[Flask, int], None],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        done: list[str] = []
        monkeypatch.setattr(Clock, "tick", lambda _clock: done.append("ticked"))
        with db.engine.connect() as first:
            first.execute(text(f"SELECT pg_advisory_lock({CLOCK_LOCK})"))
            tick(app, 3)
            assert done == []
            first.execute(text(f"SELECT pg_advisory_unlock({CLOCK_LOCK})"))
        tick(app, 1)
        assert done == ["ticked"]
        assert caplog.records == []

    def test_database_away_is_a_line_of_the_log_and_no_trace(
        self,
        make_settings: Callable[..., Settings],
        tick: Callable[[Flask, int], None],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        closed = create_app(make_settings(database_url="postgresql+psycopg://u@127.0.0.1:1/x"))
        with closed.app_context():
            tick(closed, 2)
        assert [(line.levelname, line.exc_info) for line in caplog.records] == [
            ("WARNING", None),
            ("WARNING", None),
        ]


class TestWorker:
    def test_unknown_queue_is_refused_with_a_sentence(self, app: Flask) -> None:
        result = app.test_cli_runner().invoke(args=["worker", "--queues", "delivery,mial"])
        assert result.exit_code == 2
        assert "There is no queue mial; there are delivery, mail," in result.output


class TestCheckStores:
    def test_all_are_reached(self, app: Flask) -> None:
        result = app.test_cli_runner().invoke(args=["check-stores"])
        assert result.exit_code == 0, result.output
        assert result.output.count("reached      ") == 4

    def test_what_is_not_reached_is_named_with_the_reason(
        self, make_settings: Callable[..., Settings]
    ) -> None:
        closed = create_app(make_settings(redis_url="redis://127.0.0.1:1/0"))
        with closed.app_context():
            result = closed.test_cli_runner().invoke(args=["check-stores"])
        assert result.exit_code == 1
        assert "UNREACHABLE  redis: Error 111 connecting to 127.0.0.1:1." in result.output
        assert "reached      postgresql" in result.output


class TestCheckInvariants:
    def test_shop_with_a_sale_keeps_its_promises(self, app: Flask) -> None:
        product = make_product(make_user(roles=("seller",)), stock=("KEY-1", "KEY-2"))
        delivered(make_user(), {product.id: 2})
        result = app.test_cli_runner().invoke(args=["check-invariants"])
        assert result.exit_code == 0, result.output
        assert result.output.count("holds") > 10
        assert "BROKEN" not in result.output

    def test_broken_promise_is_named_and_ends_with_1(self, app: Flask) -> None:
        db.session.execute(
            text(
                "INSERT INTO outbox (id, listener, payload, attempts, created_at)"
                " VALUES (gen_random_uuid(), 'x', '{}', 0, now() - interval '1 hour')"
            )
        )
        db.session.commit()
        result = app.test_cli_runner().invoke(args=["check-invariants"])
        assert result.exit_code == 1
        assert "BROKEN  no row of the outbox is older than a minute" in result.output

    def test_payment_that_paypal_never_ends_is_named(self, app: Flask) -> None:
        product = make_product(make_user(roles=("seller",)), stock=("KEY-1",))
        approved(make_user(), {product.id: 1})
        promise = "no order outlives its deadline unfinished"
        for minutes, word in ((30, "holds "), (90, "BROKEN")):
            db.session.execute(
                text("UPDATE orders SET expires_at = now() - make_interval(mins => :m)"),
                {"m": minutes},
            )
            db.session.commit()
            result = app.test_cli_runner().invoke(args=["check-invariants"])
            assert f"{word}  {promise}" in result.output


class TestMakeAdmin:
    def test_somebody_who_has_registered_administers_after_the_next_log_in(
        self, app: Flask
    ) -> None:
        app.extensions.pop("key_ring", None)  # of the test before
        person = make_user(email="olga@example.com")
        before = program_of(app, person)
        runner = app.test_cli_runner()
        result = runner.invoke(args=["make-admin", " Olga@Example.com"])
        assert result.exit_code == 0, result.output
        assert "is an administrator from now on" in result.output
        assert before.get("/admin/users").status_code == 401  # a new role ends every login
        assert program_of(app, person).get("/admin/users").status_code == 200
        assert "already" in runner.invoke(args=["make-admin", "olga@example.com"]).output

    def test_unknown_address_is_told(self, app: Flask) -> None:
        result = app.test_cli_runner().invoke(args=["make-admin", "nobody@example.com"])
        assert result.exit_code == 1
        assert "Nobody has registered with nobody@example.com." in result.output
