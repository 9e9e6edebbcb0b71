"""gunicorn's settings for every role of the Procfile that speaks HTTP; ROLES names the role.

HOST and PORT say where `web` listens; `chat` takes CHAT_PORT (one above), `paypal` PAYPAL_PORT (two
above). A reverse proxy stands before these ports in production and guards against slow clients.
"""

import gc
import os
from typing import Any

from gunicorn.glogging import Logger

from app.kit.logs import without_secrets


class AccessLogger(Logger):
    """Keeps the secrets of mailed links and of sockets' tickets out of the log of ACCESS_LOG."""

    def atoms(self, *request: Any) -> dict[str, Any]:
        """What a line is made of."""
        found: dict[str, Any] = super().atoms(*request)
        return {
            name: without_secrets(value) if isinstance(value, str) else value
            for name, value in found.items()
        }


def _spare_imports() -> None:
    """Keep what was imported out of every look for garbage: a full one took 300 ms, amid a page."""
    gc.collect()
    gc.freeze()


def post_worker_init(_worker: object) -> None:
    """Make a worker ready for its first request."""
    _spare_imports()


role = os.environ.get("ROLES", "web")
port = int(os.environ.get("PORT", "8000"))
host = os.environ.get("HOST", "127.0.0.1")

proc_name = f"byteshop-{role}"
loglevel = os.environ.get("GUNICORN_LOG_LEVEL", "info")
accesslog = os.environ.get("ACCESS_LOG") or None
logger_class = AccessLogger
timeout = 60
graceful_timeout = int(os.environ.get("GRACEFUL_SECONDS", "20"))
keepalive = 5
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
# One socket file in the home directory would be fought over by the roles.
control_socket_disable = True
# Heartbeat files on a disk can stall a worker; memory cannot.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

if role == "web":
    bind = f"{host}:{port}"
    worker_class = "gthread"
    preload_app = True  # the factory reaches no server, so workers may share what it built
    workers = int(os.environ.get("WEB_WORKERS", "2"))
    threads = int(os.environ.get("WEB_THREADS", "8"))
    slow_seconds = float(os.environ.get("SLOW_SECONDS", "20"))

    def pre_request(_worker: object, request: Any) -> None:
        """Give up who sends nothing for a while; who sends drops is the proxy's work."""
        request.unreader.sock.settimeout(slow_seconds)

elif role == "chat":
    bind = f"{host}:{os.environ.get('CHAT_PORT', port + 1)}"
    worker_class = "gevent"
    workers = int(os.environ.get("CHAT_WORKERS", "1"))
    worker_connections = int(os.environ.get("CHAT_CONNECTIONS", "2000"))

    def post_worker_init(_worker: object) -> None:
        """Let grpcio wait the way gevent does, before anybody asks the `auth` role."""
        if os.environ.get("AUTH_GRPC_URL"):
            # Only here: grpcio takes 20 MB, and the other roles' workers know no gevent.
            from grpc.experimental.gevent import init_gevent  # noqa: PLC0415

            init_gevent()
        _spare_imports()

elif role == "paypal":
    # One process: the sandbox keeps its books behind one lock.
    bind = f"{host}:{os.environ.get('PAYPAL_PORT', port + 2)}"
    worker_class = "gthread"
    workers = 1
    threads = 16
else:
    raise SystemExit(f"gunicorn serves the roles web, chat and paypal, not {role!r}")
