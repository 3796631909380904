"""Measures submitted jobs against a system of its own, and prints rates, ratios and memory.

Two tenants: `crowd` has a hundred thousand bulk jobs, and `other` calls one at a time. Where a backlog has to stand
still, the worker is stopped (SIGSTOP) and goes on afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import report
from benchmarks.figures import percentile
from benchmarks.jobs import memory
from benchmarks.jobs.load import TENANT_HEADER, Tenant
from benchmarks.jobs.watching import watch
from benchmarks.ours import processors
from benchmarks.processes import FailedError, free_port, serving
from pullback.v1 import job_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Single creations that are timed, on an empty queue and on a full one.
CREATIONS = 500

# The ratio that the design allows for the cost of accepting a job at a backlog, to that on an empty queue.
ACCEPT_LIMIT = 1.1


def main() -> int:
    """Runs the benchmark; 0 unless something failed or an answer was wrong, whatever the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000, help="jobs in the crowd (100,000)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each row of `other` (5)")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="slots")
    arguments = parser.parse_args()
    try:
        busy = report.busy_percent()
        with tempfile.TemporaryDirectory(prefix="pullback-bench-") as scratch:
            _run(Path(scratch), arguments, busy)
    except FailedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(scratch: Path, arguments: argparse.Namespace, busy: float) -> None:
    port = free_port()
    command = [str(Path(sys.executable).with_name("pullback")), "up", "--port", str(port)]
    command += ["--data-dir", str(scratch / "data"), "--workers", str(arguments.workers)]
    os.environ["PULLBACK_TENANT_HEADER"] = TENANT_HEADER
    address = f"127.0.0.1:{port}"
    print(f"{report.machine_text(report.machine(busy))}\n", flush=True)
    with serving(command, port, scratch / "pullback.log", ready=b"pullback is up on"):
        crowd, other = Tenant(address, "crowd"), Tenant(address, "other")
        with contextlib.closing(crowd), contextlib.closing(other):
            Run(address, crowd, other, arguments.jobs, arguments.seconds).all()


class Run:
    """The phases, in order."""

    def __init__(self, address: str, crowd: Tenant, other: Tenant, jobs: int, seconds: float) -> None:
        self._address = address
        self._crowd = crowd
        self._other = other
        self._jobs = jobs
        self._seconds = seconds
        self._memory: list[tuple[str, dict[str, float]]] = []

    def all(self) -> None:
        """Measures and prints everything."""
        self._sample("at first")
        quiet = self._laps()
        self._backlog_and_rates()
        crowded = self._beside_a_backlog()
        print(
            f"\n{'one call at a time, ms':38}{'quiet p50':>10}{'p99':>9}{'max':>9}{'crowded':>10}{'p99':>9}{'max':>9}"
        )
        for row in quiet:
            print(f"{row:38}{_three(quiet[row])}{_three(crowded[row])}")
        self._sample("at last")
        print(f"\nlargest process of each role\n{memory.text(self._memory)}", flush=True)

    def _sample(self, moment: str) -> None:
        self._memory.append((moment, memory.now(self._address)))

    def _laps(self) -> dict[str, list[float]]:
        other, seconds = self._other, self._seconds
        other.evaluate_laps(0.5)
        return {
            "Evaluate": other.evaluate_laps(seconds),
            "an interactive job, to its end": other.job_laps(seconds, job_pb2.JOB_PRIORITY_INTERACTIVE),
            "a bulk job, to its end": other.job_laps(seconds, job_pb2.JOB_PRIORITY_BULK),
        }

    def _backlog_and_rates(self) -> None:
        count = self._jobs
        with _stopped(self._address):
            self._crowd.create_laps(50)
            empty = self._crowd.create_laps(CREATIONS)
            submitting = self._crowd.submit(count, "first")
            full = self._crowd.create_laps(CREATIONS)
            self._sample("submitted")
        half = [False]

        def progress(done: int) -> None:
            if done > count / 2 and not half[0]:
                half[0] = True
                self._sample("half done")

        working = watch(self._crowd, "first", count, progress)
        self._sample("done")
        watching = watch(self._crowd, "first", count)
        self._sample("watched again")
        together = self._together(count)
        print(f"{count:,} jobs submitted in batches             {count / submitting:10,.0f}/s")
        print(f"worked off, each result with its watcher     {count / working:10,.0f}/s")
        print(f"watched again, when all were done            {count / watching:10,.0f}/s")
        print(f"submitted, worked off and watched, end to end{count / together:10,.0f}/s")
        ratio = percentile(sorted(full), 50) / percentile(sorted(empty), 50)
        print(
            f"CreateJob p50 at that backlog / on an empty queue: {1e3 * percentile(sorted(full), 50):.2f} / "
            f"{1e3 * percentile(sorted(empty), 50):.2f} ms = {ratio:.2f}, at most {ACCEPT_LIMIT}",
            flush=True,
        )

    def _together(self, count: int) -> float:
        begun = time.perf_counter()
        self._crowd.submit(count, "second")
        watch(self._crowd, "second", count)
        return time.perf_counter() - begun

    def _beside_a_backlog(self) -> dict[str, list[float]]:
        with _stopped(self._address):
            for number in range(3):
                self._crowd.submit(self._jobs, f"third{number}")
        laps = self._laps()
        waiting = job_pb2.JobFilter(states=[job_pb2.JOB_STATE_QUEUED], labels={"run": "third2"})
        request = job_pb2.ListJobsRequest(filter=waiting, page_size=1)
        left = self._crowd.jobs.ListJobs(request, metadata=self._crowd.metadata).jobs
        print(f"a backlog was left when the calls beside it ended: {'yes' if left else 'NO'}", flush=True)
        return laps


@contextlib.contextmanager
def _stopped(address: str) -> Iterator[None]:
    """Stops the worker's processes while the block runs."""
    workers = [each for each in processors.of_service(address) if processors.role(each) == "worker"]
    for process in workers:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in workers:
            process.send_signal(signal.SIGCONT)


def _three(laps: Sequence[float]) -> str:
    ordered = sorted(laps)
    figures = (percentile(ordered, 50), percentile(ordered, 99), ordered[-1])
    return "".join(f"{1e3 * figure:{width}.2f}" for figure, width in zip(figures, (10, 9, 9), strict=True))


if __name__ == "__main__":
    sys.exit(main())
