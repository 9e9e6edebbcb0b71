"""Prices as people type them."""

import re

from app.kit.money import Money

_SPACES = re.compile(r"[\s\u00a0\u202f']")
_PLAIN = re.compile(r"\d{1,9}([.,]\d{1,2})?")


def parse_price(text: str, currency: str) -> int:
    """Minor units of "12.50", "12,50" or "1 200"; ValueError for anything else."""
    plain = _SPACES.sub("", text)
    if not plain.isascii() or not _PLAIN.fullmatch(plain):
        raise ValueError(f"not a price: {text!r}")
    return Money.parse(plain.replace(",", "."), currency).minor
