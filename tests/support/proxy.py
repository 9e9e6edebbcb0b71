"""A way to a server on which a test can make something happen."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
CHUNK = 65536


@dataclass
class Proxy:
    """Takes connections at a port of its own and hands each to `_pass_on`, in a thread."""

    host: str
    target: int
    _listener: socket.socket = field(
        default_factory=lambda: socket.create_server((LOOPBACK, 0)), kw_only=True
    )

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Accept connections until `stop`."""
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accept no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        raise NotImplementedError
