"""A message is posted, to servers that mean us no good."""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from app.webhooks import posting
from app.webhooks.posting import MAX_ANSWER
from tests.support.certificates import Authority
from tests.support.webhook_receiver import Receiver

SECONDS = 0.6
Act = Callable[[socket.socket], None]


@pytest.fixture
def service() -> Iterator[Receiver]:
    """A seller's service."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


@contextmanager
def server(act: Act, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server at a port of this machine that does `act` with whoever connects."""

    def serve() -> None:
        while True:
            try:
                taken, _address = listening.accept()
            except OSError:
                return
            callers.append(taken)
            try:
                with context.wrap_socket(taken, server_side=True) if context else taken as caller:
                    if act is not take_nothing:
                        read_request(caller)
                    act(caller)
            except OSError:
                pass  # it has hung up

    callers: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            for caller in callers:
                with suppress(OSError):  # it is closed
                    caller.shutdown(socket.SHUT_RDWR)
            thread.join()


def read_request(caller: socket.socket) -> None:
    """Take in all of it: what is left unread makes the end of the connection a reset."""
    taken = b""
    while not taken.endswith(b"{}") and (part := caller.recv(65536)):
        taken += part


def drip(start: bytes, drop: bytes) -> Act:
    """Say the start, then a drop again and again, soon enough for any time-out of one read."""

    def act(caller: socket.socket) -> None:
        caller.sendall(start)
        while True:
            time.sleep(0.05)
            caller.sendall(drop)

    return act


def flood(start: bytes, wave: bytes) -> Act:
    """Say the start, then the same without end, as fast as it goes."""

    def act(caller: socket.socket) -> None:
        caller.sendall(start)
        while True:
            caller.sendall(wave)

    return act


def take_nothing(caller: socket.socket) -> None:
    """Leave what is sent in the line, until the server closes."""
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    closed = select.poll()
    closed.register(caller, 0)  # by our own side: nothing of the other's end gets through
    closed.poll()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(("act", "status", "error"), [
    (drip(b"", b"H"), None, "too_slow"),
    (drip(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"), None, "too_slow"),
    (drip(OK, b"X-A: b\r\n"), None, "too_slow"),
    (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), None, "too_slow"),
    (drip(OK + b"\r\n", b"a"), 200, None),
    (drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"), 200, None),
    (take_nothing, None, "too_slow"),
])  # fmt: skip
def test_nobody_holds_us_up(act: Act, status: int | None, error: str | None) -> None:
    with server(act) as place:
        began = time.monotonic()
        body = b"x" * 20_000_000 if act is take_nothing else b"{}"
        posted = posting.post(f"http://{place}", body, {}, private=True, seconds=SECONDS)
        assert time.monotonic() - began < SECONDS + 1
    assert (posted.status, posted.error) == (status, error)
    assert posted.duration_ms >= SECONDS * 1000 * 0.9


@pytest.mark.parametrize("act", [take_nothing, drip(b"\x16\x03\x03\x40\x00", b"\x02")])
def test_nor_by_a_slow_handshake(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "read_request", lambda caller: caller.recv(65536))
    with server(act) as place:
        began = time.monotonic()
        posted = posting.post(f"https://{place}", b"{}", {}, private=True, seconds=SECONDS)
        assert time.monotonic() - began < SECONDS + 1
    assert (posted.status, posted.error) == (None, "too_slow")


def test_nor_by_a_name_that_nobody_answers_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def wait(*_args: Any, **_more: Any) -> list[Any]:
        over.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    began = time.monotonic()
    posted = posting.post("https://a.example/", b"{}", {}, private=False, seconds=SECONDS)
    over.set()
    assert time.monotonic() - began < SECONDS + 1
    assert posted.error == "too_slow"


@pytest.mark.parametrize(("act", "status", "error"), [
    (flood(OK + b"\r\n", b"a" * 65536), 200, None),
    (flood(OK + b"Content-Encoding: gzip\r\n\r\n", b"\x1f\x8b" * 32768), 200, None),
    (flood(OK, b"X-A: " + b"b" * 60000 + b"\r\n"), None, "bad_answer"),
    (flood(OK + b"X-A: ", b"b" * 65536), None, "bad_answer"),
    (flood(b"", b"HTTP/1.1 100 Continue\r\nX: " + b"b" * 60000 + b"\r\n\r\n"), None, "bad_answer"),
    (flood(b"", b"a" * 65536), None, "bad_answer"),
    (lambda caller: caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n\x00nul"), 200, None),
    (lambda caller: caller.sendall(b"HTTP/1.1 99999 OK\r\n\r\n"), None, "bad_answer"),
    (lambda caller: None, None, "no_connection"),
])  # fmt: skip
def test_of_too_much_or_nonsense_little_is_read(act: Act, status: int | None, error: str) -> None:
    with server(act) as place:
        posted = posting.post(f"http://{place}", b"{}", {}, private=True, seconds=5)
    assert (posted.status, posted.error) == (status, error)
    assert len(posted.answer) <= MAX_ANSWER
    assert "\x00" not in posted.answer
    assert posted.duration_ms < 4000


def test_first_address_that_answers_is_taken(
    service: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def find(host: str, port: int, *args: Any, **more: Any) -> list[Any]:
        if host != "two.example":
            return real(host, port, *args, **more)
        return [(0, 0, 0, "", ("127.0.0.2", port)), (0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", find)
    posted = posting.post(service.url.replace("127.0.0.1", "two.example"), b"{}", {}, private=True)
    assert posted.status == 200
    [received] = service.received
    assert received.headers["HOST"].startswith("two.example:")


def test_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [(0, 0, 0, "", ("1.1.1.1", 443)), (0, 0, 0, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: entries)
    posted = posting.post("https://mixed.example/", b"{}", {}, private=False)
    assert posted.error == "private_address"


def test_name_that_does_not_exist() -> None:
    for host in ("nobody.invalid", "a" * 64 + ".example", "a..b"):
        posted = posting.post(f"https://{host}/", b"{}", {}, private=False)
        assert posted.error == "no_such_host"


def test_redirects_are_not_followed(service: Receiver) -> None:
    service.answers = [307]
    posted = posting.post(service.url, b"{}", {}, private=True)
    assert (posted.status, posted.taken, len(service.received)) == (307, False, 1)


def test_body_and_headers_arrive(service: Receiver) -> None:
    posted = posting.post(service.url + "?a=b", b'{"a": 1}', {"webhook-id": "1"}, private=True)
    assert posted.taken
    [received] = service.received
    assert received.body == b'{"a": 1}'
    assert received.headers["WEBHOOK-ID"] == "1"


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path, "receivers")

    @pytest.fixture
    def certified(self, authority: Authority) -> ssl.SSLContext:
        files = authority.files("server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["auth_grpc_cert"], files["auth_grpc_key"])
        return context

    def test_certificate_must_be_of_a_known_authority(self, certified: ssl.SSLContext) -> None:
        with server(lambda caller: caller.sendall(OK + b"\r\n"), certified) as place:
            posted = posting.post(f"https://{place}", b"{}", {}, private=True)
        assert (posted.status, posted.error) == (None, "bad_tls")

    def test_certificate_must_be_the_hosts(
        self, authority: Authority, certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trusting = ssl.create_default_context(cafile=str(authority.certificate))
        monkeypatch.setattr(posting, "_tls", lambda: trusting)
        with server(lambda caller: caller.sendall(OK + b"\r\nhello"), certified) as place:
            good = posting.post(f"https://{place}", b"{}", {}, private=True)
            other = place.replace("127.0.0.1", "127.0.0.1.nip.example")
            real = socket.getaddrinfo
            monkeypatch.setattr(
                socket,
                "getaddrinfo",
                lambda host, *args, **more: real("127.0.0.1", *args, **more),
            )
            bad = posting.post(f"https://{other}", b"{}", {}, private=True)
        assert (good.status, good.answer) == (200, "hello")
        assert (bad.status, bad.error) == (None, "bad_tls")

    def test_plain_server_is_no_tls_server(self, service: Receiver) -> None:
        posted = posting.post(service.url.replace("http:", "https:"), b"{}", {}, private=True)
        assert (posted.status, posted.error) == (None, "bad_tls")
