"""What was measured, what it is held against, and the table of all that."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True)
class Bar:
    """What does the least that could be done, measured in the same run: a bare route, pgbench …"""

    name: str
    value: float


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    The aim is for the value itself or, where there is a bar, for its ratio to that of the bar.
    """

    name: str
    value: float
    unit: str
    bar: Bar | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def judged(self) -> float:
        """The number that the aim is for."""
        return self.value / self.bar.value if self.bar else self.value

    @property
    def aim(self) -> str:
        """The limit, as it is printed; empty where none is set."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else ""

    @property
    def verdict(self) -> str:
        """Whether the aim is met: a timing swings, so nothing but a person acts on it."""
        if not self.aim:
            return ""
        low = self.at_least is not None and self.judged < self.at_least
        high = self.at_most is not None and self.judged > self.at_most
        return "missed" if low or high else "ok"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def print_table(groups: dict[str, Sequence[Figure]]) -> None:
    """Print every figure beside its bar and its aim, below the title of its group."""
    rows = {title: [_cells(figure) for figure in figures] for title, figures in groups.items()}
    widths = [max(map(len, column)) for column in zip(*chain(*rows.values()), strict=True)]
    for title, lines in rows.items():
        print(f"\n{title}")
        for name, value, *others in lines:
            cells = [
                name.ljust(widths[0]),
                value.rjust(widths[1]),
                *(cell.ljust(width) for cell, width in zip(others, widths[2:], strict=True)),
            ]
            print(f"  {'  '.join(cells)}".rstrip())


def _cells(figure: Figure) -> list[str]:
    bar = figure.bar
    against = f"{figure.judged:.2f} of {_shown(bar.value)}, {bar.name}" if bar else ""
    value = f"{_shown(figure.value)} {figure.unit}"
    return [figure.name, value, against, figure.aim, figure.verdict]


def _shown(value: float) -> str:
    """Three digits that tell something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
