"""A message is posted to an address that others chose: it must not lead into our own network.

The name is resolved once, every address it has must be public, and the connection goes to just
those addresses, while the certificate is checked against the name. Redirects are answers like any
other. OWASP:
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html

Nor may it hold us up: one deadline holds for everything, from the name to the last byte that is
read of the answer.
"""

import functools
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, urlsplit

import certifi

from app.kit.deadlines import Deadline, TooMuch, Wire, connect, resolve
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


class _PrivateAddressError(Exception):
    """The host has an address that is not public."""


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
        status, answer = _exchange(urlsplit(url), body, headers, private, Deadline(seconds))
    except _PrivateAddressError:
        error = Failure.PRIVATE_ADDRESS
    except socket.gaierror:
        error = Failure.NO_SUCH_HOST
    except TimeoutError:
        error = Failure.TOO_SLOW
    except ssl.SSLError:
        error = Failure.BAD_TLS
    except TooMuch:
        error = Failure.BAD_ANSWER
    except OSError:
        error = Failure.NO_CONNECTION
    except HTTPException:
        error = Failure.BAD_ANSWER
    return Posted(status, error, answer, round((time.monotonic() - began) * 1000))


def _exchange(
    parts: SplitResult, body: bytes, headers: dict[str, str], private: bool, deadline: Deadline
) -> tuple[int, str]:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with _open(parts, private, deadline) as wire:
        connection = HTTPConnection(parts.hostname or "")
        connection.sock = wire
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
def _open(parts: SplitResult, private: bool, deadline: Deadline) -> Iterator[Wire]:
    """A connection to one of the host's addresses, with TLS where the address says so."""
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = resolve(host, port, deadline)
    if not private and not all(is_public(address) for address in addresses):
        raise _PrivateAddressError
    wire = Wire(connect(addresses, port, deadline), deadline, most=MAX_READ)
    try:
        if parts.scheme == "https":
            wire.encrypt(_tls(), host)
        yield wire
    finally:
        wire.hang_up()


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
