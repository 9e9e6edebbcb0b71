"""A mail server that answers letter by letter holds nobody up, at whatever point it begins."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from app.kit import mail
from app.kit.outbox import TryLater
from tests.support.certificates import Authority
from tests.support.dripping_mail_server import STAGES, DrippingMailServer, dripping_mail_server

KEY = UUID("0199a0c0-0000-7000-8000-000000000001")
CONNECT_SECONDS, SECONDS, GOODBYE_SECONDS = 0.6, 2.4, 0.3
SLACK = 1.5  # seconds that a busy machine may take on top


@pytest.fixture
def server(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[DrippingMailServer]:
    """The shop's mail server, which asks for TLS and a password."""
    monkeypatch.setattr(mail, "_CONNECT_SECONDS", CONNECT_SECONDS)
    monkeypatch.setattr(mail, "_SECONDS", SECONDS)
    monkeypatch.setattr(mail, "_GOODBYE_SECONDS", GOODBYE_SECONDS)
    monkeypatch.setattr(mail, "_SOON", 0.2)
    monkeypatch.setitem(app.extensions, mail._AWAY_UNTIL, {})
    authority = Authority(tmp_path, "mail")
    files = authority.files("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["auth_grpc_cert"], files["auth_grpc_key"])
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with dripping_mail_server(context) as running:
        monkeypatch.setitem(app.config, "SMTP_URL", f"smtp://shop:secret@{running.place}")
        yield running


def send() -> float:
    """Send a mail; the seconds that it took, if it went out."""
    began = time.monotonic()
    mail.send(
        to="kit-slow@example.com", locale="en", template="probe", key=KEY, amount=1250, name="Ann"
    )
    return time.monotonic() - began


def wait_in_vain() -> float:
    """Try to send a mail; the seconds until it was put off."""
    began = time.monotonic()
    with pytest.raises(TryLater):
        send()
    return time.monotonic() - began


BEFORE_THE_MAIL = STAGES[: STAGES.index("MAIL")]
DURING_IT = STAGES[STAGES.index("MAIL") : STAGES.index("QUIT")]


def test_server_that_answers_takes_the_mail(server: DrippingMailServer) -> None:
    send()
    assert [message["Message-ID"] for message in server.taken] == [f"<{KEY}@localhost>"]


@pytest.mark.parametrize("many_lines", [False, True])
@pytest.mark.parametrize("stage", BEFORE_THE_MAIL)
def test_one_that_drips_before_the_mail_is_away_for_a_while(
    server: DrippingMailServer, stage: str, many_lines: bool
) -> None:
    server.drips, server.many_lines = stage, many_lines
    assert CONNECT_SECONDS * 0.9 < wait_in_vain() < CONNECT_SECONDS + SLACK
    assert wait_in_vain() < 0.2
    assert server.connections == 1
    assert server.taken == []


@pytest.mark.parametrize("stage", DURING_IT)
def test_one_that_drips_during_the_mail_gets_no_second_wait_nor_the_next_mail_at_once(
    server: DrippingMailServer, stage: str
) -> None:
    server.drips = stage
    assert SECONDS * 0.9 < wait_in_vain() < SECONDS + SLACK
    assert wait_in_vain() < 0.2
    assert server.connections == 1


def test_one_that_drips_during_the_mail_is_asked_again_after_as_long(
    server: DrippingMailServer,
) -> None:
    server.drips = "RCPT"
    waited = wait_in_vain()
    server.drips = None
    time.sleep(waited)
    send()
    assert len(server.taken) == 1


def test_mail_that_was_taken_is_sent_though_the_goodbye_drips(server: DrippingMailServer) -> None:
    server.drips = "QUIT"
    assert send() < GOODBYE_SECONDS + SLACK
    assert len(server.taken) == 1
    send()  # and the server is not away for that
    assert len(server.taken) == 2


def test_answer_without_end_is_not_read(
    server: DrippingMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.dripping_mail_server.DROP_SECONDS", 0)
    monkeypatch.setattr(mail, "_SECONDS", 30.0)
    server.drips, server.many_lines = "MAIL", True
    assert wait_in_vain() < 5


def test_name_that_nobody_answers_for_holds_nobody_up(
    app: Flask, server: DrippingMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def wait(*_args: Any, **_more: Any) -> list[Any]:
        over.wait(10)
        return []

    monkeypatch.setitem(app.config, "SMTP_URL", "smtp://mail.example")
    monkeypatch.setattr(socket, "getaddrinfo", wait)
    try:
        assert wait_in_vain() < CONNECT_SECONDS + SLACK
    finally:
        over.set()


def test_our_own_name_is_not_asked_for_without_end(
    server: DrippingMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(mail, "_NAME_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getfqdn", lambda *_name: over.wait(10) and "here.example")
    try:
        assert send() < 0.7
    finally:
        over.set()
    assert server.names == ["[127.0.0.1]"] * 2
