"""Events and listeners for the tests of the outbox, and what they were told to do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.kit.db import assert_no_transaction, session
from app.kit.events import Listener, Reach


@dataclass(frozen=True)
class Counted:
    """Heard by a local listener."""

    row: int


@dataclass(frozen=True)
class Told:
    """Heard by an outside listener."""

    who: UUID
    at: datetime


@dataclass(frozen=True)
class Shared:
    """Heard by one of each kind."""

    row: int


@dataclass(frozen=True)
class Picked:
    """Heard by a listener that wants only some."""

    row: int
    is_wanted: bool


@dataclass(frozen=True)
class Unheard:
    """Heard by nobody."""


@dataclass
class _State:
    heard: list[object] = field(default_factory=list)
    then: Callable[[], None] = lambda: None


state = _State()


def reset() -> None:
    """Forget everything."""
    state.heard = []
    state.then = lambda: None


def count(event: Counted | Shared | Picked) -> None:
    """Add one to the row's value, then do what the test asks for."""
    session().execute(
        text("UPDATE kit_probe SET value = value + 1 WHERE id = :row"), {"row": event.row}
    )
    state.then()


def tell(event: Told | Shared) -> None:
    """Leave the process, as it were."""
    assert_no_transaction()
    state.heard.append(event)
    state.then()


def count_shared(event: Shared) -> None:
    """The same for another event."""
    count(event)


def tell_shared(event: Shared) -> None:
    """The same for another event."""
    tell(event)


TABLE = [
    Listener("test.count", Counted, count, Reach.LOCAL),
    Listener("test.tell", Told, tell, Reach.OUTSIDE, "webhooks"),
    Listener("test.count_shared", Shared, count_shared, Reach.LOCAL),
    Listener("test.tell_shared", Shared, tell_shared, Reach.OUTSIDE),
    Listener("test.pick", Picked, count, Reach.LOCAL, wanted_if="%(is_wanted)s"),
]
