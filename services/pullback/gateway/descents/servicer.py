"""The RPC of `DescentService`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pullback.contract.descents import check_descent
from pullback.contract.errors import DeadlineExceeded, PullbackError, Stopping
from pullback.gateway import boundary
from pullback.gateway.descents.legs import Legs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    from pullback.gateway.checking import Checker
    from pullback.gateway.desk import Desk
    from pullback.gateway.evaluating import Evaluating
    from pullback.gateway.settings import GatewaySettings
    from pullback.gateway.tenants import Tenant, Tenants
    from pullback.v1 import descent_pb2 as pb
    from pullback.v1 import evaluation_pb2


class DescentServicer:
    """Answers calls: makes one leg after the other. `handlers` makes an RPC of its method."""

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

    @property
    def stopping(self) -> bool:
        """Whether new calls are refused."""
        return self._desk.stopping

    @boundary.stream
    async def Descend(  # noqa: N802 - the RPC's name
        self, request: pb.DescendRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.DescendResponse]:
        """Makes a descent, and tells how it goes."""
        boundary.refuse_garbled(request)
        tenant = self._tenants.of(context)
        # In a thread, for the bounds of big parameters are looked at element by element.
        await asyncio.to_thread(self._check, request)
        legs = Legs(request, time.monotonic())
        is_over = False
        while not is_over:
            try:
                result = await self._leg(legs, tenant)
            except PullbackError:
                for response in legs.untold():
                    yield response
                raise
            for response in legs.responses(result, time.monotonic()):
                yield response
                is_over = response.HasField("outcome")

    def _check(self, request: pb.DescendRequest) -> None:
        self._checker.check(request.evaluation)
        state = request.state if request.HasField("state") else None
        check_descent(request.evaluation, request.plan, state, self._limits)

    async def _leg(self, legs: Legs, tenant: Tenant) -> evaluation_pb2.Result:
        """Makes a leg; a shorter one where it did not end in its time."""
        while True:
            if self._desk.stopping:
                raise Stopping("this gateway is stopping; go on from the last state, and another one does")
            try:
                return await self._evaluating.result(legs.next(time.monotonic()), tenant)
            except DeadlineExceeded:
                if not legs.may_be_shorter():
                    raise
