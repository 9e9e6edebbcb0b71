"""Requests: where from, whether of a program, and with their uploads kept in memory."""

from io import BytesIO
from ipaddress import IPv6Address, ip_address, ip_network
from typing import IO, Any
from urllib.parse import urlsplit

from flask import Request, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

API = "/api/v1"
_IPV6_PREFIX = 64
_MAX_TARGET = 2000


def is_api() -> bool:
    """Whether a program asks, below /api: no cookie counts there, and every answer is JSON."""
    return request.path.startswith("/api/")


def address() -> str | None:
    """Where the request comes from, as PostgreSQL writes it; None where a proxy does not say.

    An IPv4 address that came in over IPv6 (`::ffff:192.0.2.1`) is the IPv4 address it is.
    """
    try:
        found = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def agent() -> str:
    """The asking program's own name, "" where it says none."""
    return request.user_agent.string


def network() -> str:
    """What counts as one place for limits; "" where a proxy does not say where from."""
    return network_of(address() or "")


def network_of(address: str) -> str:
    """An IPv4 address as it is, an IPv6 address as its /64: what one household or host is given."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ip_network((parsed, _IPV6_PREFIX), strict=False))
    return str(parsed)


def public(path: str) -> str:
    """The full address of a path of ours: that which the shop is known by, whatever host was asked.

    For pages and programs alike; `Host` is what the asker says, who may be anybody.
    """
    home = urlsplit(current_app.config["PUBLIC_URL"])
    return f"{home.scheme}://{home.netloc}{path}"


def own_path(target: str | None, default: str) -> str:
    """`target` if it is a path of this shop, else `default`: nobody is sent to another site.

    Browsers take a backslash for a slash and drop control characters, so neither may be there.
    """
    if (
        not target
        or len(target) > _MAX_TARGET
        or not target.startswith("/")
        or target.startswith("//")
        or "\\" in target
        or not target.isprintable()
    ):
        return default
    return target


class MemoryRequest(Request):
    """A request that puts no uploaded file on the disk: an upload may hold goods in clear text.

    `kit.bodies` bounds what one request takes.
    """

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """The body; RequestEntityTooLarge instead of as much of it as is taken."""
        data = super().get_data(*args, **kwargs)
        if self.max_content_length is not None and len(data) >= self.max_content_length:
            raise RequestEntityTooLarge
        return data

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002  # Werkzeug calls it with these
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        """Werkzeug's documented hook; its own would use a temporary file from 500 KB on."""
        return BytesIO()
