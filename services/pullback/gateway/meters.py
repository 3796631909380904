"""What a gateway tells of itself: its calls, what became of evaluations, and what waits in the queue.

What comes by the ten thousand a second is counted in plain dictionaries, which cost a tenth of a microsecond, and read
when somebody asks.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import code_pb2
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.process_collector import ProcessCollector

from pullback.contract import metrics
from pullback.contract.errors import PullbackError
from pullback.contract.names import DEVICE_CLASSES
from pullback.contract.status import to_status
from pullback.telemetry import made
from pullback.v1 import gradient_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from pullback.broker import Backlog
    from pullback.contract.metrics import Metric
    from pullback.gateway.desk import Outcome

_NAMES: Mapping[int, str] = {number: name for name, number in code_pb2.Code.items()}

# What the wire form of an outcome with a result begins with: its id is added later.
_RESULT = pb.EvaluateOutcome.DESCRIPTOR.fields_by_name["result"].number << 3 | 2

# What an evaluation without a wish counts as, where nobody is there to take it.
_FIRST = next(iter(DEVICE_CLASSES.values()))


class Tally:
    """Tells Prometheus, when asked, what was counted by the value of one label.

    Attributes:
        counts: by value.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.counts: Counter[str] = Counter()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Gives the counts."""
        family = CounterMetricFamily(self._metric.name, self._metric.help, labels=self._metric.labels)
        for value, count in [*self.counts.items()]:
            family.add_metric([value], count)
        yield family


class Meters:
    """All metrics of one gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        make = functools.partial(made, registry=self.registry)
        self._calls, self._call_seconds = make(metrics.CALLS), make(metrics.CALL_SECONDS)
        self._evaluations, self._unserved = Tally(metrics.EVALUATIONS), Tally(metrics.UNSERVED)
        self.registry.register(self._evaluations)
        self.registry.register(self._unserved)
        self.in_flight = make(metrics.IN_FLIGHT)
        self.redis_connected = make(metrics.REDIS_CONNECTED)
        self.redis_full = make(metrics.REDIS_FULL)
        self._jobs, self._oldest = make(metrics.QUEUE_JOBS), make(metrics.QUEUE_OLDEST)
        self._running, self._slots = make(metrics.QUEUE_RUNNING), make(metrics.SLOTS_ALIVE)

    def told(self, outcome: Outcome) -> None:
        """Counts what became of an evaluation."""
        if not isinstance(outcome, PullbackError) and outcome[0] == _RESULT:
            self._evaluations.counts["OK"] += 1
        else:
            self._evaluations.counts[_NAMES[_code(outcome)]] += 1

    def unserved(self, number: int) -> None:
        """Counts an evaluation that nobody is there to take, by the number of its device class; 0 for any."""
        self._unserved.counts[[_FIRST, *DEVICE_CLASSES.values()][number]] += 1

    def learn(self, device: str, backlog: Backlog) -> None:
        """Takes over what waits in the queue of a device class."""
        for priority, jobs, seconds in (
            (metrics.INTERACTIVE, backlog.interactive, backlog.interactive_seconds),
            (metrics.SUBMITTED, backlog.submitted, backlog.submitted_seconds),
        ):
            self._jobs.labels(device, priority).set(jobs)
            self._oldest.labels(device, priority).set(seconds)
        self._running.labels(device).set(backlog.running)
        self._slots.labels(device).set(backlog.slots)

    def forget(self) -> None:
        """Tells nothing of the queue until something is learnt: an old figure would be taken for a new one."""
        for gauge in (self._jobs, self._oldest, self._running, self._slots):
            gauge.clear()

    def watched(self, servicer: Any, service: str) -> Any:
        """Gives a servicer whose calls are counted and timed."""
        return _Watched(self, servicer, service)

    def ended(self, service: str, method: str, code: str, seconds: float) -> None:
        """Counts a call."""
        self._calls.labels(service, method, code).inc()
        self._call_seconds.labels(service, method).observe(seconds)


def _code(outcome: Outcome) -> int:
    if isinstance(outcome, PullbackError):
        return int(to_status(outcome).code)
    return int(pb.EvaluateOutcome.FromString(outcome).error.code)


class _Watched:
    def __init__(self, meters: Meters, servicer: Any, service: str) -> None:
        self._meters = meters
        self._servicer = servicer
        self._service = service

    def __getattr__(self, method: str) -> Any:
        behaviour = getattr(self._servicer, method)
        wrap = _stream if inspect.isasyncgenfunction(behaviour) else _unary
        return wrap(functools.partial(self._meters.ended, self._service, method), behaviour)


@contextmanager
def _timed(
    ended: Callable[[str, float], None], context: grpc.aio.ServicerContext[Any, Any]
) -> Iterator[None]:
    begun, code = time.perf_counter(), "OK"
    try:
        yield
    except BaseException as error:
        code = _code_of(error, context)
        raise
    finally:
        ended(code, time.perf_counter() - begun)


def _unary(ended: Callable[[str, float], None], behaviour: Callable[..., Awaitable[Any]]) -> Any:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        with _timed(ended, context):
            return await behaviour(request, context)

    return call


def _stream(ended: Callable[[str, float], None], behaviour: Callable[..., AsyncIterator[Any]]) -> Any:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        with _timed(ended, context):
            async for response in behaviour(request, context):
                yield response

    return call


def _code_of(error: BaseException, context: grpc.aio.ServicerContext[Any, Any]) -> str:
    if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        return "CANCELLED"
    code: Any = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES.get(code, "UNKNOWN")
