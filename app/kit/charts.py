"""Charts of bars: where each stands, reckoned here, so that a template only draws.

A chart is a hundred units high and ten wide for each bar, and stretched to its place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEIGHT = 100
STEP, WIDTH = 10, 8
_MOST_LINES = 4
_NICE = (1, 2, 5)


@dataclass(frozen=True)
class Value:
    """What is to be shown: of which day or month, and how much."""

    label: str
    minor: int


@dataclass(frozen=True)
class Bar:
    """A rectangle, and what it says."""

    x: int
    y: float
    height: float
    label: str
    value: str
    is_below: bool


@dataclass(frozen=True)
class Line:
    """A line across, with what it stands for."""

    y: float
    label: str
    is_zero: bool


@dataclass(frozen=True)
class Chart:
    """All there is to draw; lines from the top to the bottom, equally far apart."""

    width: int
    bars: list[Bar]
    lines: list[Line]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not any(bar.height for bar in self.bars)

    @property
    def first(self) -> str:
        """What the first bar is of."""
        return self.bars[0].label

    @property
    def last(self) -> str:
        """What the last bar is of."""
        return self.bars[-1].label


def bars(values: Sequence[Value], show: Callable[[int], str]) -> Chart:
    """A chart of one value or more; `show` writes an amount."""
    top = max(0, *(value.minor for value in values))
    bottom = min(0, *(value.minor for value in values))
    step = _nice_step(top - bottom)
    above, below = -(-top // step), -(bottom // step)  # away from zero
    if not above and not below:
        above = 1
    unit = HEIGHT / ((above + below) * step)
    zero = above * step * unit

    def bar(at: int, value: Value) -> Bar:
        height = round(abs(value.minor) * unit, 2)
        y = zero if value.minor < 0 else zero - height
        return Bar(
            at * STEP + (STEP - WIDTH) // 2,
            round(y, 2),
            height,
            value.label,
            show(value.minor),
            value.minor < 0,
        )

    return Chart(
        width=len(values) * STEP,
        bars=[bar(at, value) for at, value in enumerate(values)],
        lines=[
            Line(round(zero - number * step * unit, 2), show(number * step), number == 0)
            for number in range(above, -below - 1, -1)
        ],
    )


def _nice_step(span: int) -> int:
    """The distance of lines: 1, 2 or 5 of a power of ten, so that there are few of them."""
    power = 1
    while True:
        for nice in _NICE:
            if span <= nice * power * _MOST_LINES:
                return nice * power
        power *= 10
