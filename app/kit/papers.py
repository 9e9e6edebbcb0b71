"""A text as a PDF whose pages are pictures, so that every script looks the same everywhere.

The letters are those of the shop's own font, which stands in files of one script each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONTS = Path(__file__).resolve().parents[2] / "static" / "vendor" / "fonts"
SCRIPTS = ("latin", "latin-ext", "cyrillic")
DPI = 150
WIDTH, HEIGHT = 1240, 1754  # A4
MARGIN = 100
MOST_PAGES = 60
TITLE, HEADING, BODY = 34, 26, 20
CONTINUED = "    | "
ROOM = WIDTH - 2 * MARGIN - 60  # of a line, beside the mark


@dataclass(frozen=True)
class Block:
    """A heading with lines below it; those of a pair are a name and what it is."""

    heading: str
    lines: Sequence[str | tuple[str, str]]


def pdf(title: str, blocks: Sequence[Block]) -> bytes:
    """The document, in black and white; what is beyond its most pages is left out, and said so."""
    paper = _Paper(title)
    paper.write(title, TITLE)
    for block in blocks:
        paper.rest(BODY)
        paper.write(block.heading, HEADING)
        for line in block.lines:
            paper.write(line if isinstance(line, str) else f"{line[0]}: {line[1]}", BODY)
    return paper.bound()


class _Paper:
    """Pages that are filled line by line."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._pages: list[Image.Image] = []
        self._y = HEIGHT
        self._draw: ImageDraw.ImageDraw

    def write(self, text: str, size: int) -> None:
        """Write a text, over as many lines as it takes."""
        for line in lines_of(text, size):
            self._write_line(line, size)

    def rest(self, height: int) -> None:
        """Leave a gap."""
        self._y += height

    def _write_line(self, line: str, size: int) -> None:
        step = size + size // 2
        if self._y + step > HEIGHT - MARGIN:
            if len(self._pages) == MOST_PAGES:
                return
            self._turn()
        x = float(MARGIN)
        for font, run in _runs(line, size):
            self._draw.text((x, self._y), run, font=font, fill=0)
            x += font.getlength(run)
        self._y += step

    def _turn(self) -> None:
        page = Image.new("L", (WIDTH, HEIGHT), 255)
        self._pages.append(page)
        self._draw = ImageDraw.Draw(page)
        self._y = MARGIN
        number = f"{len(self._pages)}"
        if len(self._pages) == MOST_PAGES:
            number += " (the rest is left out)"
        font = _fonts(BODY)[0]
        self._draw.text((MARGIN, HEIGHT - MARGIN + BODY), number, font=font, fill=0)

    def bound(self) -> bytes:
        """All pages as a PDF."""
        pages = [page.convert("1", dither=Image.Dither.NONE) for page in self._pages]
        written = BytesIO()
        pages[0].save(
            written,
            "PDF",
            resolution=DPI,
            save_all=True,
            append_images=pages[1:],
            title=self._title,
        )
        return written.getvalue()


def lines_of(text: str, size: int) -> Iterator[str]:
    """A text in lines; all but the first are marked, so that none looks like somebody else's."""
    mark = ""
    for paragraph in text.split("\n"):
        for line in _wrapped(paragraph, size):
            yield mark + line
            mark = CONTINUED


def _wrapped(text: str, size: int) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if _length(longer, size) <= ROOM:
            line = longer
            continue
        if line:
            yield line
        line = word
        while _length(line, size) > ROOM:
            fits = _fitting(line, size)
            yield line[:fits]
            line = line[fits:]
    yield line


def _fitting(word: str, size: int) -> int:
    """How many letters of a word that is too long fit into a line."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        if _length(word[:middle], size) <= ROOM:
            low = middle
        else:
            high = middle - 1
    return low


def _length(text: str, size: int) -> float:
    return sum(font.getlength(run) for font, run in _runs(text, size))


def _runs(text: str, size: int) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
    """The text in pieces that one file of the font can write."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    fonts = _fonts(size)
    for index, letters in groupby(shown, key=_script):
        yield fonts[index], "".join(letters)


@cache
def _script(letter: str) -> int:
    """Which of the font's files has this letter; the first for one that none has."""
    if letter.isascii():
        return 0
    box = [font.getmask(letter).getbbox() for font in _fonts(BODY)]
    missing = [font.getmask("\uffff").getbbox() for font in _fonts(BODY)]
    for index, (shape, none) in enumerate(zip(box, missing, strict=True)):
        if shape != none:
            return index
    return 0


@cache
def _fonts(size: int) -> list[ImageFont.FreeTypeFont]:
    return [
        ImageFont.truetype(FONTS / f"onest-{script}-wght-normal.woff2", size) for script in SCRIPTS
    ]
