"""Mail, over SMTP."""

import smtplib
from email.message import EmailMessage
from email.utils import make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

from flask import current_app, render_template
from flask_babel import force_locale

from app.kit.db import assert_no_transaction

_SECONDS = 15
_SMTPS_PORT, _SMTP_PORT = 465, 25


def send(*, to: str, locale: str, template: str, key: str, **context: object) -> None:
    """Render `templates/email/<template>/` in the person's language and hand it to the server.

    `key` becomes part of the Message-ID, so that a mail sent twice can be known as one.
    Raises smtplib.SMTPException or OSError when the server does not take it.
    """
    assert_no_transaction()
    message = EmailMessage()
    with force_locale(locale):
        folder = f"email/{template}"
        message["Subject"] = render_template(f"{folder}/subject.txt", **context).strip()
        message.set_content(render_template(f"{folder}/body.txt", **context))
        message.add_alternative(render_template(f"{folder}/body.html", **context), subtype="html")
    sender = current_app.config["MAIL_FROM"]
    message["From"], message["To"] = sender, to
    domain = parseaddr(sender)[1].rpartition("@")[2]
    message["Message-ID"] = make_msgid(idstring=key, domain=domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    with _connect(current_app.config["SMTP_URL"]) as server:
        server.send_message(message)


def link(endpoint: str, **values: object) -> str:
    """The full address of a page: mails are written where no request says what the host is."""
    parts = urlsplit(current_app.config["PUBLIC_URL"])
    addresses = current_app.url_map.bind(
        parts.netloc, script_name=parts.path or "/", url_scheme=parts.scheme
    )
    return addresses.build(endpoint, values, force_external=True)


def _connect(url: str) -> smtplib.SMTP:
    parts = urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, parts.port or _SMTPS_PORT, timeout=_SECONDS)
    else:
        server = smtplib.SMTP(host, parts.port or _SMTP_PORT, timeout=_SECONDS)
        if server.has_extn("starttls") or parts.username:
            server.starttls()
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server
