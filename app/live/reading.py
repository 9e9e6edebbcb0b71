"""What a page says over its socket, handed on by the thread that reads it.

simple-websocket reads in a thread and keeps what came until another one, told by an event, takes
it. Each thread takes some 10 kB, so its own hands on: these two stand where the event and its
thread would. https://simple-websocket.readthedocs.io/en/latest/api.html
"""

import threading
from collections.abc import Callable
from types import MethodType

from simple_websocket import Server

# Takes what was said, None for the end of the socket; it may wait, and nothing is read meanwhile.
Take = Callable[[str | bytes | None], object]


class Ear:
    """In place of the event that is set whenever something was read: it hands that on."""

    def __init__(self) -> None:
        self._is_heard = threading.Event()
        self._connection: Server = None
        self._take: Take = pass_over

    def hear(self, connection: Server, take: Take) -> None:
        """Read from now on, and have this take what the page says."""
        self._connection, self._take = connection, take
        self._is_heard.set()

    def wait(self) -> None:
        """Wait until somebody hears: nothing is to be read before."""
        self._is_heard.wait()

    def set(self) -> None:
        """Hand on what was read."""
        while self._connection.input_buffer:
            self._take(self._connection.input_buffer.pop(0))

    def end(self) -> None:
        """Say that nothing more will be read."""
        self._take(None)


class Reader(threading.Thread):
    """In place of the thread that reads: it begins when it is heard, and tells of its end."""

    def __init__(self, target: MethodType) -> None:
        super().__init__(target=target, daemon=True)
        self._connection: Server = target.__self__

    def run(self) -> None:
        """Read until the socket ends."""
        self._connection.event.wait()
        super().run()
        self._connection.event.end()


def pass_over(_said: str | bytes | None) -> None:
    """Hear nothing of what is said."""


OPTIONS = {"event_class": Ear, "thread_class": Reader}
