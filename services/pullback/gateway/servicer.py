"""The three RPCs of `GradientService`."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pullback.broker import new_job
from pullback.contract.errors import InvalidArgument, PullbackError, Stopping
from pullback.contract.status import from_status
from pullback.gateway import boundary
from pullback.gateway.checking import check_request_id, limit_on_requests, timeout_ms
from pullback.gateway.outcomes import OutcomeStream
from pullback.gateway.program import add_estimates, check_program, dry_evaluation
from pullback.gateway.tenants import scoped
from pullback.v1 import gradient_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import grpc

    from pullback.broker import NewJob, Quarantine
    from pullback.gateway.checking import Checker
    from pullback.gateway.desk import Desk, Outcome
    from pullback.gateway.settings import GatewaySettings
    from pullback.gateway.tenants import Tenant, Tenants

# Evaluations in one message of a stream.
REQUESTS_AT_ONCE = 4_096

# How long the event loop is kept, in seconds, by the evaluations of one message, before others have a turn.
TURN_SECONDS = 0.005


class GradientServicer:
    """Answers calls: checks what came, leaves a ticket at the desk, and waits. `handlers` makes RPCs of its methods."""

    def __init__(
        self,
        desk: Desk,
        quarantine: Quarantine,
        settings: GatewaySettings,
        checker: Checker,
        tenants: Tenants,
    ) -> None:
        self._desk = desk
        self._quarantine = quarantine
        self._most_ms = max(1, int(settings.max_timeout_seconds * 1000))
        self._default_ms = min(max(1, int(settings.default_timeout_seconds * 1000)), self._most_ms)
        self._retention_ms = int(settings.retention_seconds * 1000)
        self._limits = settings.limits
        self._checker = checker
        self._tenants = tenants
        self._streams: set[asyncio.Task[None]] = set()

    @property
    def stopping(self) -> bool:
        """Whether new calls are refused."""
        return self._desk.stopping

    def stop(self) -> None:
        """Refuses new calls, and reads no more requests from open streams, which end when all is answered."""
        self._desk.stopping = True
        for reading in self._streams:
            reading.cancel()

    @boundary.unary
    async def Evaluate(  # noqa: N802 - the RPC's name
        self,
        request: pb.EvaluateRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> pb.EvaluateResponse:
        """Evaluates one evaluation and waits for its result."""
        tenant = self._tenants.of(context)
        check_request_id(request.request_id, required=False)
        if self._checker.takes_long(request.evaluation):
            await asyncio.to_thread(self._checker.check, request.evaluation)
        job = self._admit(request, request.request_id or uuid4().hex, tenant)
        return _response(await self._outcome(job))

    async def _outcome(self, job: NewJob) -> pb.EvaluateOutcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        ticket = self._desk.submit(job, partial(_resolve, future))
        try:
            outcome = await future
        finally:
            self._desk.withdraw([ticket])
        if isinstance(outcome, PullbackError):
            raise outcome
        return pb.EvaluateOutcome.FromString(outcome)

    @boundary.stream
    async def EvaluateStream(  # noqa: N802 - the RPC's name
        self,
        request_iterator: AsyncIterator[pb.EvaluateStreamRequest],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[bytes]:
        """Evaluates many evaluations and answers each as it finishes; gives serialised responses."""
        tenant = self._tenants.of(context)
        stream = OutcomeStream()
        reading = asyncio.create_task(self._read(request_iterator, stream, tenant))
        self._streams.add(reading)
        try:
            async for response in stream.responses():
                yield response
            if reading.cancelled():
                raise Stopping(
                    "this gateway is stopping; send what is unanswered again, and another one answers"
                )
            await reading
        finally:
            self._streams.discard(reading)
            reading.cancel()
            self._desk.withdraw(stream.tickets())

    async def _read(
        self,
        requests: AsyncIterator[pb.EvaluateStreamRequest],
        stream: OutcomeStream,
        tenant: Tenant,
    ) -> None:
        try:
            async for message in requests:
                boundary.refuse_garbled(message)
                limit_on_requests(message.requests, REQUESTS_AT_ONCE)
                await self._begin_all(message.requests, stream, tenant)
                await stream.room()
        finally:
            stream.close()

    async def _begin_all(
        self, requests: Sequence[pb.EvaluateRequest], stream: OutcomeStream, tenant: Tenant
    ) -> None:
        now = time.monotonic
        pause = now() + TURN_SECONDS
        for request in requests:
            if self._checker.takes_long(request.evaluation):
                # For its verdict, which is remembered; a fault is raised again where it belongs.
                with suppress(PullbackError):
                    await asyncio.to_thread(self._checker.check, request.evaluation)
            self._begin(request, stream, tenant)
            if now() > pause:
                await asyncio.sleep(0)
                pause = now() + TURN_SECONDS

    def _begin(self, request: pb.EvaluateRequest, stream: OutcomeStream, tenant: Tenant) -> None:
        request_id = request.request_id
        check_request_id(request_id, required=True)
        if request_id in stream:
            raise InvalidArgument(f"{request_id!r} is still in flight on this stream", field="request_id")
        deliver = stream.expect(request_id)
        try:
            stream.ticket(request_id, self._desk.submit(self._admit(request, request_id, tenant), deliver))
        except PullbackError as error:
            deliver(error)

    def _admit(self, request: pb.EvaluateRequest, request_id: str, tenant: Tenant) -> NewJob:
        evaluation = request.evaluation
        self._checker.check(evaluation)
        if self._quarantine and (refusal := self._quarantine.refusal(tenant.tag, evaluation.program)):
            raise refusal
        # Not the call's own deadline: another call may join, with more time. gRPC cancels this one when its is over.
        limit = timeout_ms(evaluation, self._default_ms, self._most_ms)
        # Without an id of the caller's nobody can ask for the result again.
        retention = self._retention_ms if request.request_id else 0
        job_id = scoped(tenant, request_id)
        return new_job(job_id, evaluation, timeout_ms=limit, retention_ms=retention, tenant=tenant.tag)

    @boundary.unary
    async def CheckProgram(  # noqa: N802 - the RPC's name
        self,
        request: pb.CheckProgramRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> pb.CheckProgramResponse:
        """Checks a program without running it."""
        tenant = self._tenants.of(context)
        response = await asyncio.to_thread(check_program, request, self._limits)
        if request.input_specs and not response.diagnostics:
            evaluation = dry_evaluation(request, self._checker)
            job = new_job(
                uuid4().hex, evaluation, timeout_ms=self._default_ms, retention_ms=0, tenant=tenant.tag
            )
            add_estimates(response, await self._outcome(job))
        return response


def _resolve(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    # A call that was just cancelled has not taken its ticket back yet.
    if not future.done():
        future.set_result(outcome)


def _response(outcome: pb.EvaluateOutcome) -> pb.EvaluateResponse:
    if outcome.HasField("error"):
        error = from_status(outcome.error)
        raise error or AssertionError(outcome.error.code)
    return pb.EvaluateResponse(result=outcome.result)
