"""A way to PostgreSQL on which nothing arrives any more, though nobody is told that it broke."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
CHUNK = 65536


@dataclass
class SilentProxy:
    """Passes everything on while it is open."""

    host: str
    target: int
    _listener: socket.socket = field(default_factory=lambda: socket.create_server((LOOPBACK, 0)))
    _open: threading.Event = field(default_factory=threading.Event)
    _servers: list[socket.socket] = field(default_factory=list)
    _clients: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Accept connections until `stop`, open."""
        self._open.set()
        threading.Thread(target=self._accept, daemon=True).start()

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
        for each in (self._listener, *self._servers, *self._clients):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((self.host, self.target))
            self._clients.append(client)
            self._servers.append(server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._open.wait()
                sink.sendall(data)
            self._open.wait()
            sink.shutdown(socket.SHUT_RDWR)
