"""Being told to stop: noted by a handler, raised where it does no harm.

What a handler raises comes up wherever the program happens to be: in an import or a callback, which
swallow it, or between the taking of a lock and its release.
https://docs.python.org/3/library/signal.html#signal-handlers-and-exceptions
"""

import signal
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_told: list[int] = []


class Stopped(BaseException):
    """A signal asked for the end."""


def listen() -> None:
    """Note from now on that a signal asks for the end."""
    for number in _SIGNALS:
        signal.signal(number, _note)


def is_told() -> bool:
    """Whether a signal asked for the end."""
    return bool(_told)


def check() -> None:
    """Raise Stopped if one has: to be called at least each moment of a long wait."""
    if _told:
        raise Stopped


def _note(number: int, _frame: FrameType | None) -> None:
    _told.append(number)
