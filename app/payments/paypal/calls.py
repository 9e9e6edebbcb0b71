"""Calls for which PayPal's SDK has no classes."""

from typing import Any


class Call:
    """A call that the SDK has no class for."""

    def __init__(self, verb: str, path: str, body: Any = None) -> None:
        self.verb, self.path, self.body = verb, path, body
        self.headers = {"Content-Type": "application/json"}
