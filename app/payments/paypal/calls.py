"""Calls for which PayPal's SDK has no classes, and what it does not read of refusals."""

import json
from collections.abc import Iterator
from typing import Any


class Call:
    """A call that the SDK has no class for.

    One that is to go `once` is not sent again by itself, whatever becomes of the answer.
    """

    def __init__(self, verb: str, path: str, body: Any = None, *, once: bool = False) -> None:
        self.verb, self.path, self.body, self.is_once = verb, path, body, once
        self.headers = {"Content-Type": "application/json"}


def name_and_links(refusal: str) -> tuple[str, tuple[str, ...]]:
    """What a refusal calls itself, and every address in it; ValueError, LookupError."""
    body = json.loads(refusal)
    details = body.get("details")
    holders = [*details, body] if isinstance(details, list) else [body]
    return str(body["name"]), tuple(one for holder in holders for one in _links(holder))


def _links(holder: Any) -> Iterator[str]:
    """The addresses in a part of a refusal: some of PayPal's services say "link", some "links"."""
    if not isinstance(holder, dict):
        return
    for name in ("link", "links"):
        links = holder.get(name)
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and isinstance(link.get("href"), str):
                yield link["href"]
