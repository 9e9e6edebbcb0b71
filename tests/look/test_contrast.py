"""Text and edges can be told from what they stand on, in both themes.

WCAG 2.2, 1.4.3 and 1.4.11: https://www.w3.org/TR/WCAG22/#contrast-minimum
"""

import re
from itertools import product
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "static" / "css" / "tokens.css"
TEXT, EDGE = 4.5, 3.0
SURFACES = ("bg", "surface", "surface-raised", "surface-sunken")
INKS = ("ink", "ink-muted", "link", "ember-text", "ok", "warn", "bad")
PAPERS = ("paper-key", "paper-link", "paper-text", "paper-file")
MEANINGS = ("ok", "warn", "bad", "info", "neutral")

PAIRS = [
    *((ink, surface, TEXT) for ink, surface in product(INKS, SURFACES)),
    *((ink, paper, TEXT) for ink, paper in product(("on-paper", "on-paper-muted"), PAPERS)),
    *((meaning, f"{meaning}-bg", TEXT) for meaning in MEANINGS),
    *(("on-petrol", petrol, TEXT) for petrol in ("petrol", "petrol-soft")),
    *(("on-petrol-muted", petrol, TEXT) for petrol in ("petrol", "petrol-soft")),
    *(("on-ember", ember, TEXT) for ember in ("ember", "ember-hover", "ember-press")),
    ("on-danger", "danger", TEXT),
    *((edge, surface, EDGE) for edge, surface in product(("line-strong", "focus"), SURFACES)),
]


def read_colours() -> dict[str, tuple[str, str]]:
    """Each colour token's light and dark value."""
    colour = re.compile(r"--([\w-]+):\s*(#\w{6}|light-dark\(#\w{6}, #\w{6}\));")
    found = {}
    for name, value in colour.findall(TOKENS.read_text()):
        values = re.findall(r"#\w{6}", value)
        found[name] = (values[0], values[-1])
    return found


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_pair_can_be_told_apart(front: str, back: str, least: float, theme: str) -> None:
    colours = read_colours()
    at = ("light", "dark").index(theme)

    assert contrast(colours[front][at], colours[back][at]) >= least
