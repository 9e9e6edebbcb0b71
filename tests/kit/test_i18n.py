"""Languages, dates and amounts as templates show them."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale

from app.kit import i18n


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("ru", "ru"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("de,en;q=0.5,ru;q=0.4", "en"),
        ("de", "en"),
        ("", "en"),
        ("xx;q=\N{SNOWMAN}".encode().decode("latin-1"), "en"),
    ],
)
def test_browser_is_answered_in_a_language_it_reads(
    client: FlaskClient, asked: str, language: str
) -> None:
    page = client.get("/probe/page", headers={"Accept-Language": asked})
    assert f'<html lang="{language}"' in page.text


def test_own_choice_wins(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["locale"] = "ru"
    page = client.get("/probe/page", headers={"Accept-Language": "en"})
    assert '<html lang="ru"' in page.text
    assert "Accept-Language" not in page.vary


@pytest.mark.parametrize("path", ["/probe/page", "/no/such/page", "/api/v1/no/such/thing"])
def test_caches_are_told_that_the_language_was_read(client: FlaskClient, path: str) -> None:
    assert "Accept-Language" in client.get(path).vary


def test_choice_that_is_no_language_is_ignored(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["locale"] = "../../etc"
    assert '<html lang="en"' in client.get("/probe/page").text


class TestFormats:
    def test_money_follows_the_language(self, app: Flask) -> None:
        with app.test_request_context():
            with force_locale("en"):
                assert i18n.money(123456, "EUR") == "€1,234.56"
            with force_locale("ru"):
                assert i18n.money(123456, "EUR") == "1\N{NO-BREAK SPACE}234,56\N{NO-BREAK SPACE}€"

    def test_times_are_told_from_now(self, app: Flask) -> None:
        now = datetime.now(UTC)
        with app.test_request_context(), force_locale("en"):
            assert i18n.ago(now - timedelta(hours=3)) == "3 hours ago"
            assert i18n.ago(now + timedelta(minutes=10, seconds=1)) == "in 10 minutes"

    @pytest.mark.parametrize(
        ("zone", "language", "shown"),
        [
            ("Europe/Moscow", "ru", "26 нояб. 2026 г., 01:05"),
            ("America/New_York", "en", "Nov 25, 2026, 5:05 PM"),
            ("", "en", "Nov 25, 2026, 10:05 PM UTC"),
            ("../../etc/passwd", "ru", "25 нояб. 2026 г., 22:05 UTC"),
        ],
    )
    def test_moment_is_told_by_the_clock_of_the_browser(
        self, app: Flask, zone: str, language: str, shown: str
    ) -> None:
        moment = datetime(2026, 11, 25, 22, 5, 33, tzinfo=UTC)
        headers = {"Cookie": f"timezone={zone}"}
        with app.test_request_context(headers=headers), force_locale(language):
            assert " ".join(i18n.moment(moment).split()) == shown
