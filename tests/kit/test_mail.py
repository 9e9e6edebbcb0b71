"""Mail, as it lands in an inbox."""

import smtplib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import text

from app.kit import mail
from app.kit.db import NestedNetworkError, session, transactional
from tests.support.servers import Servers

Inbox = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def inbox(run_servers: Servers) -> Iterator[Inbox]:
    def read(address: str) -> list[dict[str, Any]]:
        answer = requests.get(
            f"{run_servers.inbox_url.rstrip('/')}/api/messages", params={"to": address}, timeout=5
        )
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    return read


def send(to: str, locale: str = "en", name: str = "Ann") -> None:
    mail.send(to=to, locale=locale, template="probe", key="row-1", amount=1250, name=name)


def test_mail_arrives_in_three_parts(app: Flask, inbox: Inbox) -> None:
    send("kit-ann@example.com")
    (message,) = inbox("kit-ann@example.com")
    assert message["subject"] == "€12.50 for Ann"
    assert message["text"].strip() == "Dear Ann, €12.50."
    assert "<p>Dear Ann</p>" in message["html"]
    assert message["from"] == app.config["MAIL_FROM"]


def test_mail_is_in_the_persons_language(app: Flask, inbox: Inbox) -> None:
    send("kit-ru@example.com", "ru", "Анна")
    (message,) = inbox("kit-ru@example.com")
    assert message["subject"] == "12,50\N{NO-BREAK SPACE}€ for Анна"


def test_names_cannot_write_html(app: Flask, inbox: Inbox) -> None:
    send("kit-html@example.com", name="<script>alert(1)</script>")
    (message,) = inbox("kit-html@example.com")
    assert "<script>" not in message["html"]
    assert "<script>" in message["text"]


def test_names_cannot_add_headers(app: Flask, inbox: Inbox) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        send("kit-header@example.com", name="A\r\nBcc: kit-victim@example.com")
    assert inbox("kit-victim@example.com") == []


def test_key_is_part_of_the_message_id(app: Flask, run_servers: Servers, inbox: Inbox) -> None:
    send("kit-id@example.com")
    (message,) = inbox("kit-id@example.com")
    source = requests.get(
        f"{run_servers.inbox_url.rstrip('/')}/messages/{message['id']}/source", timeout=5
    ).text
    assert "row-1@" in source
    assert "Auto-Submitted: auto-generated" in source


def test_inside_a_transaction_it_is_refused(app: Flask, inbox: Inbox) -> None:
    @transactional
    def wrong() -> None:
        session().execute(text("SELECT 1"))
        send("kit-inside@example.com")

    with pytest.raises(NestedNetworkError):
        wrong()
    assert inbox("kit-inside@example.com") == []


def test_server_that_is_away_raises(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "SMTP_URL", "smtp://127.0.0.1:1")
    with pytest.raises((OSError, smtplib.SMTPException)):
        send("kit-away@example.com")
