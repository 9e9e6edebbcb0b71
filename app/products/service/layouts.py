"""How units stand in a text: one to a line, in blocks, or in the columns of a table.

A table is CSV: the separator is the one of comma, semicolon and tab that the first line has most of
(none: one column); quotes follow RFC 4180, but a value does not go on over several lines. Which
columns make a unit is asked, unless there is one, or one that is named as keys are.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.products.errors import ColumnsUnclear, UnreadableStock

# fmt: off
HEADINGS = frozenset({
    "key", "keys", "code", "codes", "link", "links", "url", "urls", "value", "values", "serial",
    "license", "licence", "ключ", "ключи", "код", "коды", "ссылка", "ссылки", "значение",
    "activation code", "activation key", "cd key", "game key", "gift code", "licence key",
    "license key", "product code", "product key", "promo code", "serial key", "serial number",
    "steam key", "voucher code", "ключ активации", "ключ продукта", "код активации",
    "лицензионный ключ", "промокод", "серийный номер",
})
# What stands above other columns; beside HEADINGS a sign that line 1 names the columns.
OTHER_HEADINGS = frozenset({
    "account", "login", "user", "username", "password", "pass", "email", "e mail", "mail", "id",
    "аккаунт", "логин", "пользователь", "пароль", "почта", "эл почта", "e mail password",
})
# fmt: on
SEPARATORS = ",;\t"
# A separator that no value can hold: the line is one value then.
_NO_SEPARATOR = "\x1f"
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_DASHES = re.compile(r"\s*-{3,}\s*")
_PLACE = re.compile(r"\{([^{}]*)\}")
MAX_COLUMNS = 50


class Parts(StrEnum):
    """What stands between one unit and the next."""

    LINE = "line"
    BLANK = "blank"
    DASHES = "dashes"
    TABLE = "table"


@dataclass(frozen=True)
class Layout:
    """How units stand in a text. All but `parts` is for tables.

    `columns` counts from 1. `template` says how a unit is written, with `{1}` or `{Login}` where a
    cell belongs. `heading`: whether line 1 names the columns; None: as it looks.
    """

    parts: Parts = Parts.LINE
    columns: tuple[int, ...] = ()
    template: str = ""
    heading: bool | None = None


def guess(rows: Sequence[str], *, is_table: bool) -> Layout:
    """The layout that the text seems to have; the seller is shown it, and may say otherwise.

    UnreadableStock for a quote that is never closed.
    """
    if is_table:
        for _row in _cells(rows):
            pass  # what is no table is refused before anything is asked about its columns
        return complete(rows, Layout(Parts.TABLE))
    if any(_DASHES.fullmatch(row) for row in rows):
        return Layout(Parts.DASHES)
    sizes = {value.count("\n") + 1 for _, value in _blocks(rows, Parts.BLANK)}
    alike = len(sizes) == 1 and sizes != {1}
    more_than_one = alike and sum(1 for _ in _blocks(rows, Parts.BLANK)) > 1
    return Layout(Parts.BLANK if more_than_one else Parts.LINE)


def complete(rows: Sequence[str], layout: Layout) -> Layout:
    """The same with the columns of a table, where nothing needs to be asked about them."""
    if layout.parts is not Parts.TABLE or layout.columns or layout.template:
        return layout
    cells = _first_cells(rows)
    named = [place for place, cell in enumerate(cells, 1) if _plain(cell) in HEADINGS]
    columns: tuple[int, ...] = ()
    if len(cells) <= 1:
        columns = (1,)
    elif has_heading(rows, layout) and len(named) == 1:
        columns = (named[0],)
    return Layout(layout.parts, columns, "", layout.heading)


def is_open(layout: Layout) -> bool:
    """Whether it must still be said which columns make a unit."""
    return layout.parts is Parts.TABLE and not (layout.columns or layout.template)


def has_heading(rows: Sequence[str], layout: Layout) -> bool:
    """Whether line 1 names the columns of a table: a guess only where its cells hold no number."""
    if layout.parts is not Parts.TABLE:
        return False
    if layout.heading is not None:
        return layout.heading
    cells = [_plain(cell) for cell in _first_cells(rows)]
    if len(cells) <= 1:
        return bool(cells) and cells[0] in HEADINGS
    numbered = any(sign.isdigit() for cell in cells for sign in cell)
    return not numbered and any(cell in HEADINGS | OTHER_HEADINGS for cell in cells)


def columns_of(rows: Sequence[str], layout: Layout) -> list[str]:
    """The names of a table's columns, empty where they have none."""
    cells = _first_cells(rows) if layout.parts is Parts.TABLE else []
    named = has_heading(rows, layout)
    return [cell.strip() if named else "" for cell in cells][:MAX_COLUMNS]


def units(rows: Sequence[str], layout: Layout) -> Iterator[tuple[int, str | None]]:
    """Each unit's text with the number of its first line; None for a row that is no CSV.

    Raises ColumnsUnclear, and UnreadableStock for a template that can't be filled in or a quote
    that is opened and never closed: all that follows would be misread.
    """
    if layout.parts is Parts.LINE:
        yield from enumerate(rows, 1)
    elif layout.parts is Parts.TABLE:
        yield from _table(rows, layout)
    else:
        yield from _blocks(rows, layout.parts)


def _blocks(rows: Sequence[str], parts: Parts) -> Iterator[tuple[int, str]]:
    block: list[str] = []
    start = 1
    for number, row in enumerate([*rows, ""], 1):
        ends = number > len(rows) or (
            not row.strip() if parts is Parts.BLANK else _DASHES.fullmatch(row) is not None
        )
        if not ends:
            if not block:
                start = number
            if block or row.strip():
                block.append(row.rstrip())
        elif block:
            yield start, "\n".join(block).strip()
            block = []


def _table(rows: Sequence[str], layout: Layout) -> Iterator[tuple[int, str | None]]:
    names = columns_of(rows, layout)
    if is_open(layout):
        raise ColumnsUnclear(names)
    if any(not 1 <= column <= max(len(names), 1) for column in layout.columns):
        raise ColumnsUnclear(names)
    template = _read_template(layout.template, names) if layout.template else None
    heading = has_heading(rows, layout)
    for number, cells in _cells(rows):
        if number == 1 and heading:
            continue
        if cells is None:
            yield number, None
        elif template is not None:
            yield number, _fill(template, cells)
        else:
            yield number, _join(layout.columns, cells, names)


def _join(columns: Sequence[int], cells: Sequence[str], names: Sequence[str]) -> str:
    """One column as it is; of several a line each, with the column's name where it has one."""
    chosen = [
        (names[column - 1] if column <= len(names) else "", cells[column - 1].strip())
        for column in columns
        if column <= len(cells) and cells[column - 1].strip()
    ]
    if len(columns) == 1:
        return "".join(cell for _name, cell in chosen)
    return "\n".join(f"{name}: {cell}" if name else cell for name, cell in chosen)


def _read_template(template: str, names: Sequence[str]) -> list[str | int]:
    """Text and the numbers of columns by turns."""
    known = {name.casefold(): place for place, name in enumerate(names, 1) if name}
    parts: list[str | int] = list(_PLACE.split(template.replace("\r\n", "\n")))
    if len(parts) == 1:
        raise UnreadableStock.template(template)
    for index in range(1, len(parts), 2):
        word = str(parts[index]).strip()
        place = known.get(word.casefold())
        if place is None and word.isascii() and word.isdecimal() and len(word) <= 2:  # MAX_COLUMNS
            place = int(word) if 1 <= int(word) <= len(names) else None
        if place is None:
            raise UnreadableStock.template(word)
        parts[index] = place
    return parts


def _fill(template: Sequence[str | int], cells: Sequence[str]) -> str | None:
    """The unit that a row makes, None for a row that lacks a cell: it would be half a unit."""
    if not any(cell.strip() for cell in cells):
        return ""
    filled = []
    for part in template:
        if isinstance(part, str):
            filled.append(part)
        elif part <= len(cells) and cells[part - 1].strip():
            filled.append(cells[part - 1].strip())
        else:
            return None
    return "".join(filled)


def _first_cells(rows: Sequence[str]) -> list[str]:
    try:
        return next(csv.reader([rows[0]], delimiter=_separator(rows[0]), strict=True), [])
    except csv.Error:
        return [rows[0]]


def _plain(cell: str) -> str:
    return " ".join(_BETWEEN_WORDS.split(cell.casefold())).strip()


def _separator(first_row: str) -> str:
    best = max(SEPARATORS, key=first_row.count)
    return best if best in first_row else _NO_SEPARATOR


def _cells(rows: Sequence[str]) -> Iterator[tuple[int, list[str] | None]]:
    """Each row's number and cells; None for a row that is no CSV."""
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
        yield number, cells
