"""What a seller pasted or uploaded, read into lines of stock.

Text: one value to a line. CSV: the values of the first column; the separator is the one of comma,
semicolon and tab that the first line has most of (none: each line is one value); quotes follow
RFC 4180, but a value does not go on over several lines. The first row of a CSV is passed over as
a heading only if its first cell is one of those in `HEADINGS`: a guess could lose a key.
Blank lines are passed over, and blanks around a value fall away.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from app.products.errors import TooMuchStock, UnreadableStock
from app.products.models import Kind

MAX_LINES = 100_000
MAX_BYTES = 16 * 1024 * 1024
MAX_LENGTH = 4_096  # characters of one value
# fmt: off
HEADINGS = frozenset({
    "key", "keys", "code", "codes", "link", "links", "url", "urls", "value", "values", "serial",
    "license", "licence", "ключ", "ключи", "код", "коды", "ссылка", "ссылки", "значение",
    "activation code", "activation key", "cd key", "game key", "gift code", "licence key",
    "license key", "product code", "product key", "promo code", "serial key", "serial number",
    "steam key", "voucher code", "ключ активации", "ключ продукта", "код активации",
    "лицензионный ключ", "промокод", "серийный номер",
})
# fmt: on
SEPARATORS = ",;\t"
# A separator that no value can hold: the line is one value then.
_NO_SEPARATOR = "\x1f"
_BREAKS = re.compile(r"\r\n?")
# Controls, invisible and bidirectional marks, line separators, what a wrong encoding leaves behind,
# and halves of characters: a buyer could not type or copy them.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\uffff]"
)
_BLANKS = re.compile(r"\s")
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_SHOWN = 4
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


def decode(data: bytes) -> str:
    """UTF-8 with or without a byte order mark; UnreadableStock, TooMuchStock."""
    if len(data) > MAX_BYTES:
        raise TooMuchStock
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableStock.encoding(line) from None  # the error would quote the bytes


def read(text: str, *, kind: Kind, is_csv: bool) -> Reading:
    """Read values of this kind; UnreadableStock, TooMuchStock where the whole can't be taken."""
    if len(text) > MAX_BYTES:
        raise TooMuchStock
    body = _BREAKS.sub("\n", text.removeprefix("\ufeff")).rstrip("\n")
    if body.count("\n") > MAX_LINES:  # one more than lines is allowed: a heading
        raise TooMuchStock
    rows = body.split("\n")
    heading = is_csv and _is_heading(rows[0])
    reading = Reading([], [], heading)
    for number, value in _csv_values(rows) if is_csv else enumerate(rows, 1):
        if number == 1 and heading:
            continue
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


def _is_heading(row: str) -> bool:
    try:
        cells = next(csv.reader([row], delimiter=_separator(row), strict=True), [])
    except csv.Error:
        return False
    return bool(cells) and " ".join(_BETWEEN_WORDS.split(cells[0].casefold())).strip() in HEADINGS


def _separator(first_row: str) -> str:
    best = max(SEPARATORS, key=first_row.count)
    return best if best in first_row else _NO_SEPARATOR


def _csv_values(rows: list[str]) -> Iterator[tuple[int, str | None]]:
    """The first cell of each row with its line's number; None for a row that is no CSV.

    UnreadableStock if a quote is opened and never closed: all that follows would be misread.
    """
    reader = csv.reader((f"{row}\n" for row in rows), delimiter=_separator(rows[0]), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            words = str(error)
            if "end of data" in words or ("limit" in words and reader.line_num > number):
                raise UnreadableStock.open_quote(number) from None
            yield number, None
            continue
        yield number, cells[0] if cells else ""
