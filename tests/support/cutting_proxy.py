"""A way to PostgreSQL that breaks at a COMMIT: was it done or not? The client can't tell."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field

from tests.support.proxy import CHUNK, Proxy

COMMIT = b"COMMIT"


@dataclass
class CuttingProxy(Proxy):
    """Passes everything on, until it is told to cut.

    The connection that is cut is the first that sends `marker` and then commits: `answer_lost`
    breaks it once PostgreSQL has committed, else the COMMIT itself never arrives.
    """

    answer_lost: bool = False
    marker: bytes | None = None
    cuts: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cut(self, marker: bytes, *, answer_lost: bool) -> None:
        """Cut the next transaction that holds the marker."""
        self.marker, self.answer_lost = marker, answer_lost

    def _pass_on(self, client: socket.socket) -> None:
        server = socket.create_connection((self.host, self.target))
        cut = threading.Event()
        back = threading.Thread(target=self._answers, args=(server, client, cut), daemon=True)
        back.start()
        is_marked = False
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK):
                with self._lock:
                    is_marked = is_marked or bool(self.marker and self.marker in data)
                    if is_marked and COMMIT in data:
                        self.marker, is_marked = None, False
                        self.cuts += 1
                        cut.set()
                        if not self.answer_lost:
                            break
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        back.join()
        server.close()
        client.close()

    def _answers(self, server: socket.socket, client: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                if cut.is_set():
                    break  # PostgreSQL has answered: the COMMIT is done
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
