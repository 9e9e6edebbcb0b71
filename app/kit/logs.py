"""Logs: one JSON object a line, on standard error."""

import json
import logging
import re
import sys
from datetime import UTC, datetime

# As long as the secrets of mailed links, tickets, keys and tokens are, and longer than any id.
_SECRET = re.compile(r"[A-Za-z0-9_-]{40,}")
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def without_secrets(text: str) -> str:
    """The text with three dots in place of what may be a secret, as in the address of a page."""
    return _SECRET.sub("...", text)


class JsonFormatter(logging.Formatter):
    """A record with whatever `extra` it was given, but for secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as JSON."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        entry |= {
            key: without_secrets(value) if isinstance(value, str) else value
            for key, value in vars(record).items()
            if key not in _STANDARD
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def init_app() -> None:
    """Send the shop's log lines to standard error."""
    root = logging.getLogger("app")
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
        root.setLevel(logging.INFO)
