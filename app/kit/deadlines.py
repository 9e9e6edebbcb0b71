"""Talks with servers that may not hold us up: one deadline for all of it.

The time-outs of smtplib, requests, httpx and urllib3 are for each single read, so that one byte in
time asks for another while. Here the same moment ends everything, from the name to the last byte.
"""

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class TooMuch(OSError):
    """The other side says more than anybody needs to hear."""


class Deadline:
    """The one moment by which everything is over."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds until then; TimeoutError once there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    @contextmanager
    def part(self, seconds: float) -> Iterator[None]:
        """Let what is done inside take no more than this much of what is left."""
        ends = self._ends
        self._ends = min(ends, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._ends = ends

    def wait_for(self, call: Callable[[], _Result]) -> _Result:
        """The result of a call that knows no deadline of its own: a thread of its own makes it."""
        result: Future[_Result] = Future()

        def make() -> None:
            try:
                result.set_result(call())
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets it
                result.set_exception(error)

        threading.Thread(target=make, daemon=True).start()
        return result.result(self.left())


class Wire(io.RawIOBase):
    """A socket as `http.client` and `smtplib` use it; no wait on it outlives the deadline.

    What is read is at most `most` bytes; then TooMuch is raised.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline, *, most: int) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        self._readable_bytes = most

    def readable(self) -> bool:
        """Yes: for `io.BufferedReader`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for some bytes."""
        if self._readable_bytes <= 0:
            raise TooMuch
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(buffer)
        self._readable_bytes -= count
        return count

    def sendall(self, data: bytes) -> None:
        """Send it all, piece by piece, however slowly they are taken."""
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(self._deadline.left())
            rest = rest[self._sock.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What is said by the other side, to be read."""
        return io.BufferedReader(self)

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from now on. Raises ssl.SSLError, SSLCertVerificationError among them."""
        self._sock.settimeout(self._deadline.left())  # the whole handshake's
        self._sock = context.wrap_socket(self._sock, server_hostname=host)

    def close(self) -> None:
        """Nothing: clients close before all is read. `hang_up` does it."""

    def hang_up(self) -> None:
        """End the connection."""
        self._sock.close()

    @property
    def own_address(self) -> str:
        """The address of this side."""
        return str(self._sock.getsockname()[0])


def resolve(host: str, port: int, deadline: Deadline) -> list[str]:
    """All addresses of a host; socket.gaierror if there are none."""

    def ask() -> list[str]:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # no name at all, such as "a..b"
            raise socket.gaierror from error
        return [str(entry[4][0]) for entry in entries]

    return deadline.wait_for(ask)


def connect(addresses: list[str], port: int, deadline: Deadline) -> socket.socket:
    """Try one address after the other, each for its share of the time that is left.

    OSError if none of them takes the connection.
    """
    for later, address in zip(reversed(range(len(addresses))), addresses, strict=True):
        try:
            return socket.create_connection((address, port), deadline.left() / (later + 1))
        except OSError:
            if not later:
                raise
    raise socket.gaierror
