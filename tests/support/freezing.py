"""Servers that stand still: they take calls, and answer none until they may go on."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from app.embedded.processes import EmbeddedServer


@contextmanager
def frozen(server: EmbeddedServer) -> Iterator[None]:
    """Stop all processes of a server, and let them go on afterwards."""
    own = psutil.Process(server.process.pid)
    processes = [own, *own.children(recursive=True)]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)
