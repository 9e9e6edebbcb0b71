"""States: a row's state changes along its table, and nowhere else."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol, TypeVar

S = TypeVar("S", bound=StrEnum)


class HasState(Protocol[S]):
    """A row that has a state."""

    id: Any
    state: S


def move(row: HasState[S], to: S, table: Mapping[S, frozenset[S]]) -> None:
    """Change the state of `row` to `to`; a move that `table` does not have is a bug."""
    if to not in table[row.state]:
        raise RuntimeError(f"{type(row).__name__} {row.id}: {row.state} to {to}")
    row.state = to
