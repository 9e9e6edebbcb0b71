"""Who may watch what, and how much of it; and what a page may have done over its socket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from flask import Flask, current_app

MAX_TOPICS = 50  # on one socket
MAX_SOCKETS_OF_USER = 5  # in one process
MAX_SOCKETS_OF_ADDRESS = 20  # of guests, in one process
_TOPICS, _ACTS = "live_topics", "live_acts"

# Whether a user (None: a guest) may watch the topic of this id.
Rule = Callable[[UUID | None, UUID], bool]


def _nothing() -> None:
    """What follows of most that is done."""


@dataclass(frozen=True)
class Done:
    """The answer to what a page wanted done, and what is to follow once it has it."""

    answer: Mapping[str, Any]
    follow: Callable[[], None] = _nothing


# What a user asks for, with what was sent along; it raises AppError to refuse.
Act = Callable[[UUID, Mapping[str, Any]], Done]


def init_app(app: Flask, topics: Mapping[str, Rule], acts: Mapping[str, Act]) -> None:
    """Give the application its tables: the rule of each kind of topic, and what can be done."""
    app.extensions[_TOPICS] = topics
    app.extensions[_ACTS] = acts


def act_of(name: str) -> Act | None:
    """What is done where a page asks for this."""
    return cast(Mapping[str, Act], current_app.extensions[_ACTS]).get(name)


def everybody(_user_id: UUID | None, _ident: UUID) -> bool:
    """The rule of what is public."""
    return True


def oneself(user_id: UUID | None, ident: UUID) -> bool:
    """The rule of what is a person's own."""
    return user_id == ident


def may_watch(user_id: UUID | None, topic: str) -> bool:
    """Whether the rule of its kind lets somebody watch `<kind>:<id>`; anything else is nobody's."""
    kind, _colon, name = topic.partition(":")
    rule = cast(Mapping[str, Rule], current_app.extensions[_TOPICS]).get(kind)
    try:
        ident = UUID(name)
    except ValueError:
        return False
    # One spelling of an id, the one that is published.
    return rule is not None and str(ident) == name and rule(user_id, ident)
