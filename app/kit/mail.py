"""Mail, over SMTP."""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email import policy
from email.header import Header
from email.headerregistry import BaseHeader, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy
from email.utils import format_datetime, parseaddr
from typing import cast
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import UUID

import certifi
from email_validator import validate_email
from flask import current_app, render_template
from flask_babel import force_locale

from app.kit.db import assert_no_transaction
from app.kit.deadlines import Deadline, Wire, connect, resolve
from app.kit.outbox import TryLater


class _Subject(UniqueUnstructuredHeader, BaseHeader):  # type: ignore[misc]  # as in its registry
    """A subject that is encoded as a whole: encoded word by word (Python 3.11), it loses spaces."""

    def fold(self, *, policy: Policy) -> str:
        """See BaseHeader."""
        if self.isascii():
            return super().fold(policy=policy)
        words = Header(str(self), "utf-8", header_name=self.name).encode(linesep=policy.linesep)
        return f"{self.name}: {words}{policy.linesep}"


class _Address(UniqueUnstructuredHeader, BaseHeader):  # type: ignore[misc]  # as in its registry
    """An address of a page, in one line: folded, a long one is encoded, and found by nobody."""

    def fold(self, *, policy: Policy) -> str:
        """See BaseHeader."""
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("subject", _Subject)
_HEADERS.map_to_type("list-unsubscribe", _Address)
# SMTP's line ends, and no part or header in 8 bits.
_POLICY = policy.SMTP.clone(cte_type="7bit", header_factory=_HEADERS)
# Runs of spaces, too: Python's folding of headers (3.11) loses some of them.
_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]{2,}|[\x00-\x20\x7f-\x9f\u2028\u2029]")
# For all of a mail, below the outbox' lease and RQ's alarm; of these, to be let in, to say goodbye.
_SECONDS, _CONNECT_SECONDS, _GOODBYE_SECONDS = 45.0, 15.0, 2.0
_NAME_SECONDS = 2.0
_MOST = 65_536  # bytes of all that the server says
_SMTPS_PORT, _SMTP_PORT = 465, 25
_READY, _PERMANENT = 220, 500
# A worker has other things to do than to wait, mail by mail, for a server that does not answer.
_SOON = 1.0
_PAUSE_SECONDS = 120.0
_AWAY_UNTIL = "mail_servers_away_until"


def send(
    *,
    to: str,
    locale: str,
    template: str,
    key: UUID,
    unsubscribe: str | None = None,
    **context: object,
) -> None:
    """Render `templates/email/<template>/` in the person's language and hand it to the server.

    `unsubscribe` is the address that ends such mails, for those that somebody subscribed to.

    `key` is the mail's own, the same at each try: the Message-ID is made of it, by which a mail
    that was sent twice is known as one. Raises TryLater when no server takes mails now, or not in
    time; smtplib.SMTPException when it refuses this one.
    """
    assert_no_transaction()
    _hand_over(
        compose(
            to=to, locale=locale, template=template, key=key, unsubscribe=unsubscribe, **context
        )
    )


def compose(
    *,
    to: str,
    locale: str,
    template: str,
    key: UUID,
    unsubscribe: str | None = None,
    **context: object,
) -> EmailMessage:
    """The mail that `send` sends: in 7 bits, since not every server on the way takes 8 (RFC 6152).

    One that recodes it breaks the signature that another has put on (RFC 6376, section 5.3).
    """
    message = EmailMessage(policy=_POLICY)
    if unsubscribe is not None:
        context["unsubscribe"] = unsubscribe
    with force_locale(locale):
        folder = f"email/{template}"
        message["Subject"] = _one_line(render_template(f"{folder}/subject.txt", **context))
        message.set_content(render_template(f"{folder}/body.txt", **context))
        message.add_alternative(render_template(f"{folder}/body.html", **context), subtype="html")
    sender = current_app.config["MAIL_FROM"]
    message["From"], message["To"] = sender, _on_the_wire(to)
    message["Date"] = format_datetime(datetime.now(UTC))  # RFC 5322, section 3.6
    domain = _on_the_wire(parseaddr(sender)[1]).rpartition("@")[2]
    message["Message-ID"] = f"<{key}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    if unsubscribe is not None:
        # RFC 8058, section 3.1: a mail reader's own button sends one POST there, with no cookies.
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return message


def _one_line(text: str) -> str:
    """Without line breaks and other controls, which end a header or have no place in one."""
    return _GAPS.sub(" ", text).strip()


def _hand_over(message: EmailMessage) -> None:
    url = current_app.config["SMTP_URL"]
    away_until: dict[str, float] = current_app.extensions.setdefault(_AWAY_UNTIL, {})
    began = time.monotonic()
    if began < away_until.get(url, 0):
        raise TryLater
    connected = False
    try:
        with _connection(urlsplit(url), Deadline(_SECONDS)) as server:
            connected = True
            server.send_message(message)
    except OSError as error:  # those of smtplib are such, too
        if connected and _is_final(error):
            raise
        spent = time.monotonic() - began
        if spent > _SOON:
            # One mail's recipient may be what the server waited for: it need not stop the others.
            away_until[url] = time.monotonic() + (spent if connected else _PAUSE_SECONDS)
        raise TryLater from error


def _is_final(error: OSError) -> bool:
    """Whether the server has refused this mail for good: RFC 5321, section 4.2.1."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return all(code >= _PERMANENT for code, _reason in error.recipients.values())
        case smtplib.SMTPResponseException():
            return error.smtp_code >= _PERMANENT
        case _:
            return isinstance(error, smtplib.SMTPNotSupportedError)


def link(endpoint: str, **values: object) -> str:
    """The full address of a page: mails are written where no request says what the host is."""
    parts = urlsplit(current_app.config["PUBLIC_URL"])
    addresses = current_app.url_map.bind(
        parts.netloc, script_name=parts.path or "/", url_scheme=parts.scheme
    )
    return addresses.build(endpoint, values, force_external=True)


def _on_the_wire(address: str) -> str:
    """The address with its domain in ASCII: so it can be reached through servers of any age.

    Other letters before the @ have no such form; they need a server that knows SMTPUTF8.
    """
    if address.isascii():
        return address
    checked = validate_email(address, check_deliverability=False, test_environment=True)
    return checked.ascii_email or address


@contextmanager
def _connection(parts: SplitResult, deadline: Deadline) -> Iterator[smtplib.SMTP]:
    """A connection that takes mails, in TLS wherever the server speaks it.

    The server must prove its name if the address asks for TLS, or if it is to be told a password.
    """
    host = parts.hostname or ""
    smtps = parts.scheme == "smtps"
    with deadline.part(_CONNECT_SECONDS):
        port = parts.port or (_SMTPS_PORT if smtps else _SMTP_PORT)
        wire = Wire(connect(resolve(host, port, deadline), port, deadline), deadline, most=_MOST)
    try:
        with deadline.part(_CONNECT_SECONDS):
            server = _introduce(wire, parts, deadline)
        try:
            yield server
        finally:
            with deadline.part(_GOODBYE_SECONDS), suppress(OSError):
                server.quit()  # the mail is taken or not: no goodbye changes that
    finally:
        wire.hang_up()


def _introduce(wire: Wire, parts: SplitResult, deadline: Deadline) -> smtplib.SMTP:
    name = _own_name(wire, deadline)
    if parts.scheme == "smtps":
        wire.encrypt(_tls(proven=True), parts.hostname or "")
    server = _client(wire, name)
    code, greeting = server.getreply()
    if code != _READY:
        raise smtplib.SMTPConnectError(code, greeting)
    server.ehlo_or_helo_if_needed()  # before that nothing is known of what the server can do
    if parts.scheme != "smtps" and (parts.username or server.has_extn("starttls")):
        if not server.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError
        code, answer = server.docmd("STARTTLS")
        if code != _READY:
            raise smtplib.SMTPResponseException(code, answer)
        wire.encrypt(_tls(proven=bool(parts.username)), parts.hostname or "")
        # One who knows nothing of what was said in the clear: RFC 3207, section 4.2.
        server = _client(wire, name)
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server


def _client(wire: Wire, name: str) -> smtplib.SMTP:
    client = smtplib.SMTP(local_hostname=name)
    client.sock = cast("socket.socket", wire)
    return client


def _own_name(wire: Wire, deadline: Deadline) -> str:
    """This machine's full name, or its address as RFC 5321, section 4.1.3, writes it."""
    try:
        with deadline.part(_NAME_SECONDS):
            name = deadline.wait_for(socket.getfqdn)
    except TimeoutError:
        name = ""
    address = wire.own_address
    return name if "." in name else f"[{'IPv6:' if ':' in address else ''}{address}]"


def _tls(*, proven: bool) -> ssl.SSLContext:
    """With whom it says it is; or with whoever answers, which keeps listeners out (RFC 7435)."""
    context = ssl.create_default_context()
    if proven:
        context.load_verify_locations(certifi.where())  # not every machine has its own
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
