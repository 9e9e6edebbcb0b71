"""A message is posted to an address that others chose: it must not lead into our own network.

The name is resolved once, every address it has must be public, and the connection goes to just that
address, while the certificate is checked against the name. Redirects are answers like any other.
OWASP: https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import socket
import ssl
import time
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

MAX_URL = 500
SECONDS = 10
MAX_ANSWER = 1024
_FIRST_FREE_PORT = 1024
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052
_GONE_TOO_LONG = 30  # seconds for all of it, since an answer may drip


@dataclass(frozen=True)
class Posted:
    """What came back, or why nothing did."""

    status: int | None
    error: str | None
    answer: str
    duration_ms: int

    @property
    def taken(self) -> bool:
        """Whether the receiver said that it has the message."""
        return self.status is not None and 200 <= self.status < 300


class _Refused(Exception):
    """The address is none that anything is sent to."""


def is_address(url: str, *, private: bool) -> bool:
    """Whether something may be sent there, as far as the address alone tells."""
    if len(url) > MAX_URL or not url.isascii() or any(char.isspace() for char in url):
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
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and not parts.fragment
        and (port is None or port == usual or port >= _FIRST_FREE_PORT)
    )


def post(url: str, body: bytes, headers: dict[str, str], *, private: bool) -> Posted:
    """Send it; never raises for what the other side does. `private`: our own network is allowed."""
    began = time.monotonic()
    try:
        response = _send(urlsplit(url), body, headers, private=private)
        answer = _read(response, began + _GONE_TOO_LONG)
        status, error = response.status, None
    except (_Refused, HTTPError, OSError, ssl.SSLError, UnicodeError) as failure:
        status, error, answer = None, _name(failure), ""
    return Posted(status, error, answer, round((time.monotonic() - began) * 1000))


def _name(failure: BaseException) -> str:
    reason = str(failure) if isinstance(failure, _Refused) else type(failure).__name__
    return reason[:200]


def _send(
    parts: SplitResult, body: bytes, headers: dict[str, str], *, private: bool
) -> BaseHTTPResponse:
    host = parts.hostname or ""
    address, port = _resolve(host, parts.port or (443 if parts.scheme == "https" else 80), private)
    timeout = Timeout(connect=SECONDS / 2, read=SECONDS)
    pool: HTTPConnectionPool
    if parts.scheme == "https":
        pool = HTTPSConnectionPool(
            address,
            port,
            timeout=timeout,
            cert_reqs="CERT_REQUIRED",
            ca_certs=certifi.where(),
            server_hostname=host,
            assert_hostname=host,
        )
    else:
        pool = HTTPConnectionPool(address, port, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return pool.urlopen(
        "POST",
        target,
        body=body,
        headers={"Host": parts.netloc, **headers},
        retries=False,
        redirect=False,
        preload_content=False,
    )


def _resolve(host: str, port: int, private: bool) -> tuple[str, int]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not private and not all(_is_public(address) for address in addresses):
        raise _Refused("private address")
    return addresses[0], port


def _is_public(address: str) -> bool:
    parsed = ip_address(address.partition("%")[0])
    if parsed in _NAT64:
        return False  # an IPv4 address is behind it, perhaps a private one
    inner = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    return (inner or parsed).is_global and not parsed.is_multicast


def _read(response: BaseHTTPResponse, deadline: float) -> str:
    data = b""
    try:
        while len(data) < MAX_ANSWER and time.monotonic() < deadline:
            part = response.read1(MAX_ANSWER - len(data))
            if not part:
                break
            data += part
    finally:
        response.close()
    return data.decode("utf-8", "replace").replace("\x00", "")
