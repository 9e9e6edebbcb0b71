"""The MongoDB process: `python -m app.embedded.mongo_server PORT DIRECTORY [--durable]`.

SecantusDB's own command can ask for passwords but cannot make the first user, hence this one. The
password of the user comes by stdin.
"""

import argparse
import contextlib
import logging
import signal
import socket
import sys
import threading
from queue import SimpleQueue

from secantus.auth import derive_credentials
from secantus.server import SecantusDBServer

from app.embedded.mongo import USER
from app.embedded.processes import LOOPBACK

MECHANISM = "SCRAM-SHA-256"
WAKE_SECONDS = 0.05  # after `stop` has begun


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("directory")
    parser.add_argument("--durable", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Read before the server opens its storage: a parent that died must not leave a server behind.
    secret = sys.stdin.read()
    server = SecantusDBServer(
        host=LOOPBACK,
        port=arguments.port,
        storage_path=arguments.directory,
        require_auth=True,
        enable_test_commands=False,
        cache_size="128M",
        # Without it the last seconds of a killed server are lost, answered writes included.
        sync_on_commit=arguments.durable,
    )

    # The handler only leaves word: stopping takes locks that the interrupted line may hold.
    told_to_stop: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda told, _frame: told_to_stop.put(told))
    _set_password(server, secret)
    server.start()
    told_to_stop.get()
    # Its listener, for which `stop` waits up to two seconds, looks up only when somebody comes.
    threading.Timer(WAKE_SECONDS, _come, [arguments.port]).start()
    server.stop()


def _come(port: int) -> None:
    with contextlib.suppress(OSError):
        socket.create_connection((LOOPBACK, port), timeout=1).close()


def _set_password(server: SecantusDBServer, secret: str) -> None:
    credentials = derive_credentials(secret, mechanism=MECHANISM, username=USER).to_doc()
    record = {
        "_id": f"admin.{USER}",
        "user": USER,
        "db": "admin",
        "credentials": credentials,
        "roles": [{"role": "root", "db": "admin"}],
        "mechanisms": [MECHANISM],
    }
    server.storage.add_user("admin", USER, record, replace=True)


if __name__ == "__main__":
    main()
