"""Prices as people type them."""

import re

from app.kit.money import Money

# Blanks and apostrophes stand between groups of three alone: "12 50" is not 1,250.
_PRICE = re.compile(
    r"(?P<whole>[0-9]{1,9}|[0-9]{1,3}(?:[\s'][0-9]{3}){1,2})(?:\s*[.,]\s*(?P<part>[0-9]{1,2}))?"
)
_BETWEEN = re.compile(r"[\s']")


def parse_price(text: str, currency: str) -> int:
    """Minor units of "12.50", "12,50" or "1 200"; ValueError for anything else."""
    price = _PRICE.fullmatch(text.strip())
    if price is None:
        raise ValueError(f"not a price: {text!r}")
    whole = _BETWEEN.sub("", price["whole"])
    return Money.parse(f"{whole}.{price['part'] or 0}", currency).minor
