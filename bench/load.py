"""Load on an address from a process of its own: so many kept-alive connections, as fast as it can.

`python -m bench.load HOST PORT PATH CONNECTIONS SECONDS` prints how many answers came. Plain
sockets, since a client that parses what it gets takes more of the machine than the server.
"""

import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

from tests.support.shop import ROOT

LONGEST = 1 << 16
LONGEST_WAIT = 10  # seconds
END_OF_HEADERS = b"\r\n\r\n"
LENGTH = b"content-length:"


def requests_a_second(url: str, *, connections: int, seconds: float) -> float:
    """Answers a second that a process of its own gets from the address."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    arguments = (parts.hostname, parts.port, path, connections, seconds)
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / seconds


def _ask_until(end: float, address: tuple[str, int], request: bytes, counts: list[int]) -> None:
    count = 0
    connection = socket.create_connection(address, LONGEST_WAIT)
    try:
        while time.monotonic() < end:
            connection.sendall(request)
            if not _read_answer(connection):
                connection.close()
                connection = socket.create_connection(
                    address, LONGEST_WAIT
                )  # gunicorn lets go of one at times
                continue
            count += 1
    finally:
        connection.close()
    counts.append(count)


def _read_answer(connection: socket.socket) -> bool:
    """Take an answer in; False if the server has hung up instead. RuntimeError if it is no 200."""
    try:
        answer = connection.recv(LONGEST)
    except ConnectionResetError:
        return False
    if not answer:
        return False
    while END_OF_HEADERS not in answer:
        answer += _more(connection)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not what was to be measured: {answer[:200]!r}")
    headers, _, body = answer.partition(END_OF_HEADERS)
    length = int(headers.lower().partition(LENGTH)[2].split(b"\r\n")[0])
    missing = length - len(body)
    while missing > 0:
        missing -= len(_more(connection))
    return True


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(LONGEST)
    if not received:
        raise RuntimeError("the server has hung up amid an answer")
    return received


def _main(host: str, port: str, path: str, connections: str, seconds: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    counts: list[int] = []
    arguments = (time.monotonic() + float(seconds), (host, int(port)), request, counts)
    askers = [threading.Thread(target=_ask_until, args=arguments) for _n in range(int(connections))]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    if len(counts) < len(askers):
        raise SystemExit("a connection failed")
    print(sum(counts))


if __name__ == "__main__":
    _main(*sys.argv[1:])
