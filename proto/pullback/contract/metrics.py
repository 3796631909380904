"""The metrics that gateways and workers tell: their names, kinds and labels, as one table.

Scalers, alerts and dashboards ask for them by name, so that a name changes here and there together.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: as Prometheus has it; that of a counter ends with ``_total``.
        kind: what it is.
        labels: the names of its labels.
        help: what it says, in one line.
        buckets: the upper bounds of a histogram's buckets, without infinity.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


#: The values of the label `priority`: evaluations with a caller, and submitted jobs.
INTERACTIVE = "interactive"
SUBMITTED = "submitted"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_JOBS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)

#: What each gateway tells.
CALLS = Metric(
    "pullback_gateway_calls_total",
    "counter",
    ("service", "method", "code"),
    "calls that ended, by gRPC status",
)
CALL_SECONDS = Metric(
    "pullback_gateway_call_seconds",
    "histogram",
    ("service", "method"),
    "how long calls took, streams from their first to their last message",
    _SECONDS,
)
EVALUATIONS = Metric(
    "pullback_gateway_evaluations_total",
    "counter",
    ("code",),
    "evaluations that callers waited for and that ended, by gRPC status",
)
UNSERVED = Metric(
    "pullback_gateway_unserved_total",
    "counter",
    ("device",),
    "evaluations that were refused because no live worker serves their device",
)
IN_FLIGHT = Metric("pullback_gateway_in_flight", "gauge", (), "evaluations that callers wait for")
REDIS_CONNECTED = Metric(
    "pullback_gateway_redis_connected", "gauge", (), "1 while the gateway hears of results from Redis, else 0"
)
REDIS_FULL = Metric(
    "pullback_gateway_redis_full", "gauge", (), "1 while Redis has no room and new work is refused, else 0"
)

#: What every gateway tells of the queue, the same each; nothing while Redis does not answer.
QUEUE_JOBS = Metric(
    "pullback_queue_jobs",
    "gauge",
    ("device", "priority"),
    "jobs that wait for a worker and could be taken now",
)
QUEUE_OLDEST = Metric(
    "pullback_queue_oldest_seconds",
    "gauge",
    ("device", "priority"),
    "how long the one of them has waited that waits longest; 0 where none does",
)
QUEUE_RUNNING = Metric(
    "pullback_queue_running_jobs", "gauge", ("device",), "jobs that were taken and are not finished"
)
SLOTS_ALIVE = Metric(
    "pullback_worker_slots_alive", "gauge", ("device",), "slots of workers that show signs of life"
)

#: What each worker tells.
JOBS = Metric("pullback_worker_jobs_total", "counter", ("device", "outcome"), "jobs that ended here, by how")
BATCH_JOBS = Metric(
    "pullback_worker_batch_jobs", "histogram", ("device",), "jobs that were taken at once", _JOBS
)
BATCH_SECONDS = Metric(
    "pullback_worker_batch_seconds",
    "histogram",
    ("device",),
    "how long jobs taken at once took, from taken to all finished",
    _SECONDS,
)
EVALUATOR_STARTS = Metric(
    "pullback_worker_evaluator_starts_total", "counter", ("device",), "evaluators that were made"
)
EVALUATOR_ENDS = Metric(
    "pullback_worker_evaluator_ends_total",
    "counter",
    ("device", "cause"),
    "evaluators that ended while they had jobs, by why",
)
TEMPLATE_RESTARTS = Metric(
    "pullback_worker_template_restarts_total",
    "counter",
    ("device",),
    "templates of evaluators that were started again",
)
SLOTS = Metric("pullback_worker_slots", "gauge", ("device",), "evaluators that the worker runs side by side")
BUSY_SLOTS = Metric("pullback_worker_busy_slots", "gauge", ("device",), "slots that have jobs in hand")

GATEWAY_METRICS = (
    CALLS,
    CALL_SECONDS,
    EVALUATIONS,
    UNSERVED,
    IN_FLIGHT,
    REDIS_CONNECTED,
    REDIS_FULL,
    QUEUE_JOBS,
    QUEUE_OLDEST,
    QUEUE_RUNNING,
    SLOTS_ALIVE,
)
WORKER_METRICS = (
    JOBS,
    BATCH_JOBS,
    BATCH_SECONDS,
    EVALUATOR_STARTS,
    EVALUATOR_ENDS,
    TEMPLATE_RESTARTS,
    SLOTS,
    BUSY_SLOTS,
)
METRICS = GATEWAY_METRICS + WORKER_METRICS
