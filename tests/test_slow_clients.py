"""Slow clients: the proxies' files as they are shipped, on the real ones, before `web`."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask

from app.embedded.processes import free_port
from app.kit.bodies import MIB
from app.settings import Settings
from tests.support.shop import Shop, environment_of

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = 200
BODY = (
    b"POST /auth/login HTTP/1.1\r\nHost: shop\r\nContent-Length: 5000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nemail="
)
HEADERS = b"GET / HTTP/1.1\r\nHost: shop\r\nX-Slow: "


@pytest.fixture(scope="module")
def web(
    make_settings: Callable[..., Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """`web` alone, as the Procfile starts it."""
    directory = tmp_path_factory.mktemp("web")
    environment = environment_of(make_settings(), directory)
    with Shop(environment | {"SLOW_SECONDS": "1"}, directory) as started:
        started.start("web")
        yield started


@pytest.fixture
def shop(app: Flask, web: Shop) -> Shop:
    """The same, on empty stores."""
    return web


def _nginx(directory: Path, port: int, web: int) -> list[str]:
    """The shipped file, with this machine's places for those of a server."""
    text = (ROOT / "nginx.conf").read_text()
    text = text.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
    text = text.replace("listen 80 default_server;", f"listen 127.0.0.1:{free_port()};")
    text = text.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{web}")
    text = re.sub(r"^ *(ssl_\w+|user) .*;\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"(client_(?:header|body)_timeout) 10s;", r"\1 2s;", text)
    for place in ("/run/nginx.pid", "/run/nginx-bodies", "/var/log/nginx/error.log"):
        text = text.replace(place, str(directory / Path(place).name))
    (directory / "nginx.conf").write_text(text)
    return ["nginx", "-p", str(directory), "-c", str(directory / "nginx.conf"), "-g", "daemon off;"]


def _caddy(directory: Path, port: int, web: int) -> list[str]:
    """The shipped file; Debian's Caddy (2.6.2) knows the buffers by their older names alone."""
    text = (ROOT / "Caddyfile").read_text()
    text = text.replace("shop.example.com {", f"http://127.0.0.1:{port} {{")
    text = text.replace("web:8000", f"127.0.0.1:{web}").replace("{\n", "{\n\tadmin off\n", 1)
    text = text.replace("read_header 10s", "read_header 2s").replace(
        "read_body 60s", "read_body 2s"
    )
    version = subprocess.run(["caddy", "version"], check=True, capture_output=True, text=True)
    if version.stdout.strip().removeprefix("v").startswith("2.6.2"):
        text = text.replace("request_buffers 17MiB", "buffer_requests\n\t\t\tmax_buffer_size 17MiB")
    (directory / "Caddyfile").write_text(text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(directory / "Caddyfile")]


@pytest.fixture(params=[_nginx, _caddy], ids=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, shop: Shop, tmp_path: Path) -> Iterator[str]:
    """The address of a proxy before `web`."""
    port = free_port()
    make: Callable[[Path, int, int], list[str]] = request.param
    command = make(tmp_path, port, urlsplit(shop.url).port or 0)
    log = tmp_path / "proxy.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        )
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        else:
            pytest.fail(log.read_text())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)


def _hold(stack: ExitStack, url: str, beginning: bytes, count: int) -> list[socket.socket]:
    """Connections that have begun a request and go no further."""
    address = ("127.0.0.1", urlsplit(url).port or 0)
    held = [stack.enter_context(socket.create_connection(address)) for _ in range(count)]
    for connection in held:
        connection.sendall(beginning)
    return held


def test_200_slow_clients_keep_nobody_waiting(proxy: str) -> None:
    with ExitStack() as stack:
        held = _hold(stack, proxy, BODY, CLIENTS // 2) + _hold(stack, proxy, HEADERS, CLIENTS // 2)
        for connection in held:  # and one drop each, so that they count as alive
            connection.sendall(b"x")
        for path in ("/healthz", "/", "/auth/login") * 4:
            assert requests.get(proxy + path, timeout=2, headers={"Host": "shop"}).ok, path
        for connection in held:  # in the end each is given up
            connection.settimeout(10)
            while connection.recv(4096):
                pass


def test_who_is_slow_without_a_proxy_is_given_up_once_the_headers_are_there(shop: Shop) -> None:
    with ExitStack() as stack:
        held = _hold(stack, shop.url, BODY, 16)
        assert requests.get(f"{shop.url}/healthz", timeout=10).ok
        for connection in held:
            connection.settimeout(10)
            assert connection.recv(4096)


@pytest.mark.parametrize("size", [1_350_000, 20 * MIB])
def test_a_refused_upload_leaves_the_connection_good(shop: Shop, size: int) -> None:
    url = urlsplit(shop.url)
    with closing(HTTPConnection(url.hostname or "", url.port, timeout=10)) as connection:
        for _ in range(4):
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/api/v1/auth/token", b"x" * size, headers)
            answer = connection.getresponse()
            assert (answer.status, answer.read()[:1]) == (413, b"{")
            kept = connection.sock
            connection.request("GET", "/api/v1/products")
            again = connection.getresponse()
            assert (again.status, again.read()[:1]) == (200, b"{")
            assert connection.sock is kept
