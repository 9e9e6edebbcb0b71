"""A message is posted to an address that others chose: it must not lead into our own network.

The name is resolved once, every address it has must be public, and the connection goes to just
those addresses, while the certificate is checked against the name. Redirects are answers like any
other. OWASP:
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html

Nor may it hold us up. The time-outs of requests, httpx and urllib3 are for each single read, so
that one byte in time asks for another while: here one deadline holds for everything, from the name
to the last byte that is read of the answer.
"""

import functools
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import SplitResult, urlsplit

import certifi

from app.webhooks.addresses import is_public
from app.webhooks.models import Failure

MAX_URL = 500
SECONDS = 10.0  # for all of it
MAX_ANSWER = 1024  # bytes of the answer's body; the rest is not read
MAX_READ = 65_536  # bytes with all headers
_FIRST_FREE_PORT = 1024
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?|[0-9a-f:.]+", re.ASCII)


@dataclass(frozen=True)
class Posted:
    """What came back, or why nothing did."""

    status: int | None
    error: Failure | None
    answer: str
    duration_ms: int

    @property
    def taken(self) -> bool:
        """Whether the receiver said that it has the message."""
        return self.status is not None and 200 <= self.status < 300


class _Failed(Exception):
    """It came to nothing, for a reason that only the place of the failure tells."""

    def __init__(self, reason: Failure) -> None:
        super().__init__(reason)
        self.reason = reason


class _Deadline:
    """The one moment by which everything is over."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds until then; TimeoutError once there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Wire(io.RawIOBase):
    """A socket as `http.client` uses it; no wait on it outlives the deadline."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        self._readable_bytes = MAX_READ

    def readable(self) -> bool:
        """Yes: for `io.BufferedReader`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for some bytes; HTTPException if they are more than any answer needs."""
        if self._readable_bytes <= 0:
            raise HTTPException("too much")
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
        """The answer, to be read."""
        return io.BufferedReader(self)

    def close(self) -> None:
        """Nothing: `http.client` closes before the answer is read; `_open` does after it."""


def is_address(url: str, *, private: bool) -> bool:
    """Whether something may be sent there, as far as the address alone tells."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return (
        usual is not None
        and (parts.scheme == "https" or private)
        and _HOST.fullmatch(parts.hostname or "") is not None
        and "@" not in parts.netloc
        and not parts.fragment
        and (port is None or port == usual or port >= _FIRST_FREE_PORT)
    )


def post(
    url: str, body: bytes, headers: dict[str, str], *, private: bool, seconds: float = SECONDS
) -> Posted:
    """Send it; never raises for what the other side does, and is back after `seconds`.

    `private`: addresses of our own network are allowed.
    """
    began = time.monotonic()
    status, error, answer = None, None, ""
    try:
        status, answer = _exchange(urlsplit(url), body, headers, private, _Deadline(seconds))
    except _Failed as failed:
        error = failed.reason
    except TimeoutError:
        error = Failure.TOO_SLOW
    except ssl.SSLError:
        error = Failure.BAD_TLS
    except OSError:
        error = Failure.NO_CONNECTION
    except HTTPException:
        error = Failure.BAD_ANSWER
    return Posted(status, error, answer, round((time.monotonic() - began) * 1000))


def _exchange(
    parts: SplitResult, body: bytes, headers: dict[str, str], private: bool, deadline: _Deadline
) -> tuple[int, str]:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with _open(parts, private, deadline) as sock:
        connection = HTTPConnection(parts.hostname or "")
        connection.sock = _Wire(sock, deadline)
        connection.request(
            "POST", target, body, {"Host": parts.netloc, "Connection": "close", **headers}
        )
        response = connection.getresponse()
        return response.status, _start_of(response)


def _start_of(response: io.BufferedIOBase) -> str:
    """What the answer begins with. The status counts, even if nothing of the body comes."""
    data = b""
    try:
        while len(data) < MAX_ANSWER and (part := response.read1(MAX_ANSWER - len(data))):
            data += part
    except (OSError, HTTPException):
        pass
    return data.decode("utf-8", "replace").replace("\x00", "")


@contextmanager
def _open(parts: SplitResult, private: bool, deadline: _Deadline) -> Iterator[socket.socket]:
    """A connection to one of the host's addresses, with TLS where the address says so."""
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = _resolve(host, port, deadline)
    if not private and not all(is_public(address) for address in addresses):
        raise _Failed(Failure.PRIVATE_ADDRESS)
    with closing(_connect(addresses, port, deadline)) as sock:
        if parts.scheme != "https":
            yield sock
            return
        sock.settimeout(deadline.left())  # the whole handshake's
        with _tls().wrap_socket(sock, server_hostname=host) as wrapped:
            yield wrapped


def _resolve(host: str, port: int, deadline: _Deadline) -> list[str]:
    """All addresses of a host. The system's resolver knows no deadline: a thread waits for it."""
    found: Future[list[str]] = Future()

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            found.set_exception(error)
        else:
            found.set_result([str(entry[4][0]) for entry in entries])

    threading.Thread(target=ask, daemon=True).start()
    try:
        return found.result(deadline.left())
    except (socket.gaierror, UnicodeError):
        raise _Failed(Failure.NO_SUCH_HOST) from None


def _connect(addresses: list[str], port: int, deadline: _Deadline) -> socket.socket:
    """Try one address after the other, each for its share of the time that is left."""
    for later, address in zip(reversed(range(len(addresses))), addresses, strict=True):
        try:
            return socket.create_connection((address, port), deadline.left() / (later + 1))
        except OSError:
            if not later:
                raise
    raise _Failed(Failure.NO_SUCH_HOST)


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
