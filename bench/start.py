"""`make run` once its data is there: how soon it is ready, and what all its processes take."""

import signal
import tempfile
import time
from pathlib import Path

import psutil
from flask import Flask

from bench.figures import Figure
from tests.support.local_shop import LocalShop
from tests.support.shop import Shop


def run(_application: Flask, _shop: Shop) -> list[Figure]:
    """Start a local shop twice, and measure the second start; on Linux, which tells of memory."""
    with tempfile.TemporaryDirectory(prefix="byteshop-bench-") as directory:
        Path(directory).chmod(0o711)  # root lends PostgreSQL another account
        shop = LocalShop(Path(directory) / "instance")
        try:
            shop.start()
            shop.end(signal.SIGTERM)
            began = time.monotonic()
            shop.start()
            seconds = time.monotonic() - began
            processes = [*shop.family(), psutil.Process(shop.pid)]
            megabytes = sum(process.memory_full_info().pss for process in processes) / 2**20
            cpu_seconds = sum(map(_cpu_seconds, processes))
        finally:
            shop.close()
    return [
        Figure("ready after", seconds, "s", at_most=5),
        Figure("CPU until then, all processes", cpu_seconds, "s"),
        Figure(f"memory of its {len(processes)} processes (PSS)", megabytes, "MB", at_most=700),
    ]


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
