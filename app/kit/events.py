"""Events: what a domain announces, and the table of who listens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from flask import Flask, current_app
from pydantic import TypeAdapter


class Reach(StrEnum):
    """What a listener touches, which decides how its row of the outbox is run."""

    LOCAL = "local"  # PostgreSQL only: runs in the transaction that marks the row done
    OUTSIDE = "outside"  # mail, PayPal, Redis…: claims the row, works, marks it done


@dataclass(frozen=True)
class Listener:
    """`handler` is called with each `event`; `queue` is the RQ queue its nudge goes to.

    `name` is what its rows of the outbox know it by, so it stays when code moves. `wanted_if` is a
    cheap condition in SQL, with the event's fields as `%(name)s`, asked in the transaction that
    announces an event: where it does not hold, as for webhooks that nobody has, the event costs
    neither a row nor a job.
    """

    name: str
    event: type[Any]
    handler: Callable[[Any], None]
    reach: Reach
    queue: str = "default"
    wanted_if: str | None = None


class Registry:
    """The table of listeners that `wiring.py` hands over; a name stands in it once."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self.by_name = {listener.name: listener for listener in listeners}
        if len(self.by_name) < len(listeners):
            raise ValueError("two listeners have one name: rows could not tell which")
        # Turn events into JSON values and back.
        self.adapters = {listener.event: TypeAdapter(listener.event) for listener in listeners}
        self.by_event: dict[type[Any], list[Listener]] = {}
        for listener in listeners:
            self.by_event.setdefault(listener.event, []).append(listener)
        self.wanted_by = {event: _wanted_by(those) for event, those in self.by_event.items()}

    def init_app(self, app: Flask) -> None:
        """Bind the table to an application."""
        app.extensions["events"] = self


def _wanted_by(listeners: Sequence[Listener]) -> str | None:
    """SQL for the names of those whose condition holds; None where none has one."""
    asked = [
        f"CASE WHEN {listener.wanted_if} THEN '{listener.name}' END"
        for listener in listeners
        if listener.wanted_if is not None
    ]
    return f"array_remove(ARRAY[{', '.join(asked)}], NULL)" if asked else None


def registry() -> Registry:
    """The current application's table."""
    return cast(Registry, current_app.extensions["events"])
