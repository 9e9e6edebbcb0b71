"""Sockets as a page of the shop opens them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask.testing import FlaskClient
from websocket import WebSocket, create_connection
from werkzeug.serving import make_server

SECONDS = 5
JSON = {"Accept": "application/json"}
OUR_PAGE = "http://localhost"  # the tests' PUBLIC_URL


@contextmanager
def serving(app: Flask) -> Iterator[int]:
    """Serve an application as it is; the port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def ticket_of(browser: FlaskClient) -> str:
    """A ticket for whoever is logged in there."""
    answer = browser.post("/live/ticket", headers=JSON)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return str(answer.json["ticket"])


@contextmanager
def open_at(address: str, ticket: str, origin: str | None = OUR_PAGE) -> Iterator[WebSocket]:
    """A socket that this ticket opens; it is closed afterwards."""
    connection = create_connection(
        f"{address}?ticket={ticket}",
        timeout=SECONDS,
        origin=origin,
        suppress_origin=origin is None,
    )
    try:
        yield connection
    finally:
        connection.shutdown()


def subscribe(connection: WebSocket, *topics: str) -> None:
    """Watch these topics, too."""
    connection.send(json.dumps({"subscribe": topics}))


def news(connection: WebSocket) -> dict[str, str]:
    """What the socket tells next of a topic. ConnectionError if it is closed instead."""
    while True:
        opcode, data = connection.recv_data()
        if opcode == 8:
            raise ConnectionError(f"closed: {data!r}")
        if "topic" in (told := json.loads(data)):
            return dict(told)


def close_code(connection: WebSocket) -> int:
    """The code with which the shop closes the socket; news before it are passed over."""
    connection.settimeout(SECONDS)
    while True:
        opcode, data = connection.recv_data()
        if opcode == 8:
            return int.from_bytes(data[:2], "big")
