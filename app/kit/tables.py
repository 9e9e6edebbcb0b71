"""Tables as CSV (RFC 4180), for spreadsheets: no cell is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

# https://owasp.org/www-community/attacks/CSV_Injection
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # by which spreadsheets know UTF-8


def words(text: str) -> str:
    """Text of people as a cell: what a spreadsheet would reckon with stays text."""
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, one after the other; text of people has gone through `words`."""
    yield BOM
    line = io.StringIO()
    writer = csv.writer(line)
    for row in rows:
        writer.writerow(row)
        yield line.getvalue()
        line.seek(0)
        line.truncate()
