"""Calls for which PayPal's SDK has no classes, and what it does not read of refusals."""

import json
from typing import Any


class Call:
    """A call that the SDK has no class for."""

    def __init__(self, verb: str, path: str, body: Any = None) -> None:
        self.verb, self.path, self.body = verb, path, body
        self.headers = {"Content-Type": "application/json"}


def name_and_link(refusal: str) -> tuple[str, str | None]:
    """What a refusal calls itself, and where that is which is in its way; ValueError."""
    body = json.loads(refusal)
    try:
        return str(body["name"]), str(body["details"][0]["link"][0]["href"])
    except (LookupError, TypeError):
        return str(body["name"]), None
