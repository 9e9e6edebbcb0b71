"""A way to PostgreSQL on which nothing arrives any more, though nobody is told that it broke."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field

from tests.support.proxy import CHUNK, Proxy


@dataclass
class SilentProxy(Proxy):
    """Passes everything on while it is open."""

    _open: threading.Event = field(default_factory=threading.Event)
    _servers: list[socket.socket] = field(default_factory=list)
    _clients: list[socket.socket] = field(default_factory=list)

    def start(self) -> None:
        """Accept connections until `stop`, open."""
        self._open.set()
        super().start()

    def shut(self) -> None:
        """Pass nothing on, in either direction; all connections stay, and new ones wait."""
        self._open.clear()

    def reopen(self) -> None:
        """Go on where it stopped."""
        self._open.set()

    def drop_servers(self) -> None:
        """Take the connections from PostgreSQL, of which clients hear nothing."""
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Accept no more, and break what there is."""
        super().stop()
        for each in (*self._servers, *self._clients):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.set()

    def _pass_on(self, client: socket.socket) -> None:
        server = socket.create_connection((self.host, self.target))
        self._clients.append(client)
        self._servers.append(server)
        back = threading.Thread(target=self._copy, args=(server, client), daemon=True)
        back.start()
        self._copy(client, server)

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._open.wait()
                sink.sendall(data)
            self._open.wait()
            sink.shutdown(socket.SHUT_RDWR)
