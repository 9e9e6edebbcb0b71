"""Calls made at the same moment, each as another process would make it."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from app.kit.errors import AppError


def at_once(application: Flask, calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all calls together: what each returned, or its refusal; other errors are raised."""
    start = threading.Barrier(len(calls), timeout=30)

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        with application.app_context():
            try:
                return call()
            except AppError as refusal:
                return refusal

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
