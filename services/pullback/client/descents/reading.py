"""What a descent came to, as Python values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, final

from google.protobuf.message import DecodeError

from pullback.client.reading import Evaluated
from pullback.client.tensors import read_arrays
from pullback.contract.errors import InvalidArgument
from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from pullback.v1.descent_pb2 import DescentOutcome
    from pullback.v1.evaluation_pb2 import Evaluation

#: Why a descent ended.
Reason = Literal[
    "steps", "loss_target", "loss_tolerance", "gradient_tolerance", "time", "not_finite", "stalled", "unknown"
]

_REASONS: dict[int, Reason] = {
    pb.DESCENT_END_STEPS: "steps",
    pb.DESCENT_END_LOSS_TARGET: "loss_target",
    pb.DESCENT_END_LOSS_TOLERANCE: "loss_tolerance",
    pb.DESCENT_END_GRADIENT_TOLERANCE: "gradient_tolerance",
    pb.DESCENT_END_TIME: "time",
    pb.DESCENT_END_NOT_FINITE: "not_finite",
    pb.DESCENT_END_STALLED: "stalled",
}


@dataclass(frozen=True, slots=True)
class DescentPoint:
    """A moment of a descent.

    Attributes:
        step: the steps made before it.
        loss: the loss there; with mini-batches, of the rows of the next step.
        gradient_norm: the 2-norm of its gradient; with bounds, of the part that can be followed.
        learning_rate: that of the next step.
        parameters: those that are watched, by name.
    """

    step: int
    loss: float
    gradient_norm: float
    learning_rate: float
    parameters: dict[str, NDArray[Any]]


def read_point(message: pb.DescentPoint) -> DescentPoint:
    """Reads a point."""
    return DescentPoint(
        message.step,
        message.loss,
        message.gradient_norm,
        message.learning_rate,
        read_arrays(message.parameters, ()),
    )


@final
class DescentState:
    """Where a descent stands: all that it needs to go on, with the bytes of an unbroken one."""

    def __init__(self, message: pb.DescentState) -> None:
        """Takes a state.

        Args:
            message: as it travelled.
        """
        self._message = message

    def __repr__(self) -> str:
        return f"DescentState(step={self.step}, optimizer={self.optimizer!r}, parameters={self.parameters!r})"

    @property
    def message(self) -> pb.DescentState:
        """The state as it travels."""
        return self._message

    @property
    def step(self) -> int:
        """The steps made so far."""
        return self._message.step

    @property
    def optimizer(self) -> str:
        """Whose state it is, by the wire's name: ``adam``."""
        return self._message.optimizer

    @cached_property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """The parameters by name."""
        return read_arrays(self._message.parameters, ())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to a file, which has the old content or the new one and never a part.

        Raises:
            OSError: the file cannot be written.
        """
        target = Path(path)
        scratch = target.with_name(f".{target.name}.new")
        scratch.write_bytes(self._message.SerializeToString(deterministic=True))
        scratch.replace(target)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads one from a file that `save` wrote.

        Raises:
            OSError: the file cannot be read.
            InvalidArgument: it holds something else.
        """
        try:
            message = pb.DescentState.FromString(Path(path).read_bytes())
        except DecodeError as error:
            raise InvalidArgument(f"{path} is no state of a descent", field="state") from error
        if not message.optimizer:
            raise InvalidArgument(f"{path} is no state of a descent", field="state")
        return cls(message)


@final
class Descended:
    """What a descent came to."""

    def __init__(
        self,
        outcome: DescentOutcome,
        state: DescentState,
        points: tuple[DescentPoint, ...],
        evaluation: Evaluation,
    ) -> None:
        """Takes an outcome.

        Args:
            outcome: as it travelled.
            state: where the descent stands.
            points: all its moments that were told.
            evaluation: what was brought down, whose order of names is kept.
        """
        self._outcome = outcome
        self._wrt = tuple(evaluation.wrt)
        #: Where it stands: give it to `descend` to go on.
        self.state = state
        #: Its moments, from the first to the last.
        self.points = points
        #: What the program gives there.
        self.evaluated = Evaluated(outcome.result, evaluation)

    def __repr__(self) -> str:
        return f"Descended({self.reason!r}, steps={self.steps}, loss={self.loss}, parameters={self.parameters!r})"

    @property
    def reason(self) -> Reason:
        """Why it ended."""
        return _REASONS.get(self._outcome.end, "unknown")

    @property
    def steps(self) -> int:
        """The steps made, those before the state that it began with included."""
        return self._outcome.point.step

    @property
    def loss(self) -> float:
        """The loss at the end; with mini-batches, of the rows of the next step."""
        return self._outcome.point.loss

    @property
    def gradient_norm(self) -> float:
        """The 2-norm of the gradient there; with bounds, of the part that can be followed."""
        return self._outcome.point.gradient_norm

    @cached_property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """The parameters at the end, in the order asked for."""
        return read_arrays(self.state.message.parameters, self._wrt)
