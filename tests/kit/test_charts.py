"""Charts: every bar within its frame, as high as its amount, and lines at round amounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.charts import HEIGHT, Value, bars
from app.kit.months import Month, months_between

AMOUNTS = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=90)


@given(AMOUNTS)
def test_bars_stand_on_the_line_of_zero_and_in_proportion(amounts: list[int]) -> None:
    chart = bars([Value(str(at), minor) for at, minor in enumerate(amounts)], str)
    [zero] = [line.y for line in chart.lines if line.is_zero]
    assert [line.y for line in chart.lines] == sorted(line.y for line in chart.lines)
    assert (chart.lines[0].y, chart.lines[-1].y) == (0, pytest.approx(HEIGHT, abs=0.05))
    for bar, minor in zip(chart.bars, amounts, strict=True):
        assert bar.is_below == (minor < 0)
        assert -0.05 <= bar.y <= bar.y + bar.height <= HEIGHT + 0.05
        foot = bar.y if minor < 0 else bar.y + bar.height
        assert foot == pytest.approx(zero, abs=0.05)
    highest = max(amounts, key=abs)
    scale = max(bar.height for bar in chart.bars) / abs(highest) if highest else 0
    for bar, minor in zip(chart.bars, amounts, strict=True):
        assert bar.height == pytest.approx(abs(minor) * scale, abs=0.05)


def test_nothing_came_in_is_no_chart() -> None:
    assert bars([Value("May", 0), Value("June", 0)], str).is_empty
    assert not bars([Value("May", 0), Value("June", -1)], str).is_empty


def test_lines_are_few_and_round() -> None:
    labels = [line.label for line in bars([Value("a", 730), Value("b", -40)], str).lines]
    assert labels == ["800", "600", "400", "200", "0", "-200"]
    assert [line.label for line in bars([Value("a", 0)], str).lines] == ["1", "0"]


def test_months_go_on_over_the_year() -> None:
    assert str(Month(2026, 12).next) == "2027-01"
    assert str(Month(2026, 1).previous) == "2025-12"
    found = months_between(Month(2025, 11), Month(2026, 2), 3)
    assert [str(month) for month in found] == ["2026-02", "2026-01", "2025-12"]
