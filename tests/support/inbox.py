"""The mails that the shop sent, as their readers see them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

SECONDS = 10


@dataclass(frozen=True)
class Inbox:
    """The mail catcher; `deliver` does the work that sends what was announced."""

    url: str
    deliver: Callable[[], None]

    def of(self, address: str) -> list[dict[str, Any]]:
        """An address's mails, the newest first."""
        self.deliver()
        answer = requests.get(
            f"{self.url.rstrip('/')}/api/messages", params={"to": address}, timeout=SECONDS
        )
        answer.raise_for_status()
        return list(answer.json()["messages"])

    def only(self, address: str) -> dict[str, Any]:
        """The one mail that an address got."""
        mails = self.of(address)
        assert len(mails) == 1, [mail["subject"] for mail in mails]
        return mails[0]


def path_in(mail: dict[str, Any], start: str) -> str:
    """The path of the link in a mail that begins with `start`; it stands in text and HTML alike."""
    found = re.search(rf"https?://[^/\s]+({re.escape(start)}\S*)", mail["text"])
    assert found, mail["text"]
    assert found.group(0) in mail["html"]
    return found.group(1)
