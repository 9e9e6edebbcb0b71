"""A mail server that answers letter by letter from some point on."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

# Where it begins to drip; "TLS" is the handshake, "END" the answer to a mail's last line.
STAGES = ("CONNECT", "EHLO", "STARTTLS", "TLS", "AUTH", "MAIL", "RCPT", "DATA", "END", "QUIT")
DROP_SECONDS = 0.05
_ANSWERS = {
    "CONNECT": b"220 here\r\n",
    "STARTTLS": b"220 go on\r\n",
    "AUTH": b"235 known\r\n",
    "MAIL": b"250 ok\r\n",
    "RCPT": b"250 ok\r\n",
    "DATA": b"354 go on\r\n",
    "END": b"250 taken\r\n",
    "QUIT": b"221 bye\r\n",
}


class DrippingMailServer:
    """Takes mails; an answer of the stage `drips` never ends, though a part of it comes soon."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.drips: str | None = None
        self.many_lines = False  # whole lines of an answer, instead of letters of one
        self.taken: list[EmailMessage] = []  # a mail whose last line came is taken
        self.connections = 0
        self.names: list[str] = []  # as the callers called themselves
        self._context = context
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stop(self) -> None:
        """Hang up on everybody."""
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                caller, _address = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(caller,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, caller: socket.socket) -> None:
        try:
            with caller:
                self._answer(caller, "CONNECT")
                self._talk(caller)
        except OSError:
            pass  # it has hung up

    def _talk(self, caller: socket.socket) -> None:
        lines = _lines(caller)
        while line := next(lines, b""):
            command = line[:8].split()[0].decode().upper()
            self._answer(caller, command)
            if command == "EHLO":
                self.names.append(line.split()[1].decode())
            elif command == "STARTTLS":
                if self.drips == "TLS":
                    self._drip(caller, b"\x16\x03\x03\x40\x00", b"\x02")
                assert self._context is not None
                with self._context.wrap_socket(caller, server_side=True) as encrypted:
                    self._talk(encrypted)
                return
            elif command == "DATA":
                self.taken.append(_mail(lines))
                self._answer(caller, "END")
            elif command == "QUIT":
                return

    def _answer(self, caller: socket.socket, stage: str) -> None:
        answer = self._offers(caller) if stage == "EHLO" else _ANSWERS[stage]
        if stage != self.drips:
            caller.sendall(answer)
        elif self.many_lines:
            self._drip(caller, b"", answer[:3] + b"-more\r\n")
        else:
            self._drip(caller, answer[:4], b"x")

    def _offers(self, caller: socket.socket) -> bytes:
        if self._context is None:
            return b"250 here\r\n"
        encrypted = isinstance(caller, ssl.SSLSocket)
        return b"250-here\r\n250 %s\r\n" % (b"AUTH PLAIN" if encrypted else b"STARTTLS")

    def _drip(self, caller: socket.socket, start: bytes, drop: bytes) -> None:
        caller.sendall(start)
        ends = time.monotonic() + 5
        while time.monotonic() < ends and not self._over.wait(DROP_SECONDS):
            caller.sendall(drop)
        raise ConnectionAbortedError


def _lines(caller: socket.socket) -> Iterator[bytes]:
    with caller.makefile("rb") as file:
        yield from file


def _mail(lines: Iterator[bytes]) -> EmailMessage:
    content = b"".join(iter(lambda: next(lines), b".\r\n"))
    return message_from_bytes(content, policy=policy.default)


@contextmanager
def dripping_mail_server(context: ssl.SSLContext | None = None) -> Iterator[DrippingMailServer]:
    """A server at a port of this machine, for as long as the block runs."""
    server = DrippingMailServer(context)
    try:
        yield server
    finally:
        server.stop()
