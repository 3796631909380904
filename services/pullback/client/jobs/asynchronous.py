"""The job service for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, final

import grpc

from pullback.client.faults import ended_early, from_rpc_error
from pullback.client.jobs.asking import (
    Conditions,
    JobLike,
    SubmitOptions,
    any_filter,
    job_again,
    job_filter,
    job_id,
    job_name,
    list_request,
    one_job,
    view_number,
)
from pullback.client.jobs.awaiting import Claim, Vigil
from pullback.client.jobs.reading import Job, News, read_news
from pullback.client.jobs.shipping import DEFAULT_BATCH, DEFAULT_IN_FLIGHT, Batch, Settled, Shipment, order_of
from pullback.client.retries import Backoff
from pullback.contract.errors import JobNotFound, PullbackError
from pullback.v1 import job_pb2 as pb
from pullback.v1.job_pb2_grpc import JobServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable

    from pullback.client.building import Values
    from pullback.client.calling import AsyncCaller
    from pullback.client.jobs.asking import Submittable
    from pullback.client.jobs.words import JobView
    from pullback.client.reading import Evaluated

_Item = TypeVar("_Item")

#: A job's index among those given, and its future or why it was refused.
Submitted = tuple[int, "AsyncJobFuture | PullbackError"]


@final
class AsyncJobFuture:
    """A job that was submitted, and what will come of it: to be awaited, as often as one likes.

    Nothing runs in the background: waiting is a call, which `asyncio.timeout` may end without harm.

    A future of a job of another process or another day is made by `AsyncJobs.future`.
    """

    __slots__ = ("_jobs", "claim")

    def __init__(self, jobs: AsyncJobs, claim: Claim) -> None:
        self._jobs = jobs
        self.claim = claim

    def __repr__(self) -> str:
        return f"<AsyncJobFuture {self.name}>"

    def __await__(self) -> Generator[Any, None, Evaluated]:
        return self.result().__await__()

    @property
    def name(self) -> str:
        """The job's name: ``jobs/`` and its id."""
        return self.claim.name

    @property
    def id(self) -> str:
        """The job's id."""
        return job_id(self.claim.name)

    @property
    def job(self) -> Job | None:
        """The job as it was last seen here, without a call; None where it was not yet."""
        return self.claim.job

    async def done(self) -> bool:
        """Asks whether the job is done, without waiting for it. True where it is gone, too."""
        if not self.claim.settled:
            try:
                self.claim.see((await self._jobs.get(self)).message)
            except JobNotFound:
                self.claim.lose()
        return self.claim.settled

    async def result(self) -> Evaluated:
        """Waits for the result.

        Raises:
            Cancelled: the job was.
            DeadlineExceeded: it expired, or its program took too long.
            JobNotFound: it was deleted, or its time to live has ended.
            CallerError: it failed, and the class says why.
            ServiceError: it failed by a fault of the service, or the service could not be reached.
        """
        outcome = await self._outcome()
        if isinstance(outcome, PullbackError):
            raise outcome
        return outcome

    async def exception(self) -> PullbackError | None:
        """Waits until the job is done, and gives its error; None where it has a result.

        Raises:
            ServiceError: the service could not be reached.
        """
        outcome = await self._outcome()
        return outcome if isinstance(outcome, PullbackError) else None

    async def cancel(self) -> bool:
        """Cancels the job, and tells whether it is cancelled now: it is not where it was done before.

        Raises:
            JobNotFound: it was deleted, or its time to live has ended.
            ServiceError: the service could not be reached.
        """
        return self.claim.see((await self._jobs.cancel(self)).message).state == "cancelled"

    async def _outcome(self) -> Evaluated | PullbackError:
        async for _ in self._jobs.as_completed([self]):
            pass
        return self.claim.outcome()


@final
class AsyncJobs:
    """The jobs of a service: `AsyncClient.jobs`.

    Where a job is asked for, its `Job`, its future, its name or its id will do. Calls are tried again, for the
    client's `retry_for`, while the service cannot be reached, is full or on its way out, and for no other reason; to
    send them again changes nothing.
    """

    def __init__(self, channel: grpc.aio.Channel, caller: AsyncCaller) -> None:
        self._caller = caller
        self._stub: Any = JobServiceStub(channel)  # type: ignore[no-untyped-call]

    async def submit(
        self, what: str | Submittable, /, inputs: Values | None = None, **options: Unpack[SubmitOptions]
    ) -> AsyncJobFuture:
        """Creates a job, durably, and does not wait for it.

        Args:
            what: a program's text, an evaluation made by `evaluation`, or a job made by `job`.
            inputs: tensors to bind before the program runs, by name; with a program's text only.
            **options: the keywords of `evaluation`, with a program's text only, and those of `job`.

        Raises:
            InvalidArgument: something is wrong with the job; `field` names it.
            ProgramError: the program's text is wrong.
            JobIdReused: the id is that of another job.
            LimitExceeded: there is too much of something.
            ServiceError: the service is at fault, full, or could not be reached.
            TypeError: there are arguments that do not go together.
        """
        request = one_job(what, inputs, options)
        created = (await self._caller.call(self._stub.CreateJob, request)).job
        return AsyncJobFuture(self, Claim(created.name, order_of(request.job.evaluation), created))

    async def submit_many(
        self,
        jobs: Iterable[Submittable] | AsyncIterable[Submittable],
        *,
        batch: int = DEFAULT_BATCH,
        in_flight: int = DEFAULT_IN_FLIGHT,
        run_id: str | None = None,
        retry_for: float | None = None,
    ) -> AsyncGenerator[Submitted]:
        """Creates many jobs, and gives each one's future as it is created, in any order.

        One that is refused is given as its error and does not disturb the rest. What the service has no room for is
        sent again. No more is held than the messages under way, however many jobs there are. Nothing is sent before
        the first future is asked for. A caller who may leave the loop early SHOULD wrap the iterator in
        `contextlib.aclosing`, which cancels what is under way; so with `watch` and `as_completed`.

        Args:
            jobs: made by `job` or by `evaluation`. Read in the event loop, as they are needed.
            batch: jobs in one message, from 1 to 10,000.
            in_flight: messages under way at once. With one, jobs are created in the order given, but for those that are
                sent again.
            run_id: what the request ids of jobs begin with that have neither an id nor a request id; None for a new
                one. A script that is started again with the same jobs and the same `run_id` creates none twice.
            retry_for: the seconds to wait for room, or for the service, before giving up; None for the client's.
                An answer with a created job renews them.

        Yields:
            The index among `jobs`, and an `AsyncJobFuture` or a `PullbackError`.

        Raises:
            PullbackError: the service refused all of a message, or could not be reached. Jobs may have been created
                whose futures were not given.
            TypeError: one of them was made by neither.
        """
        patience = self._caller.retry_for if retry_for is None else retry_for
        shipment = Shipment(batch=batch, in_flight=in_flight, run_id=run_id, retry_for=patience)
        source = aiter(jobs) if isinstance(jobs, AsyncIterable) else _each(jobs)
        under_way: deque[tuple[Batch, Any]] = deque()
        try:
            while True:
                while len(under_way) < in_flight:
                    sent = await self._send(shipment, source, busy=bool(under_way))
                    if sent is None:
                        break
                    under_way.append(sent)
                if not under_way:
                    return
                for parcel, outcome in await self._land(shipment, *under_way.popleft()):
                    if isinstance(outcome, PullbackError):
                        yield parcel.index, outcome
                    else:
                        yield parcel.index, AsyncJobFuture(self, Claim(outcome.name, parcel.order, outcome))
        finally:
            for _, call in under_way:
                call.cancel()

    async def _send(
        self, shipment: Shipment, source: AsyncIterator[Submittable], *, busy: bool
    ) -> tuple[Batch, Any] | None:
        """Sends a message; None where there is none, or where answers should be read before it may go."""
        if shipment.hungry:
            async for job in source:
                shipment.add(job)
                if not shipment.hungry:
                    break
        if busy and shipment.seconds_left() > 0:
            return None
        await asyncio.sleep(shipment.seconds_left())
        batch = shipment.next()
        return None if batch is None else (batch, self._stub.BatchCreateJobs(batch.message))

    async def _land(self, shipment: Shipment, batch: Batch, call: Any) -> list[Settled]:
        try:
            return shipment.land(batch, await call)
        except grpc.RpcError as error:
            return shipment.fail(batch, from_rpc_error(error, self._caller.address))

    def future(self, job: JobLike) -> AsyncJobFuture:
        """Makes a future of a job that was created before. Makes no call."""
        return AsyncJobFuture(self, Claim(job_name(job), None, None))

    async def get(self, job: JobLike, *, view: JobView = "result") -> Job:
        """Gives a job as it is now.

        Args:
            job: which.
            view: how much of it.

        Raises:
            JobNotFound: there is none, or its time to live has ended.
            ServiceError: the service is at fault, or could not be reached.
        """
        request = pb.GetJobRequest(name=job_name(job), view=view_number(view))
        return Job((await self._caller.call(self._stub.GetJob, request)).job)

    async def list(
        self, *, view: JobView = "basic", page_size: int = 0, **conditions: Unpack[Conditions]
    ) -> AsyncGenerator[Job]:
        """Gives the jobs that there are, newest first. Those that are created meanwhile are left out.

        Args:
            view: how much of each.
            page_size: jobs in one call, at most 1,000; 0 for 1,000 of the view ``basic`` and 100 of the others.
            **conditions: which jobs; see `Conditions`.

        Raises:
            InvalidArgument: a condition cannot be sent; `field` names it.
            ServiceError: the service is at fault, or could not be reached.
        """
        request = list_request(view, page_size, conditions)
        while True:
            response = await self._caller.call(self._stub.ListJobs, request)
            for message in response.jobs:
                yield Job(message)
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    async def watch(
        self,
        *,
        view: JobView = "basic",
        cursor: str = "",
        retry_for: float | None = None,
        **conditions: Unpack[Conditions],
    ) -> AsyncGenerator[News]:
        """Gives jobs as they are, then each change as it happens, until the caller leaves the loop.

        A watch that breaks goes on where it broke. So does one of another process that is given the `cursor` of the
        last news that were dealt with, and the same conditions. Where the service holds changes so old no longer, the
        present state of every job comes again.

        Args:
            view: how much of each job.
            cursor: of earlier news; empty to begin with the present state of all.
            retry_for: the seconds that a break may last; None for the client's.
            **conditions: which jobs; see `Conditions`. With states, a job is given when it comes to one of them.

        Raises:
            InvalidArgument: a condition cannot be sent, or the cursor is none of these conditions; `field` names it.
            ServiceError: the service is at fault, or could not be reached for as long as `retry_for`.
        """
        request = pb.WatchJobsRequest(filter=job_filter(conditions), cursor=cursor, view=view_number(view))
        backoff = Backoff(self._caller.retry_for if retry_for is None else retry_for)
        while True:
            call = self._stub.WatchJobs(request)
            try:
                async for response in call:
                    backoff.reset()
                    request.cursor = response.cursor
                    yield read_news(response)
                fault: PullbackError = ended_early(self._caller.address)
            except grpc.RpcError as error:
                fault = from_rpc_error(error, self._caller.address)
            finally:
                call.cancel()
            await asyncio.sleep(backoff.delay_or_raise(fault))

    async def as_completed(
        self, futures: Iterable[AsyncJobFuture] | AsyncIterable[AsyncJobFuture]
    ) -> AsyncGenerator[AsyncJobFuture]:
        """Gives futures as their jobs are done, in any order, those that are gone included.

        Ten thousand are waited for at a time, in the order given, so that there may be any number of them.

        Args:
            futures: of jobs, read as they are needed.

        Raises:
            ServiceError: the service could not be reached for as long as the client's `retry_for`.
        """
        vigil: Vigil[AsyncJobFuture] = Vigil(None)
        source = aiter(futures) if isinstance(futures, AsyncIterable) else _each(futures)
        while True:
            async for future in source:
                if future.claim.settled:
                    yield future
                else:
                    vigil.add(future)
                    if vigil.full:
                        break
            if vigil.over:
                return
            async with aclosing(self._settle(vigil)) as settled:
                async for future in settled:
                    yield future

    async def _settle(self, vigil: Vigil[AsyncJobFuture]) -> AsyncGenerator[AsyncJobFuture]:
        backoff = Backoff(self._caller.retry_for)
        while True:
            call = self._stub.WatchJobs(vigil.request())
            try:
                async for response in call:
                    backoff.reset()
                    for future in vigil.take(response):
                        yield future
                    if vigil.over:
                        return
                fault: PullbackError = ended_early(self._caller.address)
            except grpc.RpcError as error:
                fault = from_rpc_error(error, self._caller.address)
            finally:
                call.cancel()
            await asyncio.sleep(vigil.pause(backoff, fault))

    async def cancel(self, job: JobLike) -> Job:
        """Cancels a job, and gives it. One that is done stays as it is.

        Raises:
            JobNotFound: there is none, or its time to live has ended.
            ServiceError: the service is at fault, or could not be reached.
        """
        request = pb.CancelJobRequest(name=job_name(job))
        return Job((await self._caller.call(self._stub.CancelJob, request)).job)

    async def cancel_many(self, **conditions: Unpack[Conditions]) -> int:
        """Cancels every job that is not done and meets the conditions, of which there is at least one.

        Returns:
            How many it cancelled. Too few where the call broke and was made again.

        Raises:
            InvalidArgument: there is no condition, or one cannot be sent; `field` names it.
            ServiceError: the service is at fault, or could not be reached.
        """
        request = pb.BatchCancelJobsRequest(filter=any_filter(conditions))
        count: int = (await self._caller.call(self._stub.BatchCancelJobs, request)).cancelled_count
        return count

    async def delete(self, job: JobLike) -> None:
        """Deletes a job with its result. One that waits or runs is stopped first.

        Raises:
            JobNotFound: there is none, or its time to live has ended.
            ServiceError: the service is at fault, or could not be reached.
        """
        tries = 0

        async def delete(request: pb.DeleteJobRequest, *, timeout: float | None) -> Any:  # noqa: ASYNC109 - it is the call's
            nonlocal tries
            tries += 1
            return await self._stub.DeleteJob(request, timeout=timeout)

        try:
            await self._caller.call(delete, pb.DeleteJobRequest(name=job_name(job)))
        except JobNotFound:
            if tries == 1:  # else the try that broke may have deleted it
                raise

    async def retry(self, job: JobLike, *, job_id: str = "") -> AsyncJobFuture:
        """Creates a job that does again what one that is done did, with the same labels and options.

        The new job has an id of its own and the service's longest deadline; the old one stays as it is. Calling again
        gives the same new job, unless a `job_id` says otherwise.

        Args:
            job: which.
            job_id: the id that the new job is to have; empty for one of the service's.

        Raises:
            InvalidArgument: the job is not done.
            JobNotFound: there is none, or its time to live has ended.
            JobIdReused: the id is that of another job.
            ServiceError: the service is at fault, full, or could not be reached.
        """
        done = (await self.get(job, view="full")).message
        request = job_again(done, job_id)
        created = (await self._caller.call(self._stub.CreateJob, request)).job
        return AsyncJobFuture(self, Claim(created.name, order_of(done.evaluation), created))


async def _each(items: Iterable[_Item]) -> AsyncIterator[_Item]:
    for item in items:
        yield item
