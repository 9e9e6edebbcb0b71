"""Units of stock get into nothing that people write: who buys them alone is to read them."""

import re
from collections.abc import Iterator, Sequence

from app.kit.crypto import vault
from app.products.queries.stock import known_units

MOST_PIECES = 2_100  # of one text, that are held against the units of the shop
_SHORTEST = 5
_LONGEST_WORD = 16  # letters; what is longer, or has a digit or a sign, may be a unit
_SHOWN = 4  # of a unit's signs, a third of them at most
_MASK = "••••"
_PIECE = re.compile(r"\S+")
_AROUND = ".,;:!?()[]{}<>\"'«»“”`*_"


def without_units(text: str) -> str:
    """The text with every unit that somebody stocks or has bought masked.

    It gets no longer by that: what was short enough to be taken stays so.
    """
    pieces = list(dict.fromkeys(_pieces(text)))[:MOST_PIECES]
    for unit in sorted(_units(pieces), key=len, reverse=True):
        shown = unit[: min(_SHOWN, len(unit) // 3)]
        text = text.replace(unit, f"{shown}{_MASK}")
    return text


def _units(pieces: Sequence[str]) -> set[str]:
    by_fingerprint = {vault().fingerprint(piece): piece for piece in pieces}
    return {by_fingerprint[found] for found in known_units(by_fingerprint)}


def _pieces(text: str) -> Iterator[str]:
    """Whole lines, and what stands between blanks, with and without signs around it."""
    for line in text.splitlines():
        if len(whole := line.strip()) >= _SHORTEST:
            yield whole
        for match in _PIECE.finditer(line):
            for piece in (match[0], match[0].strip(_AROUND), match[0].rpartition(":")[2]):
                if len(piece) >= _SHORTEST and not _is_plain_word(piece):
                    yield piece


def _is_plain_word(piece: str) -> bool:
    """Whether it is a word that anybody writes: stocked by somebody, it would be masked for all."""
    return piece.isalpha() and len(piece) < _LONGEST_WORD
