"""Descents for blocking code."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING, Any, Self, final

import grpc

from pullback.client.descents.following import Following
from pullback.client.faults import ended_early, from_rpc_error
from pullback.contract.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import TracebackType

    from pullback.client.calling import Caller
    from pullback.client.descents.reading import Descended, DescentPoint, DescentState
    from pullback.contract.errors import PullbackError
    from pullback.v1.descent_pb2 import DescendRequest


@final
class Descent:
    """A descent under way. Iterate over it for its moments as they come; `result` gives what it comes to.

    It begins when it is first looked at. A context manager that stops it on the way out, if it is not over.
    """

    def __init__(self, method: Any, request: DescendRequest, caller: Caller) -> None:
        """Prepares to follow it; made by `Client.descend`."""
        self._method = method
        self._caller = caller
        self._following = Following(request, caller.retry_for)
        self._call: Any = None
        self._is_cancelled = False
        self._news = self._follow()
        self._moments = chain.from_iterable(self._news)

    def __iter__(self) -> Iterator[DescentPoint]:
        """Gives its moments, each once, as they come.

        Raises:
            CallerError: it is wrong or too big, a step failed, or it was cancelled.
            ServiceError: the service is at fault, or could not be reached for as long as `retry_for`.
        """
        return self._moments

    def news(self) -> Iterator[list[DescentPoint]]:
        """Gives what each word of the service has that is new, as it comes: a `state`, and moments, or none.

        For a progress bar; iterate over the descent itself where only moments count.

        Raises:
            PullbackError: as when iterated over.
        """
        return self._news

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    @property
    def state(self) -> DescentState | None:
        """Where it stood when the service told last; None before that. What it can be gone on with from."""
        return self._following.state

    @property
    def points(self) -> tuple[DescentPoint, ...]:
        """The moments so far."""
        return tuple(self._following.points)

    def result(self) -> Descended:
        """Waits for the end.

        Raises:
            CallerError: it is wrong or too big, a step failed, or it was cancelled.
            ServiceError: the service is at fault, or could not be reached for as long as `retry_for`.
        """
        for _ in self._news:
            pass
        if self._following.descended is None:
            raise self._following.failure or Cancelled("the descent was given up before its end")
        return self._following.descended

    def cancel(self) -> None:
        """Stops it, from any thread; `state` is where it can be gone on with from. No effect once it is over."""
        self._is_cancelled = True
        if self._call is not None:
            self._call.cancel()

    def _follow(self) -> Generator[list[DescentPoint]]:
        while self._following.descended is None:
            if self._is_cancelled:
                return
            try:
                self._call = self._method(self._following.request())
                if self._is_cancelled:
                    self._call.cancel()
                for response in self._call:
                    yield self._following.hear(response)
                fault: PullbackError = ended_early(self._caller.address)
            except grpc.RpcError as error:
                fault = from_rpc_error(error, self._caller.address)
            finally:
                if self._call is not None:
                    self._call.cancel()
            if self._following.descended is None and not self._is_cancelled:
                time.sleep(self._following.delay(fault))
