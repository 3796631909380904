"""A descent as it is followed over as many streams as it takes. No I/O."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

from pullback.client.descents.reading import Descended, DescentState, read_point
from pullback.client.retries import Backoff

if TYPE_CHECKING:
    from pullback.client.descents.reading import DescentPoint
    from pullback.contract.errors import PullbackError
    from pullback.v1 import descent_pb2 as pb


@final
class Following:
    """What is known of a descent.

    Args:
        request: what was asked for.
        retry_for: the seconds that may be spent waiting between tries.

    Attributes:
        points: all moments that were told, none twice.
        state: the last one that was told; None before the first.
        descended: what it came to; None before that.
        failure: why it failed; None where it did not.
    """

    def __init__(self, request: pb.DescendRequest, retry_for: float) -> None:
        self._request = request
        self._backoff = Backoff(retry_for)
        self._begun: float | None = None
        self._seconds = request.plan.stop.time.ToNanoseconds() / 1e9
        self.points: list[DescentPoint] = []
        self.state: DescentState | None = None
        self.descended: Descended | None = None
        self.failure: PullbackError | None = None

    def request(self) -> pb.DescendRequest:
        """Gives what to ask the next stream for: the whole, or what is left of it."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = now
            return self._request
        if self.state is not None:
            self._request.state.CopyFrom(self.state.message)
        if self._seconds:
            left = max(1e-9, self._seconds - (now - self._begun))
            self._request.plan.stop.time.FromNanoseconds(max(1, int(left * 1e9)))
        return self._request

    def hear(self, response: pb.DescendResponse) -> list[DescentPoint]:
        """Takes a response, and gives the moments in it that are new."""
        self._backoff.reset()
        last = self.points[-1].step if self.points else -1
        # Where a stream was gone on with from a state that lay back, some moments are told again.
        new = [read_point(point) for point in response.points if point.step > last]
        self.points += new
        if response.HasField("state"):
            self.state = DescentState(response.state)
        if response.HasField("outcome") and self.state is not None:
            self.descended = Descended(
                response.outcome, self.state, tuple(self.points), self._request.evaluation
            )
        return new

    def delay(self, fault: PullbackError) -> float:
        """Gives the seconds to wait after a stream broke. Raises `fault` where no other is to be tried."""
        self.failure = fault
        delay = self._backoff.delay_or_raise(fault)
        self.failure = None
        return delay
