"""The load of jobs that are submitted now and fetched later: created in batches, and watched from cursor to cursor.

Spoken over bare stubs and not by the SDK, which would hide what is given twice.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, final

import grpc
import grpc.aio
from tests.acceptance.drill.cases import case, fault_of
from tests.acceptance.drill.ledger import Ledger
from tests.acceptance.drill.speaking import RETRY_SECONDS, call, will_pass
from tests.acceptance.drill.waiting import passes

from pullback.client import Evaluated
from pullback.client.channels import OPTIONS
from pullback.v1 import job_pb2 as pb
from pullback.v1.job_pb2_grpc import JobServiceStub

if TYPE_CHECKING:
    from collections.abc import Iterator

# Jobs in a batch, and seconds between two batches.
BATCH = 12
PERIOD = 0.3

# How long results are kept, in seconds: longer than a scenario takes.
TIME_TO_LIVE_SECONDS = 3_600

# From when on the service is asked for a job of which nothing is heard, and how often, in seconds.
MISSED_SECONDS = 8.0
LOOK_SECONDS = 2.0

# One batch of so many has its first job cancelled at once.
CANCEL_EVERY = 5

PRIORITIES = (pb.JOB_PRIORITY_INTERACTIVE, pb.JOB_PRIORITY_NORMAL, pb.JOB_PRIORITY_BULK)

TERMINAL = {
    pb.JOB_STATE_SUCCEEDED,
    pb.JOB_STATE_FAILED,
    pb.JOB_STATE_CANCELLED,
    pb.JOB_STATE_EXPIRED,
}


@final
class Submitted:
    """Creates, watches and counts until told to stop."""

    kind = "submitted"

    def __init__(self, address: str, name: str) -> None:
        self.ledger = Ledger()
        self._address = address
        self._name = name
        self._states: dict[str, int] = {}
        self._cancelled: dict[str, int] = {}
        self._accepted: set[str] = set()
        self._cursor = ""
        self._stub: Any = None

    async def run(self, stop: asyncio.Event) -> None:
        """Creates until `stop` is set, waits until all jobs are done, and looks at them once more."""
        async with grpc.aio.insecure_channel(self._address, OPTIONS) as channel:
            self._stub = JobServiceStub(channel)  # type: ignore[no-untyped-call]
            beside = [asyncio.create_task(self._watch()), asyncio.create_task(self._look_for_missed())]
            try:
                async with asyncio.TaskGroup() as group:
                    for number in itertools.count():
                        group.create_task(self._create(number))
                        if await passes(PERIOD, stop):
                            break
                await self.ledger.settled()
                await self._audit()
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.wait(beside)
            for task in beside:
                if not task.cancelled():
                    task.result()

    async def _create(self, number: int) -> None:
        ids = [f"{self._name}-{number}-{index}" for index in range(BATCH)]
        for each in ids:
            self.ledger.send(each)
        request = pb.BatchCreateJobsRequest(requests=self._requests(ids))
        response = await call(self._stub.BatchCreateJobs, request)
        for each, outcome in zip(ids, response.outcomes, strict=True):
            if outcome.HasField("job"):
                self.ledger.accept()
                self._accepted.add(each)
            else:
                self.ledger.refuse(each, outcome.error)
        if number % CANCEL_EVERY == 0:
            cancelled = await call(self._stub.CancelJob, pb.CancelJobRequest(name=f"jobs/{ids[0]}"))
            self._cancelled[ids[0]] = cancelled.job.state

    def _requests(self, ids: list[str]) -> Iterator[pb.CreateJobRequest]:
        for index, each in enumerate(ids):
            request = pb.CreateJobRequest(job_id=each)
            request.job.evaluation.CopyFrom(case(index))
            request.job.labels["drill"] = self._name
            request.job.priority = PRIORITIES[index % len(PRIORITIES)]
            request.job.time_to_live.FromSeconds(TIME_TO_LIVE_SECONDS)
            # One event in a row may meet a job again and again; that is not what is drilled here.
            request.job.max_attempts = 20
            yield request

    async def _watch(self) -> None:
        while True:
            request = pb.WatchJobsRequest(cursor=self._cursor, view=pb.JOB_VIEW_RESULT)
            request.filter.labels["drill"] = self._name
            try:
                async for news in self._stub.WatchJobs(request):
                    for job in news.jobs:
                        self._learn(job)
                    self._cursor = news.cursor
            except grpc.aio.AioRpcError as error:
                if not will_pass(error):
                    raise
            await passes(RETRY_SECONDS)

    async def _look_for_missed(self) -> None:
        """Finds jobs that were accepted and are gone, for which one would wait in vain."""
        while True:
            await passes(LOOK_SECONDS)
            for name in self.ledger.older_than(MISSED_SECONDS) & self._accepted:
                try:
                    await call(self._stub.GetJob, pb.GetJobRequest(name=f"jobs/{name}"))
                except grpc.aio.AioRpcError as error:
                    if error.code() != grpc.StatusCode.NOT_FOUND:
                        raise
                    self.ledger.lose(name)

    def _learn(self, job: pb.Job) -> None:
        if job.state not in TERMINAL:
            return
        name = job.name.removeprefix("jobs/")
        if self._states.setdefault(name, job.state) != job.state:
            self.ledger.blame(f"{name}: was {self._states[name]}, and is {job.state} now")
        self.ledger.answer(name, _fault_of(name, job), worked=job.state == pb.JOB_STATE_SUCCEEDED)

    async def _audit(self) -> None:
        """Compares what is listed with what was given while it happened."""
        left = dict(self._states)
        token = ""
        while True:
            request = pb.ListJobsRequest(page_size=1_000, page_token=token)
            request.filter.labels["drill"] = self._name
            page = await call(self._stub.ListJobs, request)
            for job in page.jobs:
                name = job.name.removeprefix("jobs/")
                if left.pop(name, None) != job.state:
                    self.ledger.blame(f"{name} is {job.state}, and {self._states.get(name)} was given")
            token = page.next_page_token
            if not token:
                break
        self.ledger.gone = len(left)
        for name, state in self._cancelled.items():
            if self._states.get(name) != state:
                self.ledger.blame(
                    f"{name}: to cancel it gave {state}, and {self._states.get(name)} was given"
                )


def _fault_of(name: str, job: pb.Job) -> str:
    number = int(name.rpartition("-")[2])
    if job.state == pb.JOB_STATE_SUCCEEDED:
        return fault_of(number, Evaluated(job.result, case(number)))
    if job.state == pb.JOB_STATE_CANCELLED and number == 0:
        return ""
    return f"{pb.JobState.Name(job.state)}: {job.error}"
