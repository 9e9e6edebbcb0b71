"""What a notification is made of, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Params = Mapping[str, Any]


class Target(NamedTuple):
    """The page that a notification leads to."""

    endpoint: str
    values: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Words:
    """A notification in words: a title, a line below it, and what a mail says more exactly.

    `action` is what the link is called in a mail; `links` are more that a mail has, by their names.
    """

    title: str
    detail: str
    action: str
    facts: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, Target], ...] = ()
