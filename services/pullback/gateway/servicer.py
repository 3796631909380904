"""The three RPCs of `GradientService`."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pullback.broker import new_job
from pullback.contract.errors import InvalidArgument, PullbackError, Stopping
from pullback.gateway import boundary
from pullback.gateway.checking import check_request_id, limit_on_requests
from pullback.gateway.outcomes import OutcomeStream
from pullback.gateway.program import add_estimates, check_program, dry_evaluation
from pullback.v1 import gradient_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import grpc

    from pullback.gateway.checking import Checker
    from pullback.gateway.desk import Desk
    from pullback.gateway.evaluating import Evaluating
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
        evaluating: Evaluating,
        settings: GatewaySettings,
        checker: Checker,
        tenants: Tenants,
    ) -> None:
        self._desk = desk
        self._evaluating = evaluating
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
        else:
            self._checker.check(request.evaluation)
        return pb.EvaluateResponse(
            result=await self._evaluating.result(request.evaluation, tenant, request.request_id)
        )

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
            self._checker.check(request.evaluation)
            job = self._evaluating.admit(request.evaluation, request_id, tenant)
            stream.ticket(request_id, self._desk.submit(job, deliver))
        except PullbackError as error:
            deliver(error)

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
                uuid4().hex,
                evaluation,
                timeout_ms=self._evaluating.default_ms,
                retention_ms=0,
                tenant=tenant.tag,
            )
            add_estimates(response, await self._evaluating.outcome(job))
        return response
