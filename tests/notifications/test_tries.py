"""Mails that a server does not take at once, on one that says so."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from sqlalchemy import text

from app.auth.service import accounts, credentials, selling
from app.embedded.processes import free_port
from app.extensions import db
from app.kit import mail, outbox
from app.kit.db import session
from tests.factories.auth import make_user
from tests.support.dripping_mail_server import DrippingMailServer, dripping_mail_server

HOME = "203.0.113.7"
Work = Callable[[], None]


class Server:
    """Takes in every mail, and says "later" for some addresses: at once, or having read it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, EmailMessage]] = []
        self.later: set[str] = set()
        self.later_after_data = False

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, to: str, _options: list[str]
    ) -> str:
        """Hear to whom."""
        if to in self.later:
            return "450 Later"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take one."""
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.seen.extend((address, message) for address in envelope.rcpt_tos)
        return "451 Later" if self.later_after_data else "250 OK"

    def ids_of(self, address: str) -> list[str]:
        """The Message-IDs of the mails to an address."""
        return [message["Message-ID"] for to, message in self.seen if to == address]

    def links(self) -> list[str]:
        """The link with a secret of each mail."""
        found = []
        for _to, message in self.seen:
            body = message.get_body(("plain",))
            assert body is not None
            found += re.findall(r"/auth/(?:confirm|reset)/(\S+)", body.get_content())
        return found


@pytest.fixture
def server(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The shop's mail server."""
    running = Server()
    controller = Controller(running, hostname="127.0.0.1", port=free_port())
    controller.start()
    monkeypatch.setitem(app.config, "SMTP_URL", f"smtp://127.0.0.1:{controller.port}")
    yield running
    controller.stop()


def test_address_that_has_its_mail_gets_no_other_while_one_waits(
    app: Flask, server: Server, drain: Work, sweep: Work
) -> None:
    old = "old-paypal@example.com"
    user = make_user(roles=("seller",), paypal_email=old)
    server.later = {old}
    selling.change_paypal_email(
        user_id=user.id,
        paypal_email="new@example.com",
        password="correct-horse-battery",
        address=HOME,
    )
    drain()
    for _ in range(3):
        sweep()
        drain()
    assert len(server.ids_of(user.email)) == 1
    assert server.ids_of(old) == []
    server.later = set()
    sweep()
    drain()
    assert len(server.ids_of(user.email)) == len(server.ids_of(old)) == 1
    assert server.ids_of(user.email) != server.ids_of(old)


def test_nobody_gets_two_mails_at_one_address(app: Flask, server: Server, drain: Work) -> None:
    user = make_user(roles=("seller",), email="one@example.com", paypal_email="one@example.com")
    selling.change_paypal_email(
        user_id=user.id,
        paypal_email="new@example.com",
        password="correct-horse-battery",
        address=HOME,
    )
    drain()
    assert len(server.ids_of(user.email)) == 1


@pytest.mark.parametrize("act", ["confirm", "reset"])
def test_mail_is_the_same_at_each_try(
    app: Flask, server: Server, drain: Work, sweep: Work, act: str
) -> None:
    user = make_user(confirmed=act == "reset")
    server.later_after_data = True
    if act == "confirm":
        accounts.resend_confirmation(email=user.email, address=HOME)
    else:
        credentials.request_password_reset(email=user.email, address=HOME)
    drain()
    # As if it had waited for longer than its link lives: that begins anew with the next try.
    session().execute(
        text("UPDATE mail_token SET expires_at = expires_at - :long"), {"long": timedelta(days=2)}
    )
    db.session.commit()
    server.later_after_data = False
    sweep()
    drain()
    assert len(server.seen) == 2
    assert len(set(server.ids_of(user.email))) == 1
    assert len(set(server.links())) == 1
    assert session().scalars(text("SELECT expires_at > now() FROM mail_token")).all() == [True]
    if act == "reset":
        credentials.reset_password(
            token=server.links()[0], password="seven-green-tractors", address=HOME
        )


def test_link_that_was_used_is_not_good_again(
    app: Flask, server: Server, drain: Work, sweep: Work
) -> None:
    user = make_user(confirmed=False)
    server.later_after_data = True
    credentials.request_password_reset(email=user.email, address=HOME)
    drain()
    [link] = server.links()
    credentials.reset_password(token=link, password="seven-green-tractors", address=HOME)
    server.later_after_data = False
    sweep()
    drain()
    assert len(set(server.links())) == 1
    used = session().scalars(text("SELECT used_at IS NOT NULL FROM mail_token")).all()
    assert used == [True]


class TestDrippingServer:
    @pytest.fixture
    def dripping(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrippingMailServer]:
        monkeypatch.setattr(mail, "_GOODBYE_SECONDS", 0.3)
        monkeypatch.setitem(app.extensions, mail._AWAY_UNTIL, {})
        with dripping_mail_server() as running:
            monkeypatch.setitem(app.config, "SMTP_URL", f"smtp://{running.place}")
            yield running

    def rows(self) -> list[tuple[bool, bool, int, str | None]]:
        """Of each mail: whether it is sent, whether it is given up, the tries, the last error."""
        found = session().execute(
            text(
                "SELECT done_at IS NOT NULL, parked_at IS NOT NULL, attempts, last_error"
                " FROM outbox WHERE listener LIKE 'mail.%'"
            )
        )
        return [(row[0], row[1], row[2], row[3]) for row in found]

    @pytest.mark.parametrize("stage", ["CONNECT", "END"])
    def test_mail_waits_for_days(
        self,
        app: Flask,
        dripping: DrippingMailServer,
        drain: Work,
        sweep: Work,
        stage: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        dripping.drips = stage
        credentials.request_password_reset(email=make_user().email, address=HOME)
        with monkeypatch.context() as hasty:
            hasty.setattr(mail, "_SECONDS", 0.1)
            drain()
            for _ in range(outbox.MAX_ATTEMPTS):
                sweep()
                drain()
        [(sent, given_up, _tries, _error)] = self.rows()
        assert (sent, given_up) == (False, False)
        dripping.drips = None
        app.extensions[mail._AWAY_UNTIL].clear()
        sweep()
        drain()
        assert [row[:2] for row in self.rows()] == [(True, False)]
        assert len({message["Message-ID"] for message in dripping.taken}) == 1

    def test_one_that_was_taken_has_not_failed_for_its_goodbye(
        self, app: Flask, dripping: DrippingMailServer, drain: Work, sweep: Work
    ) -> None:
        dripping.drips = "QUIT"
        credentials.request_password_reset(email=make_user().email, address=HOME)
        drain()
        assert self.rows() == [(True, False, 1, None)]
        sweep()
        drain()
        assert len(dripping.taken) == 1


def test_mail_whose_worker_dies_after_it_was_taken_is_sent_once_more_as_the_same(
    app: Flask, server: Server, drain: Work, sweep: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user()

    def die(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "_mark_done", die)
        credentials.request_password_reset(email=user.email, address=HOME)
        drain()
    assert len(server.seen) == 1
    for _ in range(2):
        sweep()
        drain()
    assert len(server.seen) == 2
    assert len(set(server.ids_of(user.email))) == len(set(server.links())) == 1
