"""A stand-in for the job service, on a real gRPC server, in this process: for the tests of clients."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, TypeVar, final

import grpc
from grpc_status import rpc_status
from tests.job_stand_in.store import Store, echo
from tests.job_stand_in.watching import check_filter, matches, page, viewed, watch
from tests.stand_in_server import StandInServer

from pullback.contract.errors import InvalidArgument, LimitExceeded, PullbackError
from pullback.contract.status import to_status
from pullback.v1 import job_pb2 as pb
from pullback.v1 import job_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Seconds that a watch waits for a change before it looks whether its caller is still there.
_LOOK = 0.05


_Response = TypeVar("_Response")


@final
class JobService(job_pb2_grpc.JobServiceServicer):
    """Does what the service does, and fails as a test tells it.

    Attributes:
        store: the jobs.
        calls: how often each RPC came; `called` tells of each.
        batches: the number of requests in each batch that came, in order.
        refusals: errors to give to whole calls, in order, before anything is done.
        lost_answers: how many answers to calls that change something get lost on the way, from now on.
        room: asked of each job to create; what it gives is the job's error.
        breaks: after how many messages each watch breaks off, in order of watches.
        finishing: True to finish each job as soon as it is created.
    """

    def __init__(self) -> None:
        self.store = Store(echo)
        self.calls: Counter[str] = Counter()
        self.called = threading.Condition()
        self.batches: list[int] = []
        self.refusals: deque[PullbackError] = deque()
        self.lost_answers = 0
        self.room: Callable[[pb.CreateJobRequest], PullbackError | None] | None = None
        self.breaks: deque[int] = deque()
        self.finishing = False

    def CreateJob(self, request: pb.CreateJobRequest, context: grpc.ServicerContext) -> pb.CreateJobResponse:  # noqa: N802 - the RPC's name
        """Creates one."""
        with self._call("CreateJob", context):
            job = viewed(self._create(request), pb.JOB_VIEW_BASIC)
        return self._answer(pb.CreateJobResponse(job=job), context)

    def BatchCreateJobs(  # noqa: N802 - the RPC's name
        self, request: pb.BatchCreateJobsRequest, context: grpc.ServicerContext
    ) -> pb.BatchCreateJobsResponse:
        """Creates many, each on its own."""
        with self._call("BatchCreateJobs", context):
            self.batches.append(len(request.requests))
            if len(request.requests) > 10_000:
                raise LimitExceeded(f"{len(request.requests)} requests, more than 10,000", field="requests")
            response = pb.BatchCreateJobsResponse()
            for item in request.requests:
                outcome = response.outcomes.add()
                try:
                    job = self._create(item)
                    outcome.job.name, outcome.job.state = job.name, job.state
                    outcome.job.create_time.CopyFrom(job.create_time)
                except PullbackError as error:
                    outcome.error.CopyFrom(to_status(error))
        return self._answer(response, context)

    def GetJob(self, request: pb.GetJobRequest, context: grpc.ServicerContext) -> pb.GetJobResponse:  # noqa: N802 - the RPC's name
        """Gives one."""
        with self._call("GetJob", context):
            return pb.GetJobResponse(
                job=viewed(self.store.get(request.name), request.view or pb.JOB_VIEW_RESULT)
            )

    def ListJobs(self, request: pb.ListJobsRequest, context: grpc.ServicerContext) -> pb.ListJobsResponse:  # noqa: N802 - the RPC's name
        """Gives a page."""
        with self._call("ListJobs", context):
            return page(self.store, request)

    def WatchJobs(  # noqa: N802 - the RPC's name
        self, request: pb.WatchJobsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchJobsResponse]:
        """Gives jobs and their changes until the caller leaves."""
        left = self.breaks.popleft() if self.breaks else None
        with self._call("WatchJobs", context):
            for message in watch(self.store, request):
                if not context.is_active():
                    return
                if message is None:
                    with self.store.changed:
                        self.store.changed.wait(_LOOK)
                    continue
                if left == 0:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
                yield message
                left = None if left is None else left - 1

    def CancelJob(self, request: pb.CancelJobRequest, context: grpc.ServicerContext) -> pb.CancelJobResponse:  # noqa: N802 - the RPC's name
        """Cancels one."""
        with self._call("CancelJob", context):
            job = viewed(self.store.cancel(request.name)[0], pb.JOB_VIEW_BASIC)
        return self._answer(pb.CancelJobResponse(job=job), context)

    def BatchCancelJobs(  # noqa: N802 - the RPC's name
        self, request: pb.BatchCancelJobsRequest, context: grpc.ServicerContext
    ) -> pb.BatchCancelJobsResponse:
        """Cancels those that match."""
        with self._call("BatchCancelJobs", context):
            if not request.filter.ByteSize():
                raise InvalidArgument("needs at least one condition", field="filter")
            check_filter(request.filter)
            names = frozenset(request.filter.names)
            with self.store.changed:
                found = [
                    name
                    for name, record in self.store.records.items()
                    if matches(request.filter, record.job, names)
                ]
                count = sum(self.store.cancel(name)[1] for name in found)
        return self._answer(pb.BatchCancelJobsResponse(cancelled_count=count), context)

    def DeleteJob(self, request: pb.DeleteJobRequest, context: grpc.ServicerContext) -> pb.DeleteJobResponse:  # noqa: N802 - the RPC's name
        """Forgets one."""
        with self._call("DeleteJob", context):
            self.store.delete(request.name)
        return self._answer(pb.DeleteJobResponse(), context)

    def _create(self, request: pb.CreateJobRequest) -> pb.Job:
        error = None if self.room is None else self.room(request)
        if error is not None:
            raise error
        job = self.store.create(request)
        if self.finishing and job.state == pb.JOB_STATE_QUEUED:
            self.store.finish(job.name)
        return job

    def _call(self, rpc: str, context: grpc.ServicerContext) -> _Boundary:
        with self.called:
            self.calls[rpc] += 1
            self.called.notify_all()
        return _Boundary(context, self.refusals.popleft() if self.refusals else None)

    def _answer(self, response: _Response, context: grpc.ServicerContext) -> _Response:
        if self.lost_answers:
            self.lost_answers -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return response


@final
class _Boundary:
    """Answers a call with its error."""

    def __init__(self, context: grpc.ServicerContext, refusal: PullbackError | None) -> None:
        self._context = context
        self._refusal = refusal

    def __enter__(self) -> None:
        if self._refusal is not None:
            self._context.abort_with_status(rpc_status.to_status(to_status(self._refusal)))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PullbackError):
            self._context.abort_with_status(rpc_status.to_status(to_status(error)))


@final
class JobServer(StandInServer[JobService]):
    """A stand-in with its server, which can be stopped and started on one port."""

    def __init__(self) -> None:
        super().__init__(JobService(), job_pb2_grpc.add_JobServiceServicer_to_server)
