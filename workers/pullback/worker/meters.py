"""What a worker tells of itself. Its children count, and its main process tells.

Each child counts in files of its own, which outlive it, in a folder that is made before they are and goes with the
worker: the way of prometheus_client, which looks at a variable for the folder when it is first imported.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pullback.contract import metrics
from pullback.contract.lifecycle import Event
from pullback.evaluator.verdicts import CAUSES
from pullback.worker.settings import count_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pullback.evaluator import Outcome
    from pullback.worker.settings import WorkerSettings

# How a job ended here.
_OUTCOMES = {
    Event.SUCCEED: "succeeded",
    Event.FAIL: "failed",
    Event.CANCEL: "cancelled",
    Event.EXPIRE: "expired",
    Event.LOSE: "lost",
}


class AbstractMeters(Protocol):
    """What a slot tells."""

    def batch(self, count: int) -> AbstractContextManager[None]:
        """Counts jobs that were taken at once; within the context they are in hand."""

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """Counts outcomes."""

    def evaluator_began(self) -> None:
        """Counts an evaluator."""

    def evaluator_ended(self, cause: str) -> None:
        """Counts the end of one that had jobs."""

    def template_restarted(self) -> None:
        """Counts a template that was started again."""


class NoMeters:
    """Counts nothing: where nobody asks."""

    def batch(self, count: int) -> AbstractContextManager[None]:  # noqa: ARG002 - this and the others do nothing
        """Does nothing, as the others."""
        return nullcontext()

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """Does nothing."""

    def evaluator_began(self) -> None:
        """Does nothing."""

    def evaluator_ended(self, cause: str) -> None:
        """Does nothing."""

    def template_restarted(self) -> None:
        """Does nothing."""


NO_METERS = NoMeters()


class Meters:
    """All metrics of a worker, for its main process and its children."""

    def __init__(self, settings: WorkerSettings, folder: Path) -> None:
        #: Where processes count.
        self.folder = folder
        # Imported here, for it has to find the folder.
        from pullback.telemetry import made  # noqa: PLC0415

        device = settings.device
        jobs = made(metrics.JOBS)
        self._jobs = {event: jobs.labels(device, name) for event, name in _OUTCOMES.items()}
        self._batch_jobs = made(metrics.BATCH_JOBS).labels(device)
        self._batch_seconds = made(metrics.BATCH_SECONDS).labels(device)
        self._starts = made(metrics.EVALUATOR_STARTS).labels(device)
        ends = made(metrics.EVALUATOR_ENDS)
        self._ends = {cause: ends.labels(device, cause) for cause in CAUSES}
        self._restarts = made(metrics.TEMPLATE_RESTARTS).labels(device)
        self._busy = made(metrics.BUSY_SLOTS, multiprocess_mode="livesum").labels(device)
        made(metrics.SLOTS, multiprocess_mode="max").labels(device).set(settings.slots)

    @contextmanager
    def batch(self, count: int) -> Iterator[None]:
        """Counts jobs that were taken at once; within the context they are in hand."""
        begun = time.monotonic()
        self._busy.set(1)
        try:
            yield
        finally:
            self._busy.set(0)
            self._batch_jobs.observe(count)
            self._batch_seconds.observe(time.monotonic() - begun)

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """Counts outcomes."""
        counts: dict[Event, int] = {}
        for outcome in outcomes:
            counts[outcome.event] = counts.get(outcome.event, 0) + 1
        for event, count in counts.items():
            self._jobs[event].inc(count)

    def evaluator_began(self) -> None:
        """Counts an evaluator."""
        self._starts.inc()

    def evaluator_ended(self, cause: str) -> None:
        """Counts the end of one that had jobs."""
        self._ends[cause].inc()

    def template_restarted(self) -> None:
        """Counts a template that was started again."""
        self._restarts.inc()


@contextmanager
def meters_of(settings: WorkerSettings) -> Iterator[AbstractMeters]:
    """Makes a worker's meters, before it has children; they do nothing where no endpoint is set."""
    if not settings.metrics_listen:
        yield NO_METERS
        return
    folder = tempfile.mkdtemp(prefix="pullback-metrics-")
    count_in(folder)
    try:
        yield Meters(settings, Path(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def telling(
    meters: AbstractMeters,
    address: str,
    live: Callable[[], str | None],
    ready: Callable[[], str | None],
) -> Iterator[str]:
    """Answers over HTTP, where there is something to tell; gives the address.

    Raises:
        InvalidArgument: nobody can listen there.
    """
    if not isinstance(meters, Meters):
        yield ""
        return
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - as above
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415
    from prometheus_client.process_collector import ProcessCollector  # noqa: PLC0415

    from pullback.telemetry import Endpoint  # noqa: PLC0415

    folder = meters.folder

    class OfTheLiving(MultiProcessCollector):
        """What children that died counted stays; that they were busy does not."""

        def collect(self) -> Any:
            for file in folder.glob("gauge_live*_*.db"):
                pid = file.stem.rpartition("_")[2]
                if not Path("/proc", pid).exists():
                    file.unlink(missing_ok=True)
            # A child that begins to count has made its file, and put nothing into it yet.
            files = [str(file) for file in folder.glob("*.db") if file.stat().st_size]
            return self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]

    registry = CollectorRegistry()
    OfTheLiving(registry, str(folder))  # type: ignore[no-untyped-call]
    ProcessCollector(registry=registry)
    endpoint = Endpoint(address, registry, live, ready)
    try:
        yield endpoint.address
    finally:
        endpoint.close()
