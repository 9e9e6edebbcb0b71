"""Metrics as OpenMetrics text, for whoever has the token: what a monitoring asks for.

https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.kit import promises

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True)
class Gauge:
    """A value that goes up and down, once for each set of labels."""

    name: str
    help: str
    samples: list[tuple[Mapping[str, str], float]]


def text(gauges: Iterable[Gauge]) -> str:
    """All of them, as they are read."""
    return "".join(f"{line}\n" for gauge in gauges for line in _lines(gauge)) + "# EOF\n"


def _lines(gauge: Gauge) -> Iterator[str]:
    yield f"# TYPE {gauge.name} gauge"
    yield f"# HELP {gauge.name} {_escaped(gauge.help)}"
    for labels, value in gauge.samples:
        named = ",".join(f'{name}="{_escaped(label)}"' for name, label in labels.items())
        yield f"{gauge.name}{{{named}}} {value:.15g}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def of_promises() -> list[Gauge]:
    """Whether each promise holds, where that is known, and when it was checked."""
    found = promises.kept()
    return [
        Gauge(
            "byteshop_promise_holds",
            "Whether a promise of the shop holds: 1, or 0 while it is broken.",
            [({"promise": one.name}, one.holds) for one in found if one.holds is not None],
        ),
        Gauge(
            "byteshop_promise_checked_timestamp_seconds",
            "When a promise of the shop was last checked.",
            [
                ({"promise": one.name}, one.checked_at.timestamp())
                for one in found
                if one.checked_at is not None
            ],
        ),
    ]
