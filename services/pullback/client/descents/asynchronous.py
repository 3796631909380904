"""Descents for asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, final

import grpc

from pullback.client.descents.following import Following
from pullback.client.faults import ended_early, from_rpc_error
from pullback.contract.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from types import TracebackType

    from pullback.client.calling import AsyncCaller
    from pullback.client.descents.reading import Descended, DescentPoint, DescentState
    from pullback.contract.errors import PullbackError
    from pullback.v1.descent_pb2 import DescendRequest


@final
class AsyncDescent:
    """`Descent` for asyncio: ``async for`` gives its moments, and `result` is awaited."""

    def __init__(self, method: Any, request: DescendRequest, caller: AsyncCaller) -> None:
        """Prepares to follow it; made by `AsyncClient.descend`."""
        self._method = method
        self._caller = caller
        self._following = Following(request, caller.retry_for)
        self._call: Any = None
        self._is_cancelled = False
        self._news = self._follow()
        self._moments = self._each()

    def __aiter__(self) -> AsyncIterator[DescentPoint]:
        """Gives its moments, as `Descent` does."""
        return self._moments

    def news(self) -> AsyncIterator[list[DescentPoint]]:
        """Gives what each word of the service has that is new, as `Descent.news` does."""
        return self._news

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
        await self._moments.aclose()
        await self._news.aclose()

    @property
    def state(self) -> DescentState | None:
        """Where it stood when the service told last; None before that. What it can be gone on with from."""
        return self._following.state

    @property
    def points(self) -> tuple[DescentPoint, ...]:
        """The moments so far."""
        return tuple(self._following.points)

    async def result(self) -> Descended:
        """Waits for the end, as `Descent.result` does."""
        async for _ in self._news:
            pass
        if self._following.descended is None:
            raise self._following.failure or Cancelled("the descent was given up before its end")
        return self._following.descended

    def cancel(self) -> None:
        """Stops it, as `Descent.cancel` does."""
        self._is_cancelled = True
        if self._call is not None:
            self._call.cancel()

    async def _each(self) -> AsyncGenerator[DescentPoint]:
        async for moments in self._news:
            for moment in moments:
                yield moment

    async def _follow(self) -> AsyncGenerator[list[DescentPoint]]:
        while self._following.descended is None:
            if self._is_cancelled:
                return
            try:
                self._call = self._method(self._following.request())
                async for response in self._call:
                    yield self._following.hear(response)
                fault: PullbackError = ended_early(self._caller.address)
            except grpc.RpcError as error:
                fault = from_rpc_error(error, self._caller.address)
            except asyncio.CancelledError:
                # gRPC raises it in whoever waits for a call that is cancelled.
                if not self._is_cancelled:
                    raise
                continue
            finally:
                if self._call is not None:
                    self._call.cancel()
            if self._following.descended is None and not self._is_cancelled:
                await asyncio.sleep(self._following.delay(fault))
