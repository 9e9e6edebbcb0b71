"""A PayPal of the shop's own, for trying it out: REST API, payment window, webhooks, books.

It stands in where no PayPal credentials are set. It speaks PayPal's Orders v2, Payments v2
(captures and refunds), Payouts v1, Customer Disputes v1, Webhooks v1 and Transaction Search v1, so
that a client needs nothing but another address; it keeps its own double-entry books, which the
shop's are compared with; and it can be told to go wrong.

Serve it with one process and several threads: `gunicorn --threads 16 'app.sandbox:create_app()'`.
Its state is one SQLite file in SANDBOX_DATA_DIR. It knows nothing of the shop's domains.
"""

import atexit
import errno
import json
import socket
import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app.sandbox import (
    api,
    checkout_pages,
    control,
    dispute_controls,
    disputes_api,
    notifications_api,
    oauth,
    order_controls,
    orders_api,
    payments_api,
    payouts_api,
    reporting_api,
    sdk_js,
)
from app.sandbox.clock import Clock
from app.sandbox.config import SandboxConfig
from app.sandbox.errors import PaypalError
from app.sandbox.events import EVERYTHING
from app.sandbox.faults import Faults
from app.sandbox.idempotency import Guard
from app.sandbox.signing import Certificates
from app.sandbox.state import Sandbox, sandbox
from app.sandbox.storage import Storage
from app.sandbox.webhooks import Dispatcher

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY = 8 * 1024 * 1024  # a batch of 15,000 payouts has some 4 MiB
API_PATHS = ("/v1/", "/v2/")


def create_app(config: SandboxConfig | None = None) -> Flask:
    """The sandbox; settings come from the environment unless given.

    Raises KeyError for a missing SANDBOX_ variable, RuntimeError if another process has its data.
    """
    config = config or SandboxConfig.from_env()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # A page of the internet that points its name at this machine must not reach the control page.
    app.config["TRUSTED_HOSTS"] = [
        "127.0.0.1",
        "localhost",
        str(urlsplit(config.public_url).hostname),
    ]
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.extensions["sandbox"] = _open(config)
    for module in (
        oauth,
        orders_api,
        payments_api,
        disputes_api,
        payouts_api,
        notifications_api,
        reporting_api,
        sdk_js,
        checkout_pages,
        control,
        dispute_controls,
        order_controls,
    ):
        app.register_blueprint(module.blueprint)
    app.register_error_handler(PaypalError, api.error_answer)
    app.register_error_handler(HTTPException, _http_error)
    app.add_url_rule("/healthz", view_func=_healthz)
    app.wsgi_app = _breaking(app.wsgi_app)  # type: ignore[assignment, method-assign]  # Flask's own way
    return app


def _open(config: SandboxConfig) -> Sandbox:
    storage = Storage(config.data_dir)
    clock = Clock(storage)
    box = Sandbox(
        config, storage, clock, Faults(), Guard(storage, clock), Certificates(config.data_dir)
    )
    if config.webhook_url:
        with storage.transaction() as db:
            db.execute(
                "INSERT INTO webhook VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " url = excluded.url, event_types = excluded.event_types",
                (config.webhook_id, config.webhook_url, json.dumps([EVERYTHING])),
            )
    box.dispatcher = Dispatcher(box)
    box.dispatcher.start()
    atexit.register(box.stopping.set)
    return box


def _healthz() -> Response:
    """Alive, and its file can be read."""
    with sandbox().storage.transaction() as db:
        db.execute("SELECT 1 FROM setting LIMIT 1")
    return api.json_answer(200, {"status": "ok"})


def _http_error(error: HTTPException) -> Response | HTTPException:
    """What the web server refuses, in PayPal's form where PayPal's client asked."""
    if request.path.startswith(API_PATHS) and error.code:
        return api.error_answer(api.status_error(error.code))
    return error


def _breaking(wsgi: "WSGIApplication") -> "WSGIApplication":
    """Break the connection instead of answering where a fault asks for it."""

    def call(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        held: list[tuple[Any, ...]] = []

        def hold(*args: Any) -> Callable[[bytes], object]:
            held.append(args)
            return lambda _chunk: None

        body = wsgi(environ, hold)
        if environ.get(api.RESET):
            _reset(environ["gunicorn.socket"])
        start_response(*held[-1])
        return body

    return call


def _reset(connection: socket.socket) -> None:
    """End a connection with RST: closing without lingering does that."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    raise ConnectionResetError(errno.ECONNRESET, "reset as asked")
