"""Makes what counts of the contract's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from pullback.contract.metrics import Metric


def made(metric: Metric, registry: CollectorRegistry | None = None, **options: Any) -> Any:
    """Makes a metric: a `Counter`, `Gauge` or `Histogram` of prometheus_client.

    Args:
        metric: a row of the table.
        registry: where it is collected from; None where processes share files in its place.
        options: further arguments of its class.
    """
    kinds = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
    if metric.buckets:
        options["buckets"] = metric.buckets
    return kinds[metric.kind](metric.name, metric.help, metric.labels, registry=registry, **options)
