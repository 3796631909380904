"""A descent between its legs: what to send next, and what to tell the caller. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.descents import parameters_of
from pullback.gateway.descents.pace import Pace
from pullback.v1 import descent_pb2 as pb
from pullback.v1 import evaluation_pb2
from pullback.v1.optimization_pb2 import DescentState

if TYPE_CHECKING:
    from collections.abc import Iterator

# Up to so many bytes a state is told with each leg, and beyond that every so many seconds.
SMALL_STATE_BYTES = 2**16
STATE_SECONDS = 2.0

# A bigger state is told apart from the outcome, for both together might be too long for a message.
LONE_STATE_BYTES = 2**20


class Legs:
    """One descent.

    Args:
        request: what is asked for, checked.
        now: the time, in seconds, by any clock.
    """

    def __init__(self, request: pb.DescendRequest, now: float) -> None:
        self._plan = request.plan
        # One message for all legs: its inputs may be big.
        self._evaluation = request.evaluation
        parameters = parameters_of(request.evaluation, request.plan)
        del self._evaluation.wrt[:]
        self._evaluation.wrt.extend(parameters)
        self._evaluation.descent_leg.plan.CopyFrom(request.plan)
        self._state: DescentState | None = None
        if request.HasField("state"):
            self._state = request.state
            self._take_parameters(request.state)
        self._begun = self._told = now
        self._is_told = True
        self._steps = 0
        self._pace = Pace(self._evaluation.ByteSize())

    def next(self, now: float) -> evaluation_pb2.Evaluation:
        """Gives the next leg; the message is good until the one after it."""
        leg = self._evaluation.descent_leg
        left = self._plan.stop.steps - (self._state.step if self._state else 0)
        self._steps = leg.steps = self._pace.steps(left)
        leg.is_last = self._plan.stop.HasField("time") and now - self._begun >= self._seconds()
        return self._evaluation

    def _seconds(self) -> float:
        return self._plan.stop.time.ToNanoseconds() / 1e9

    def may_be_shorter(self) -> bool:
        """Learns that the last leg did not end in its time; tells whether another one may."""
        return self._pace.overran(self._steps)

    def responses(self, result: evaluation_pb2.Result, now: float) -> Iterator[pb.DescendResponse]:
        """Takes what the last leg came to, and gives what to tell the caller. The last has an outcome."""
        leg = result.descent_leg
        times = result.timings
        self._pace.took(
            self._steps, (times.finish_time.ToNanoseconds() - times.start_time.ToNanoseconds()) / 1e9
        )
        state = DescentState()
        state.CopyFrom(leg.state)
        self._take_parameters(leg.state)
        self._state, self._is_told = state, False
        response = pb.DescendResponse(points=leg.points)
        size = state.ByteSize()
        if leg.end:
            response.outcome.end = leg.end
            response.outcome.point.CopyFrom(leg.points[-1])
            response.outcome.result.CopyFrom(result)
            response.outcome.result.ClearField("descent_leg")
            if size > LONE_STATE_BYTES:
                yield pb.DescendResponse(state=state)
            else:
                response.state.CopyFrom(state)
            self._is_told = True
        elif size <= SMALL_STATE_BYTES or now - self._told >= STATE_SECONDS:
            response.state.CopyFrom(state)
            self._is_told, self._told = True, now
        if response.points or response.HasField("state"):
            yield response

    def untold(self) -> Iterator[pb.DescendResponse]:
        """Gives the state where the caller does not have it, before the call fails."""
        if not self._is_told and self._state is not None:
            self._is_told = True
            yield pb.DescendResponse(state=self._state)

    def _take_parameters(self, state: DescentState) -> None:
        """Has the next leg begin at a state, of which the parameters go with the inputs."""
        for name in self._evaluation.wrt:
            self._evaluation.inputs[name].CopyFrom(state.parameters[name])
        carried = self._evaluation.descent_leg.state
        carried.CopyFrom(state)
        carried.parameters.clear()
