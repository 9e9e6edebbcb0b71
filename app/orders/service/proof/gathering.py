"""The evidence of an order, gathered from all who know something about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import Flask, current_app

_KEY = "evidence_sources"


@dataclass(frozen=True)
class Scope:
    """Whose evidence of which order: all of it, or what one seller may see.

    A seller sees their own sales, and no address of the buyer.
    """

    order_id: UUID
    seller_id: UUID | None = None


@dataclass(frozen=True)
class Section:
    """A heading, and what is known: a name and what it is."""

    heading: str
    rows: tuple[tuple[str, str], ...]


class SourceAway(Exception):
    """What a source reads can't be read now."""


Source = Callable[[Scope], Sequence[Section]]


def init_app(app: Flask, sources: Sequence[Source]) -> None:
    """Give the application its sources, in the order in which they speak."""
    app.extensions[_KEY] = sources


def gather(scope: Scope, *, leave_out_away: bool) -> list[Section]:
    """All sections; SourceAway if one can't be read, unless that is to be left out."""
    sections: list[Section] = []
    for source in current_app.extensions[_KEY]:
        try:
            sections += source(scope)
        except SourceAway:
            if not leave_out_away:
                raise
    return sections
