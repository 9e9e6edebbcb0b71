"""Metrics for whoever has the token: what a monitoring asks for.

https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from app.kit import promises


def text(accept: str) -> tuple[bytes, str]:
    """All of them, as they are read now, in a form that is accepted; with its content type."""
    registry = CollectorRegistry()
    registry.register(Promises())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class Promises(Collector):
    """Whether each promise holds, where that is known, and when it was checked."""

    def collect(self) -> Iterable[Metric]:
        """Read what the clock found."""
        holds = GaugeMetricFamily(
            "byteshop_promise_holds",
            "Whether a promise of the shop holds: 1, or 0 while it is broken.",
            labels=["promise"],
        )
        checked = GaugeMetricFamily(
            "byteshop_promise_checked_timestamp_seconds",
            "When a promise of the shop was last checked.",
            labels=["promise"],
        )
        for one in promises.kept():
            if one.holds is not None:
                holds.add_metric([one.name], one.holds)
            if one.checked_at is not None:
                checked.add_metric([one.name], one.checked_at.timestamp())
        return [holds, checked]
