"""The RPCs of `JobService`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pullback.broker import Created
from pullback.contract.errors import InvalidArgument, JobNotFound, LimitExceeded, Overloaded
from pullback.contract.lifecycle import TERMINAL, State
from pullback.contract.limits import MAX_MESSAGE_BYTES, limit_metadata
from pullback.gateway import boundary
from pullback.gateway.jobs import rendering
from pullback.gateway.jobs.creating import Batch
from pullback.gateway.jobs.fields import id_of, name_of
from pullback.gateway.jobs.filters import Filter
from pullback.gateway.jobs.listing import list_page
from pullback.gateway.jobs.reading import Reader
from pullback.gateway.jobs.tokens import read_cursor
from pullback.gateway.jobs.watching import Watch
from pullback.gateway.wire import message
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    from pullback.broker import Shelves
    from pullback.gateway.jobs.creating import Intake
    from pullback.gateway.jobs.feeds import Feeds
    from pullback.gateway.tenants import Tenant, Tenants

    Context = grpc.aio.ServicerContext[Any, Any]

# Jobs cancelled by one script.
CANCELLED_AT_ONCE = 250

_UNFINISHED = frozenset(State) - TERMINAL


class HasRoom(Protocol):
    """Who knows whether Redis has room for more."""

    full: bool


class JobServicer:
    """Answers calls about jobs. `handlers` makes RPCs of its methods; most give serialised responses."""

    def __init__(
        self, shelves: Shelves, feeds: Feeds, intake: Intake, tenants: Tenants, room: HasRoom
    ) -> None:
        self._shelves = shelves
        self._feeds = feeds
        self._intake = intake
        self._tenants = tenants
        self._room = room

    @property
    def stopping(self) -> bool:
        """Whether new calls are refused."""
        return self._feeds.stopping

    def stop(self) -> None:
        """Refuses new calls, and ends watches, whose callers go on elsewhere."""
        self._feeds.stop()

    @boundary.unary
    async def CreateJob(self, request: pb.CreateJobRequest, context: Context) -> bytes:  # noqa: N802 - the RPC's name
        """Creates a job."""
        tenant = self._tenants.of(context)
        self._refuse_while_full()
        submission = await self._intake.submission(request)
        (answer,) = await self._shelves.create(tenant.tag, [submission])
        if not isinstance(answer, Created):
            raise answer
        return await self._basic(tenant, answer.job_id)

    @boundary.unary
    async def BatchCreateJobs(self, request: bytes, context: Context) -> bytes:  # noqa: N802 - the RPC's name
        """Creates many jobs."""
        tenant = self._tenants.of(context)
        self._refuse_while_full()
        return await Batch(self._intake, self._shelves, tenant.tag).create(request)

    def _refuse_while_full(self) -> None:
        if self._room.full:
            raise Overloaded("the queue's memory is nearly full")

    @boundary.unary
    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> bytes:  # noqa: N802 - the RPC's name
        """Gives one job."""
        tenant = self._tenants.of(context)
        job_id = id_of(request.name)
        reader = Reader(self._shelves, tenant.tag, request.view, pb.JOB_VIEW_RESULT)
        return await _one(reader, tenant, job_id)

    async def _basic(self, tenant: Tenant, job_id: str) -> bytes:
        return await _one(Reader(self._shelves, tenant.tag, pb.JOB_VIEW_BASIC, 0), tenant, job_id)

    @boundary.unary
    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> bytes:  # noqa: N802 - the RPC's name
        """Gives a page of jobs."""
        tenant = self._tenants.of(context)
        return await list_page(self._shelves, tenant, request)

    @boundary.stream
    async def WatchJobs(  # noqa: N802 - the RPC's name
        self, request: pb.WatchJobsRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """Gives jobs, and then their changes."""
        boundary.refuse_garbled(request)
        tenant = self._tenants.of(context)
        wanted = Filter(request.filter, tenant.tag)
        cursor = read_cursor(request.cursor, wanted.scope) if request.cursor else None
        reader = Reader(self._shelves, tenant.tag, request.view, pb.JOB_VIEW_BASIC)
        with self._feeds.watched(tenant.tag) as feed:
            watch = Watch(self._shelves, feed, tenant, wanted, reader)
            async for response in watch.messages(cursor):
                yield response

    @boundary.unary
    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> bytes:  # noqa: N802 - the RPC's name
        """Cancels a job."""
        tenant = self._tenants.of(context)
        job_id = id_of(request.name)
        await self._shelves.cancel(tenant.tag, [job_id])
        return await self._basic(tenant, job_id)

    @boundary.unary
    async def BatchCancelJobs(  # noqa: N802 - the RPC's name
        self, request: pb.BatchCancelJobsRequest, context: Context
    ) -> pb.BatchCancelJobsResponse:
        """Cancels every job that a filter matches."""
        tenant = self._tenants.of(context)
        wanted = Filter(request.filter, tenant.tag)
        if not wanted:
            raise InvalidArgument(
                "needs at least one condition, or every job would be cancelled", field="filter"
            )
        states = (wanted.selection.states or _UNFINISHED) & _UNFINISHED
        count, place, more = 0, None, bool(states)
        while more:
            jobs, place = await self._shelves.page(
                tenant.tag, wanted.selection._replace(states=states), after=place, count=CANCELLED_AT_ONCE
            )
            more = place is not None
            if jobs:
                after = await self._shelves.cancel(tenant.tag, [job.job_id for job in jobs])
                count += after.count(State.CANCELLED)
        return pb.BatchCancelJobsResponse(cancelled_count=count)

    @boundary.unary
    async def DeleteJob(self, request: pb.DeleteJobRequest, context: Context) -> pb.DeleteJobResponse:  # noqa: N802 - the RPC's name
        """Deletes a job."""
        tenant = self._tenants.of(context)
        job_id = id_of(request.name)
        (was_there,) = await self._shelves.delete(tenant.tag, [job_id])
        if not was_there:
            raise _no_job(job_id)
        return pb.DeleteJobResponse()


async def _one(reader: Reader, tenant: Tenant, job_id: str) -> bytes:
    """Writes one job as the first field of a response, as all of them have it."""
    (job,) = await reader.get([job_id])
    if job is None:
        raise _no_job(job_id)
    response = message(1, rendering.job(job, tenant.name))
    if len(response) > MAX_MESSAGE_BYTES:
        raise LimitExceeded(
            f"the job takes {len(response):,} bytes, but a message has {MAX_MESSAGE_BYTES:,}; ask for less of it",
            field="view",
            metadata=limit_metadata(MAX_MESSAGE_BYTES, len(response)),
        )
    return response


def _no_job(job_id: str) -> JobNotFound:
    return JobNotFound(f"there is no {name_of(job_id)}, or no more", field="name")
