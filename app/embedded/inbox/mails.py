"""Reading the mails that were caught."""

import email
import email.policy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path

# Maildir's names: seconds, a dot, letters and digits, a dot, the machine.
NAME = re.compile(r"[0-9A-Za-z._:,=-]+")
MAILS_KEPT_PARSED = 2000


@dataclass(frozen=True)
class Mail:
    """One mail, as its reader sees it."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    received_at: datetime
    text: str
    html: str


def all_mails(directory: Path) -> list[Mail]:
    """Every mail, the newest first."""
    mails = [_read(file, file.stat().st_mtime_ns) for file in _files(directory)]
    return sorted(mails, key=lambda mail: (mail.received_at, mail.id), reverse=True)


def find(directory: Path, mail_id: str) -> Mail | None:
    """The mail of this id, if there is one."""
    file = _file(directory, mail_id)
    return _read(file, file.stat().st_mtime_ns) if file else None


def source(directory: Path, mail_id: str) -> bytes | None:
    """The mail of this id as it came over the wire."""
    file = _file(directory, mail_id)
    return file.read_bytes() if file else None


def remove_all(directory: Path) -> None:
    """Throw every mail away."""
    for file in _files(directory):
        file.unlink(missing_ok=True)


def _files(directory: Path) -> Iterable[Path]:
    return list((directory / "new").iterdir())


def _file(directory: Path, mail_id: str) -> Path | None:
    file = directory / "new" / mail_id
    return file if NAME.fullmatch(mail_id) and file.is_file() else None


@lru_cache(maxsize=MAILS_KEPT_PARSED)
def _read(file: Path, received_ns: int) -> Mail:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    # aiosmtpd writes the envelope's recipients here, blind copies included.
    recipients = str(message.get("X-RcptTo") or message.get("To") or "")
    return Mail(
        id=file.name,
        sender=str(message.get("From") or message.get("X-MailFrom") or ""),
        recipients=tuple(part.strip() for part in recipients.split(",") if part.strip()),
        subject=str(message.get("Subject") or ""),
        received_at=datetime.fromtimestamp(received_ns / 1e9, UTC),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):
        # A character set that Python does not know.
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
