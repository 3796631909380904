"""The load of what is rare with jobs: those that crash or hang, are deleted, or expire."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any, final

import grpc
import grpc.aio
from tests.acceptance.drill.ledger import Ledger
from tests.acceptance.drill.speaking import RETRY_SECONDS, call, will_pass
from tests.acceptance.drill.submitted import TERMINAL
from tests.acceptance.drill.waiting import passes
from tests.acceptance.load import QUARTIC

from pullback.client import evaluation
from pullback.client.channels import OPTIONS
from pullback.v1 import job_pb2 as pb
from pullback.v1.job_pb2_grpc import JobServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Seconds between two rounds of errands.
PERIOD = 8.0

# Time limit of one that never ends, and life of one that is to expire, in seconds. The latter is longer than it takes
# to be created while a gateway is started again: a deadline that passed is refused.
HANG_SECONDS = 0.5
EXPIRE_SECONDS = 15.0

# When those that are to wait may begin: never, as far as a drill is concerned. In seconds from now.
LATER_SECONDS = 3_600.0


@final
class JobErrands:
    """Does one thing of each kind in each round, and counts what comes of it."""

    kind = "job errands"

    def __init__(self, address: str, name: str) -> None:
        self.ledger = Ledger()
        self._address = address
        self._name = name
        self._stub: Any = None

    async def run(self, stop: asyncio.Event) -> None:
        """Goes on until `stop` is set."""
        kinds: tuple[Callable[[str], Awaitable[None]], ...]
        kinds = (self._crash, self._hang, self._delete, self._expire, self._stop_hanging)
        async with (
            grpc.aio.insecure_channel(self._address, OPTIONS) as channel,
            asyncio.TaskGroup() as group,
        ):
            self._stub = JobServiceStub(channel)  # type: ignore[no-untyped-call]
            for number in itertools.count():
                kind = kinds[number % len(kinds)]
                group.create_task(self._do(kind, f"{self._name}-{number}"))
                if await passes(PERIOD / len(kinds), stop):
                    break
            await self.ledger.settled()

    async def _do(self, kind: Callable[[str], Awaitable[None]], name: str) -> None:
        self.ledger.send(name)
        await kind(name)

    async def _crash(self, name: str) -> None:
        """One that crashes its evaluator, under a program of its own, or it would be refused soon."""
        await self._create(name, f"{QUARTIC}  # drill: crash {name}")
        await self._ends(name, pb.JOB_STATE_FAILED)

    async def _hang(self, name: str) -> None:
        """One that never ends, so that what was taken with it is put back."""
        await self._create(name, f"{QUARTIC}  # drill: hang {name}", limit=HANG_SECONDS)
        await self._ends(name, pb.JOB_STATE_FAILED)

    async def _stop_hanging(self, name: str) -> None:
        """One that runs, if it was taken by then, and is cancelled."""
        await self._create(name, f"{QUARTIC}  # drill: hang {name}", limit=LATER_SECONDS)
        await passes(HANG_SECONDS)
        await call(self._stub.CancelJob, pb.CancelJobRequest(name=f"jobs/{name}"))
        await self._ends(name, pb.JOB_STATE_CANCELLED)

    async def _expire(self, name: str) -> None:
        """One whose deadline comes while it runs, or waits."""
        await self._create(name, f"{QUARTIC}  # drill: hang {name}", expire=True)
        await self._ends(name, pb.JOB_STATE_EXPIRED)

    async def _delete(self, name: str) -> None:
        """One that is deleted, and gone."""
        await self._create(name, QUARTIC, later=True)
        try:
            await call(self._stub.DeleteJob, pb.DeleteJobRequest(name=f"jobs/{name}"))
        except grpc.aio.AioRpcError as error:
            # A gateway may have died after it was deleted, and before it said so.
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
        try:
            job = await call(self._stub.GetJob, pb.GetJobRequest(name=f"jobs/{name}"))
        except grpc.aio.AioRpcError as error:
            self.ledger.answer(name, "" if error.code() == grpc.StatusCode.NOT_FOUND else repr(error))
        else:
            self.ledger.answer(name, f"was deleted, and is {job}")

    async def _create(
        self, name: str, program: str, *, limit: float = 60.0, later: bool = False, expire: bool = False
    ) -> None:
        request = pb.CreateJobRequest(job_id=name)
        request.job.evaluation.CopyFrom(evaluation(program, x=1.0, timeout=limit))
        request.job.max_attempts = 20
        now = time.time()
        if later:
            request.job.not_before_time.FromNanoseconds(round((now + LATER_SECONDS) * 1e9))
        if expire:
            # It runs for as short a time as it hangs elsewhere.
            begin = now + EXPIRE_SECONDS - HANG_SECONDS
            request.job.not_before_time.FromNanoseconds(round(begin * 1e9))
            request.job.deadline_time.FromNanoseconds(round((now + EXPIRE_SECONDS) * 1e9))
        await call(self._stub.CreateJob, request)
        self.ledger.accept()

    async def _ends(self, name: str, state: int) -> None:
        """Waits until a job is terminal, and says whether that is the state in which it had to end."""
        cursor = ""
        while True:
            request = pb.WatchJobsRequest(cursor=cursor)
            request.filter.names.append(f"jobs/{name}")
            try:
                async for news in self._stub.WatchJobs(request):
                    cursor = news.cursor
                    for job in news.jobs:
                        if job.state in TERMINAL:
                            fault = (
                                "" if job.state == state else f"{pb.JobState.Name(job.state)}: {job.error}"
                            )
                            self.ledger.answer(name, fault)
                            return
            except grpc.aio.AioRpcError as error:
                if not will_pass(error):
                    raise
            await passes(RETRY_SECONDS)
