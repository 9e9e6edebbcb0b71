"""Mail, as it lands in an inbox."""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, message_from_string, policy
from email.headerregistry import Address
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.embedded.processes import free_port
from app.kit import mail
from app.kit.db import NestedNetworkError, session, transactional
from app.kit.outbox import TryLater
from tests.support.certificates import Authority
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


KEY = UUID("0199a0c0-0000-7000-8000-000000000001")


def send(to: str, locale: str = "en", name: str = "Ann") -> None:
    mail.send(to=to, locale=locale, template="probe", key=KEY, amount=1250, name=name)


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
    send("kit-header@example.com", name="A\r\nBcc: kit-victim@example.com")
    (message,) = inbox("kit-header@example.com")
    assert message["subject"] == "€12.50 for A Bcc: kit-victim@example.com"
    assert inbox("kit-victim@example.com") == []


def test_message_id_is_the_same_at_each_try(app: Flask, run_servers: Servers, inbox: Inbox) -> None:
    ids = set()
    for address in ("kit-id-1@example.com", "kit-id-2@example.com"):
        send(address)
        mail_ = message_from_string(source_of(inbox, run_servers, address))
        assert mail_["Auto-Submitted"] == "auto-generated"
        ids.add(mail_["Message-ID"])
    sender = parseaddr(app.config["MAIL_FROM"])[1]
    assert ids == {f"<{KEY}@{sender.rpartition('@')[2]}>"}


def source_of(inbox: Inbox, run_servers: Servers, address: str) -> str:
    """The one mail to an address, as it came over the wire."""
    (message,) = inbox(address)
    base = run_servers.inbox_url.rstrip("/")
    return requests.get(f"{base}/messages/{message['id']}/source", timeout=5).text


def test_mail_says_when_it_was_written(app: Flask, run_servers: Servers, inbox: Inbox) -> None:
    send("kit-date@example.com")
    mail_ = message_from_string(source_of(inbox, run_servers, "kit-date@example.com"))
    assert len(mail_.get_all("Date", [])) == 1
    age = datetime.now(UTC) - parsedate_to_datetime(mail_["Date"])
    assert timedelta(seconds=-1) < age < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("address", "on_the_wire"),
    [
        ("kit-idn@straße.example", "kit-idn@xn--strae-oqa.example"),
        ("kit-idn@пример.рф", "kit-idn@xn--e1afmkfd.xn--p1ai"),
        ("kit-анна@пример.рф", "kit-анна@пример.рф"),
        ("kit-plus+tag@example.com", "kit-plus+tag@example.com"),
    ],
)
def test_addresses_of_all_languages_are_reached(
    app: Flask, inbox: Inbox, address: str, on_the_wire: str
) -> None:
    send(address)
    (message,) = inbox(on_the_wire)
    assert message["to"] == [on_the_wire]


def test_inside_a_transaction_it_is_refused(app: Flask, inbox: Inbox) -> None:
    @transactional
    def wrong() -> None:
        session().execute(text("SELECT 1"))
        send("kit-inside@example.com")

    with pytest.raises(NestedNetworkError):
        wrong()
    assert inbox("kit-inside@example.com") == []


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300
)
LOCAL = st.from_regex(r"[a-z0-9](\.?[a-z0-9+_-]){0,30}", fullmatch=True)


class TestSevenBits:
    @settings(
        max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        name=TEXTS,
        local=LOCAL,
        domain=st.sampled_from(["example.com", "пример.рф", "straße.example"]),
        shop=st.sampled_from(["Shop", "Магазин ключей", "Keys, Games & Co.", 'The "Shop"', "商店"]),
    )
    @example(name="Анна " * 60, local="a", domain="пример.рф", shop="Магазин")
    @example(name="x" * 300, local="a", domain="example.com", shop="Shop")
    @example(name="=?utf-8?q?a?=", local="a", domain="example.com", shop="Shop")
    @example(name="0" * 11 + "\xa0¡\xa0¡\xa0𐀀𐀀 ¡ ¡", local="a", domain="example.com", shop="Shop")
    @example(name=".\n.\r\nFrom me", local="a", domain="example.com", shop="Shop")
    def test_whatever_is_written_goes_over_any_server(
        self, app: Flask, name: str, local: str, domain: str, shop: str
    ) -> None:
        app.config["MAIL_FROM"], before = (
            str(Address(shop, "shop", "shop.example")),
            app.config["MAIL_FROM"],
        )
        try:
            written = mail.compose(
                to=f"{local}@{domain}",
                locale="en",
                template="probe",
                key=KEY,
                amount=1250,
                name=name,
            )
        finally:
            app.config["MAIL_FROM"] = before
        wire = bytes(written)
        assert wire.isascii()
        assert max(len(line) for line in wire.split(b"\r\n")) <= 998  # RFC 5322, section 2.1.1
        assert wire.count(b"\r\n") == wire.count(b"\n") == wire.count(b"\r")
        read = message_from_bytes(wire, policy=policy.default)
        assert read["To"].addresses[0].username == local
        assert read["To"].addresses[0].domain.isascii()
        [sender] = read["From"].addresses
        assert (sender.display_name, sender.addr_spec) == (shop, "shop@shop.example")
        assert read["Subject"] == written["Subject"]
        lines = re.compile(r"\r\n|\r|\n")
        body = lines.sub("\n", f"Dear {name}, €12.50.").rstrip("\n")
        text_ = read.get_body(("plain",))
        assert text_ is not None
        assert lines.sub("\n", text_.get_content()).rstrip("\n") == body
        html = read.get_body(("html",))
        assert html is not None
        assert "<p>Dear" in html.get_content()

    def test_server_that_takes_no_more(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        server = Server()
        controller = Controller(
            server, hostname="127.0.0.1", port=free_port(), decode_data=True, enable_SMTPUTF8=False
        )
        controller.start()
        try:
            monkeypatch.setitem(app.config, "SMTP_URL", f"smtp://127.0.0.1:{controller.port}")
            send("kit-7bit@пример.рф", "ru", "Анна")
            with pytest.raises(smtplib.SMTPNotSupportedError):
                send("kit-анна@example.com")
        finally:
            controller.stop()
        assert len(server.taken) == 1


class Server:
    """Takes mails, and notes how they came; or says something else."""

    def __init__(self) -> None:
        self.taken: list[tuple[bool, bool]] = []  # over TLS, after a log-in
        self.says = {"MAIL": "250 OK", "RCPT": "250 OK", "DATA": "250 OK", "QUIT": "221 Bye"}

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, sender: str, _options: list[str]
    ) -> str:
        """Hear who writes."""
        envelope.mail_from = sender
        return self.says["MAIL"]

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, to: str, _options: list[str]
    ) -> str:
        """Hear to whom."""
        if self.says["RCPT"].startswith("250"):
            envelope.rcpt_tos.append(to)
        return self.says["RCPT"]

    async def handle_QUIT(  # noqa: N802
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        """Hear that it is over."""
        return self.says["QUIT"]

    async def handle_DATA(self, server: SMTP, session: Session, _envelope: Envelope) -> str:  # noqa: N802
        """Take one."""
        is_tls = server.transport.get_extra_info("ssl_object") is not None
        self.taken.append((is_tls, bool(session.authenticated)))
        return self.says["DATA"]


@contextmanager
def smtp_server(context: ssl.SSLContext | None, *, from_the_start: bool = False) -> Iterator[Any]:
    """A server at a port of this machine, which speaks TLS by this context."""
    server = Server()
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=lambda *_asked: AuthResult(success=True),
        auth_require_tls=not from_the_start,  # it only knows STARTTLS as TLS
        ssl_context=context if from_the_start else None,
        tls_context=None if from_the_start else context,
    )
    controller.start()
    try:
        yield server, f"127.0.0.1:{controller.port}"
    finally:
        controller.stop()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "mail")


@pytest.fixture
def certified(authority: Authority) -> ssl.SSLContext:
    """What a server at 127.0.0.1 proves itself with."""
    files = authority.files("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["auth_grpc_cert"], files["auth_grpc_key"])
    return context


class TestRefusal:
    def test_server_that_is_away_is_asked_later(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(app.config, "SMTP_URL", "smtp://127.0.0.1:1")
        with pytest.raises(TryLater):
            send("kit-away@example.com")

    def test_nobody_waits_for_a_silent_server_that_another_has_waited_for(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mail, "_CONNECT_SECONDS", 0.3)
        monkeypatch.setattr(mail, "_SOON", 0.2)
        away_until: dict[str, float] = {}
        monkeypatch.setitem(app.extensions, mail._AWAY_UNTIL, away_until)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(5)
            url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
            monkeypatch.setitem(app.config, "SMTP_URL", url)
            for _ in range(3):
                with pytest.raises(TryLater):
                    send("kit-silent@example.com")
            silent.accept()[0].close()
            silent.settimeout(0)
            with pytest.raises(BlockingIOError):
                silent.accept()
            away_until[url] = 0  # the pause is over
            with pytest.raises(TryLater):
                send("kit-silent@example.com")
            silent.settimeout(5)
            silent.accept()[0].close()

    @pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
    @pytest.mark.parametrize(
        ("says", "raised"),
        [("451 Not now", TryLater), ("550 Nobody here", smtplib.SMTPException)],
    )
    def test_what_the_server_says_tells_whether_to_ask_later(
        self,
        app: Flask,
        monkeypatch: pytest.MonkeyPatch,
        command: str,
        says: str,
        raised: type[Exception],
    ) -> None:
        with smtp_server(None) as (server, place):
            monkeypatch.setitem(app.config, "SMTP_URL", f"smtp://{place}")
            server.says[command] = says
            with pytest.raises(raised):
                send("kit-refused@example.com")

    def test_mail_that_was_taken_is_not_sent_again_for_a_bad_goodbye(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with smtp_server(None) as (server, place):
            monkeypatch.setitem(app.config, "SMTP_URL", f"smtp://{place}")
            server.says["QUIT"] = "421 Too busy to say goodbye"
            send("kit-goodbye@example.com")
        assert len(server.taken) == 1


class TestTls:
    def test_is_used_where_the_server_offers_it(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch, certified: ssl.SSLContext
    ) -> None:
        with smtp_server(certified) as (server, place):
            monkeypatch.setitem(app.config, "SMTP_URL", f"smtp://{place}")
            send("kit-tls@example.com")
        assert server.taken == [(True, False)]

    @pytest.mark.parametrize(
        ("url", "from_the_start"),
        [("smtps://{}", True), ("smtps://shop:pass%40word@{}", True), ("smtp://shop:p@{}", False)],
    )
    def test_server_proves_its_name_where_tls_or_a_password_is_asked_for(
        self,
        app: Flask,
        monkeypatch: pytest.MonkeyPatch,
        authority: Authority,
        certified: ssl.SSLContext,
        url: str,
        from_the_start: bool,
    ) -> None:
        with smtp_server(certified, from_the_start=from_the_start) as (server, place):
            monkeypatch.setitem(app.config, "SMTP_URL", url.format(place))
            with pytest.raises(TryLater) as unproven:
                send("kit-unproven@example.com")
            assert isinstance(unproven.value.__cause__, ssl.SSLCertVerificationError)
            assert server.taken == []
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
            send("kit-proven@example.com")
        assert server.taken == [(True, "@127" in url.format(place))]

    def test_no_password_is_told_without_it(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with smtp_server(None) as (server, place):
            monkeypatch.setitem(app.config, "SMTP_URL", f"smtp://shop:secret@{place}")
            with pytest.raises(TryLater) as unsafe:
                send("kit-plain@example.com")
            assert isinstance(unsafe.value.__cause__, smtplib.SMTPNotSupportedError)
        assert server.taken == []
