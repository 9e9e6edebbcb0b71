"""Medians, percentiles, and the table they are printed in."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, how much, and what it is to be held against."""

    name: str
    value: str
    against: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(seconds: float) -> str:
    """Seconds as people read short times."""
    return f"{seconds * 1000:.1f} ms"


def print_table(title: str, figures: Sequence[Figure]) -> None:
    """Print figures in columns."""
    print(f"\n{title}")
    name_width = max(len(figure.name) for figure in figures)
    value_width = max(len(figure.value) for figure in figures)
    for figure in figures:
        print(f"  {figure.name:<{name_width}}  {figure.value:>{value_width}}  {figure.against}")
