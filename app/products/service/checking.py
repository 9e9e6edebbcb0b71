"""What each line of an upload is: new, or known already, and to whom."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy import text

from app.kit.crypto import vault
from app.kit.db import Array, session
from app.products.models import UnitState
from app.products.queries.stock import tag_of
from app.products.service import reading
from app.products.service.reading import Fault, Line, Reading

SHOWN = 50  # findings of one kind that a person is shown
CHUNK = 10_000  # fingerprints or units sent to the database at once
T = TypeVar("T")

KNOWN = text(
    """
    SELECT unit.fingerprint, unit.state, product.seller_id = :seller_id AS own
    FROM stock_item AS unit JOIN product ON product.id = unit.product_id
    WHERE unit.fingerprint = ANY(:fingerprints) AND unit.state <> 'withdrawn'
    """
)


class Verdict(StrEnum):
    """The verdict on a line."""

    NEW = "new"
    REPEATED = "repeated"  # stands further up in the same lines
    STOCKED = "stocked"  # the seller has it on sale, in this or another product
    SOLD = "sold"  # the seller has sold it
    ELSEWHERE = "elsewhere"  # another seller has it, or has sold it
    MALFORMED = "malformed"


@dataclass(frozen=True)
class Finding:
    """A line and what is known of it. `mask` and `tag` stand for its text."""

    line: int
    mask: str
    tag: str = ""
    first_line: int | None = None
    fault: Fault | None = None


@dataclass
class Findings:
    """Lines with the same verdict: their number and the first of them."""

    count: int = 0
    shown: list[Finding] = field(default_factory=list)

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.count - len(self.shown)

    def add(self, describe: Callable[[], Finding]) -> None:
        """Count one more, and describe it if it will be shown."""
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append(describe())


def look_through(
    lines: Reading, seller_id: UUID
) -> tuple[list[tuple[str, bytes]], dict[Verdict, Findings]]:
    """The new values with their fingerprints, in their order, and what is known of every line."""
    findings = {verdict: Findings() for verdict in Verdict}
    for faulty in lines.faulty:
        findings[Verdict.MALFORMED].add(
            partial(Finding, faulty.number, faulty.mask, fault=faulty.fault)
        )
    fingerprint_of = vault().fingerprint
    fingerprints = [fingerprint_of(line.value) for line in lines.lines]
    known = _known(fingerprints, seller_id)
    first_lines: dict[bytes, int] = {}
    new: list[tuple[str, bytes]] = []
    for line, fingerprint in zip(lines.lines, fingerprints, strict=True):
        verdict = known.get(fingerprint, Verdict.NEW)
        first_line = first_lines.setdefault(fingerprint, line.number)
        if first_line != line.number:
            verdict = Verdict.REPEATED
        elif verdict is Verdict.NEW:
            new.append((line.value, fingerprint))
        findings[verdict].add(partial(_describe, line, fingerprint, first_line))
    return new, findings


def _describe(line: Line, fingerprint: bytes, first_line: int) -> Finding:
    return Finding(
        line.number,
        reading.mask(line.value),
        tag_of(fingerprint),
        first_line if first_line != line.number else None,
    )


def _known(fingerprints: Sequence[bytes], seller_id: UUID) -> dict[bytes, Verdict]:
    """The verdict on each value that is in the market already."""
    known: dict[bytes, Verdict] = {}
    for chunk in chunks(fingerprints):
        rows = session().execute(KNOWN, {"seller_id": seller_id, "fingerprints": Array(chunk)})
        for row in rows:
            if not row.own:
                known[row.fingerprint] = Verdict.ELSEWHERE
            elif row.state == UnitState.SOLD:
                known[row.fingerprint] = Verdict.SOLD
            else:
                known[row.fingerprint] = Verdict.STOCKED
    return known


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """So many at once as one statement bears."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
