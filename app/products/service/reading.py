"""What a seller pasted or uploaded, read into units of stock.

Blank units are passed over, and blanks around a value fall away. A value may have several lines and
tabs; other signs that can't be seen are refused.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from app.products.errors import TooMuchStock, UnreadableStock
from app.products.models import Kind
from app.products.service import layouts
from app.products.service.layouts import Layout

MAX_LINES = 100_000
MAX_BYTES = 16 * 1024 * 1024
MAX_LENGTH = 4_096  # characters of one value
_BREAKS = re.compile(r"\r\n?")
# Controls, invisible and bidirectional marks, line separators, what a wrong encoding leaves behind,
# and halves of characters: a buyer could not type or copy them.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\uffff]"
)
_BLANKS = re.compile(r"\s")
_RUSSIAN = "windows-1251"
_ZEROS = 8  # of so many bytes of UTF-16 one at least is zero, in all but whole words of no ASCII
_WORD = re.compile(r"[^\W\d_]+")
_RUSSIAN_WORD = re.compile("[А-Яа-яЁёІіЇїЄєҐґЎў]+")
_SHOWN = 4
_LONG_ENOUGH_FOR_ENDS = 8
_LONG_ENOUGH = 12  # shorter values would be half given away by their tail


class Fault(StrEnum):
    """Why a line is invalid."""

    TOO_LONG = "too_long"
    UNPRINTABLE = "unprintable"
    NOT_A_LINK = "not_a_link"
    BAD_CSV = "bad_csv"


@dataclass(frozen=True, slots=True)
class Line:
    """A value and the number of the line it stood on, counted from 1."""

    number: int
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FaultyLine:
    """A line that can't be stock, with a mask instead of its text."""

    number: int
    fault: Fault
    mask: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read; `heading` says that line 1 was passed over."""

    lines: list[Line] = field(repr=False)
    faulty: list[FaultyLine]
    heading: bool = False


def mask(value: str) -> str:
    """A value for its seller's eyes: the last four characters, of short ones none."""
    tail = _UNPRINTABLE.sub("·", value[-_SHOWN:]) if len(value) >= _LONG_ENOUGH else ""
    return f"••••{tail}"


def hint(line: str) -> str:
    """A line of a unit for its seller to know it by: both ends of a long one, else none of it."""
    shown = _UNPRINTABLE.sub("·", line)
    if len(shown) < _LONG_ENOUGH_FOR_ENDS:
        return "•" * len(shown)
    return f"{shown[:2]}•••{shown[-2:]}"


@dataclass(frozen=True)
class Decoded:
    """A file as text, and the encoding it was in."""

    text: str = field(repr=False)
    encoding: str


def decode(data: bytes) -> Decoded:
    """UTF-8, UTF-16, or Russian in windows-1251; UnreadableStock, TooMuchStock."""
    if len(data) > MAX_BYTES:
        raise TooMuchStock
    wide = _utf_16(data)
    if wide is not None:
        return Decoded(wide, "UTF-16")
    try:
        return Decoded(data.decode("utf-8-sig"), "UTF-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    try:
        russian = data.decode(_RUSSIAN)
    except UnicodeDecodeError:
        russian = ""
    if not _is_russian(russian):
        raise UnreadableStock.encoding(line)
    return Decoded(russian, _RUSSIAN)


def _utf_16(data: bytes) -> str | None:
    """The text, if this is UTF-16: by its mark, or by the zeros that stand in every second byte."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data.count(0) * _ZEROS >= len(data) > 0:
        encoding = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
    else:
        return None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _is_spoilt(text) else text


def _is_spoilt(text: str) -> bool:
    return bool(_UNPRINTABLE.search(text.replace("\r", "")))


def _is_russian(text: str) -> bool:
    """Whether all that is not ASCII are whole words in Cyrillic letters, and one of them a word."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    return (
        not _is_spoilt(text)
        and all(_RUSSIAN_WORD.fullmatch(word) for word in words)
        and any(len(word) > 1 for word in words)
    )


def rows_of(text: str) -> list[str]:
    """The lines of a text; TooMuchStock."""
    if len(text) > MAX_BYTES:
        raise TooMuchStock
    body = _BREAKS.sub("\n", text.removeprefix("\ufeff")).rstrip("\n")
    if body.count("\n") > MAX_LINES:  # one more than lines is allowed: a heading
        raise TooMuchStock
    return body.split("\n")


def read(text: str, *, kind: Kind, layout: Layout) -> Reading:
    """Read units of this kind; UnreadableStock, ColumnsUnclear, TooMuchStock for the whole."""
    rows = rows_of(text)
    reading = Reading([], [], layouts.has_heading(rows, layout))
    for number, value in layouts.units(rows, layout):
        _sort_in(reading, number, value, kind)
    if not reading.lines and not reading.faulty:
        raise UnreadableStock.empty()
    if len(reading.lines) + len(reading.faulty) > MAX_LINES:
        raise TooMuchStock
    return reading


def _sort_in(reading: Reading, number: int, value: str | None, kind: Kind) -> None:
    if value is None:
        reading.faulty.append(FaultyLine(number, Fault.BAD_CSV, mask("")))
        return
    value = value.strip()
    if not value:
        return
    fault = _fault(value, kind)
    if fault is None:
        reading.lines.append(Line(number, value))
    else:
        reading.faulty.append(FaultyLine(number, fault, mask(value)))


def _fault(value: str, kind: Kind) -> Fault | None:
    # Measured as the fingerprint sees it, and as it is.
    if len(value) > MAX_LENGTH or len(unicodedata.normalize("NFC", value)) > MAX_LENGTH:
        return Fault.TOO_LONG
    if _UNPRINTABLE.search(value):
        return Fault.UNPRINTABLE
    if kind is Kind.LINK and not is_link(value):
        return Fault.NOT_A_LINK
    return None


def is_link(value: str) -> bool:
    """Whether this is a whole http(s) address."""
    try:
        parts = urlsplit(value)
        _ = parts.port  # ValueError if it is no number
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not _BLANKS.search(value)
