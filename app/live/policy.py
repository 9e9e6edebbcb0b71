"""Who may watch what, and how much of it."""

from collections.abc import Callable, Mapping
from typing import cast
from uuid import UUID

from flask import Flask, current_app

MAX_TOPICS = 50  # on one socket
MAX_SOCKETS_OF_USER = 5  # in one process
MAX_SOCKETS_OF_ADDRESS = 20  # of guests, in one process
_KEY = "live_topics"

# Whether a user (None: a guest) may watch the topic of this id.
Rule = Callable[[UUID | None, UUID], bool]


def init_app(app: Flask, topics: Mapping[str, Rule]) -> None:
    """Give the application its table of topics: the rule of each kind."""
    app.extensions[_KEY] = topics


def everybody(_user_id: UUID | None, _ident: UUID) -> bool:
    """The rule of what is public."""
    return True


def oneself(user_id: UUID | None, ident: UUID) -> bool:
    """The rule of what is a person's own."""
    return user_id == ident


def may_watch(user_id: UUID | None, topic: str) -> bool:
    """Whether the rule of its kind lets somebody watch `<kind>:<id>`; anything else is nobody's."""
    kind, _colon, name = topic.partition(":")
    rule = cast(Mapping[str, Rule], current_app.extensions[_KEY]).get(kind)
    try:
        ident = UUID(name)
    except ValueError:
        return False
    # One spelling of an id, the one that is published.
    return rule is not None and str(ident) == name and rule(user_id, ident)
