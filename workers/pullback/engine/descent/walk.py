"""The loop of a descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pullback.contract.descents import interval_of
from pullback.contract.errors import InvalidArgument
from pullback.contract.program.ops import OPS
from pullback.engine.descent.boxes import Boxes
from pullback.engine.descent.mini_batches import MiniBatches
from pullback.engine.descent.objective import Objective
from pullback.engine.descent.optimizers import make_optimizer, make_schedule
from pullback.engine.descent.states import load_state, state_tensors, write_state
from pullback.engine.descent.stopping import end_of
from pullback.engine.wire import read, write_to
from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pullback.contract.limits import Limits
    from pullback.engine.descent.objective import Slope
    from pullback.engine.interpret import Code
    from pullback.engine.request import Request
    from pullback.v1 import evaluation_pb2

# Steps in a leg below which no tape is made.
FEW_STEPS = 8

# Seeds are taken modulo this, as they have 64 bits.
_SEEDS = 2**64


class Walk:
    """The steps of a leg.

    Args:
        code: the program.
        request: what is asked of it.
        evaluation: the loss, whose `wrt` names the parameters.
        leg: what is followed, from where.
        limits: the bounds on each step.
        device: the torch device to run on.

    Attributes:
        end: why the descent is at its end; unspecified where it goes on.

    Raises:
        InvalidArgument: the state is none of this plan's.
    """

    def __init__(  # noqa: PLR0917 - all that a leg depends on
        self,
        code: Code,
        request: Request,
        evaluation: evaluation_pb2.Evaluation,
        leg: pb.DescentLeg,
        limits: Limits,
        device: str,
    ) -> None:
        self._leg, self._plan = leg, leg.plan
        self._first_seed = evaluation.seed
        self.end = pb.DESCENT_END_UNSPECIFIED
        self._points: list[pb.DescentPoint] = []
        self._interval = interval_of(leg.plan)
        inputs = {name: read(tensor, device) for name, tensor in evaluation.inputs.items()}
        self._parameters = {name: inputs.pop(name) for name in evaluation.wrt}
        rows = {name: inputs.pop(name) for name in self._plan.mini_batches.inputs}
        self._batches = MiniBatches(self._plan.mini_batches, rows) if rows else None
        self._rows: Mapping[str, torch.Tensor] = {}
        self._boxes = Boxes(self._plan.bounds, self._parameters)
        self._boxes.project()
        worth = leg.steps >= FEW_STEPS
        self._objective = Objective(
            code, request, self._parameters, inputs, limits, device, is_worth_a_tape=worth
        )
        self._optimizer = make_optimizer(self._plan.optimizer, [*self._parameters.values()])
        has_schedule = self._plan.HasField("schedule")
        self._schedule = make_schedule(self._plan.schedule, self._optimizer) if has_schedule else None
        if leg.HasField("state"):
            load_state(leg.state, self._parameters, self._optimizer, self._schedule)
        self._step: int = leg.state.step
        self._last_loss = leg.state.last_loss if leg.state.HasField("last_loss") else None
        # Where each step sees the same, one that moves nothing will be followed by others that do not.
        is_steady = not rows and not any(OPS[key].random for key in code.program.ops)
        self._can_stall = isinstance(self._optimizer, torch.optim.LBFGS) and is_steady

    @property
    def seed(self) -> int:
        """Where the random numbers of the next step begin."""
        return (self._first_seed + self._step) % _SEEDS

    def inputs(self) -> dict[str, torch.Tensor]:
        """Gives the inputs of the next step, as far as they change from step to step."""
        return {**self._parameters, **self._rows}

    def tensors(self) -> Iterator[torch.Tensor]:
        """Gives all tensors of the state."""
        yield from self._parameters.values()
        yield from state_tensors(self._optimizer)

    def run(self) -> None:
        """Makes the steps.

        Raises:
            PullbackError: one failed.
        """
        left, is_stalled = self._leg.steps, False
        with torch.no_grad():  # the program has its own mode
            while left or is_stalled or self._step >= self._plan.stop.steps or self._leg.is_last:
                if self._batches is not None:
                    self._rows = self._batches.at(self._step)
                slope = self._objective.at(self.seed, self._rows)
                loss = float(slope.loss)
                self._look(slope, loss, is_stalled=is_stalled)
                if self.end:
                    return
                is_stalled = self._move(slope)
                self._last_loss = loss
                self._step += 1
                left -= 1

    def _look(self, slope: Slope, loss: float, *, is_stalled: bool) -> None:
        """Finds out whether this is the end, and notes the point where it is one that is asked for."""
        end = end_of(
            self._plan.stop, self._step, loss, self._last_loss, lambda: self._boxes.norm(slope.gradients)
        )
        if not end and is_stalled:
            end = pb.DESCENT_END_STALLED
        if not end and self._leg.is_last:
            end = pb.DESCENT_END_TIME
        self.end = end
        if end or self._step % self._interval == 0:
            point = pb.DescentPoint(
                step=self._step,
                loss=loss,
                gradient_norm=self._boxes.norm(slope.gradients),
                learning_rate=self._optimizer.param_groups[0]["lr"],
            )
            for name in self._plan.watched:
                write_to(point.parameters[name], self._parameters[name])
            self._points.append(point)

    def _move(self, slope: Slope) -> bool:
        """Makes a step; tells whether it moved nothing, where that means that no other will."""
        self._give(slope)
        before = [each.clone() for each in self._parameters.values()] if self._can_stall else []
        try:
            if isinstance(self._optimizer, torch.optim.LBFGS):
                self._optimizer.step(_Closure(self, slope))  # type: ignore[no-untyped-call]
            else:
                self._optimizer.step()
            if self._schedule is not None:
                self._schedule.step()
        except (ArithmeticError, ValueError, RuntimeError) as error:
            # Numbers of the plan, or of a state from outside, that are each within their range and cannot go together.
            if isinstance(error, RuntimeError) and "overflow" not in str(error):
                raise
            raise InvalidArgument(
                f"step {self._step:,} cannot be made with these numbers: {error}", field="plan.optimizer"
            ) from error
        self._boxes.project()
        return self._can_stall and all(map(torch.equal, before, self._parameters.values()))

    def _give(self, slope: Slope) -> None:
        for parameter, gradient in zip(self._parameters.values(), slope.gradients, strict=True):
            parameter.grad = gradient

    def look_around(self) -> torch.Tensor:
        """Computes loss and gradients where the parameters are, within a step; gives the loss."""
        slope = self._objective.at(self.seed, self._rows)
        self._give(slope)
        return slope.loss

    def write_to(self, message: pb.DescentLegResult) -> None:
        """Fills an empty message with what came of the leg."""
        message.points.extend(self._points)
        message.end = self.end
        state = message.state
        state.step = self._step
        state.optimizer = str(self._plan.optimizer.WhichOneof("kind"))
        if self._last_loss is not None:
            state.last_loss = self._last_loss
        write_state(state, self._parameters, self._optimizer, self._schedule)


class _Closure:
    """What L-BFGS asks for loss and gradients; the first time, where they are known already."""

    def __init__(self, walk: Walk, known: Slope) -> None:
        self._walk = walk
        self._known: Slope | None = known

    def __call__(self) -> torch.Tensor:
        if self._known is None:
            return self._walk.look_around()
        loss, self._known = self._known.loss, None
        return loss
