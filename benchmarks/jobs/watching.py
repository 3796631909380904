"""Watches a run of jobs to its end, and checks each result once."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from benchmarks import polynomial
from benchmarks.jobs.load import number_of
from pullback.v1 import job_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.jobs.load import Tenant


def watch(tenant: Tenant, label: str, count: int, progress: Callable[[int], None] = lambda _: None) -> float:
    """Watches until `count` jobs succeeded. Returns the seconds that it took.

    Args:
        tenant: whose jobs they are.
        label: of the jobs.
        count: how many there are.
        progress: called with how many have their result.

    Raises:
        WrongAnswerError: a job ended otherwise, twice, or with a wrong answer.
    """
    request = job_pb2.WatchJobsRequest(
        filter=job_pb2.JobFilter(labels={"run": label}, states=[job_pb2.JOB_STATE_SUCCEEDED]),
        view=job_pb2.JOB_VIEW_RESULT,
    )
    found: dict[int, tuple[float, float]] = {}
    begun = time.perf_counter()
    call = tenant.jobs.WatchJobs(request, metadata=tenant.metadata)
    for message in call:
        for job in message.jobs:
            number = int(job.name.rpartition("-")[2])
            if number in found:
                raise polynomial.WrongAnswerError(f"{job.name} was given twice")
            found[number] = (number_of(job.result.values["y"]), number_of(job.result.gradients["x"]))
        progress(len(found))
        if len(found) == count:
            break
    seconds = time.perf_counter() - begun
    call.cancel()
    xs = list(islice(polynomial.points(), count))
    values = [found[number][0] for number in range(count)]
    polynomial.check(xs, values, [found[number][1] for number in range(count)])
    return seconds
