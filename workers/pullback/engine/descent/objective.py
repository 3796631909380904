"""The loss of a descent and its gradient, at whatever the parameters are at the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pullback.contract.errors import InvalidArgument
from pullback.engine.blame import blamed
from pullback.engine.faults import BackwardFailed
from pullback.engine.stage import Stage
from pullback.engine.tape import COMPARED_RUN, RECORDED_RUN, Recorder, tape_bytes
from pullback.engine.tracked import run_tracked
from pullback.engine.wire import describe_tensor, raw_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code
    from pullback.engine.request import Request
    from pullback.engine.tape import Tape


class Slope(NamedTuple):
    """A loss, of one element, and its gradient by each parameter; None by one that it does not depend on."""

    loss: torch.Tensor
    gradients: Sequence[torch.Tensor | None]


class Objective:
    """A program as a function of its parameters.

    Small programs are run by a tape once it has given the bits that autograd gives; see `tape`. It is recorded at other
    parameters than those that it is compared at.

    Args:
        code: the program.
        request: what is asked of it.
        parameters: the tensors that are moved, in place; they need no gradient themselves.
        constants: the inputs that stay.
        limits: the bounds on each run.
        device: the torch device.
        is_worth_a_tape: whether there are runs enough to come.
    """

    def __init__(  # noqa: PLR0917 - what a run depends on, made in one place
        self,
        code: Code,
        request: Request,
        parameters: Mapping[str, torch.Tensor],
        constants: Mapping[str, torch.Tensor],
        limits: Limits,
        device: str,
        *,
        is_worth_a_tape: bool,
    ) -> None:
        self._code = code
        self._request = request
        self._parameters = parameters
        self._constants = constants
        self._limits = limits
        self._device = device
        self._is_worth_a_tape = is_worth_a_tape
        self._forms: dict[tuple[torch.Size, ...], _Form] = {}

    def at(self, seed: int, rows: Mapping[str, torch.Tensor]) -> Slope:
        """Computes loss and gradient.

        Args:
            seed: where the program's random numbers begin.
            rows: the inputs that change from step to step.

        Raises:
            PullbackError: the program failed, is too big, or its loss cannot be differentiated.
        """
        # The last step of an epoch may have fewer rows than the others.
        form = self._forms.setdefault(tuple(each.shape for each in rows.values()), _Form())
        varying = [*self._parameters.values(), *rows.values()]
        if form.tape is not None:
            try:
                return _slope(form, form.tape.play(varying))
            except Exception:  # noqa: BLE001 - an index out of range, say: autograd says so with its place
                form.tape, form.is_hopeless = None, True
        found = self._run(seed, self._aliases(rows))
        if self._is_worth_a_tape and not form.is_hopeless:
            self._try_tape(form, found, seed, rows)
        return found

    def _aliases(self, rows: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Gives the inputs as tensors of their own over the same memory, since a program may track and untrack them."""
        inputs = {**self._parameters, **rows, **self._constants}
        return {name: tensor.detach() for name, tensor in inputs.items()}

    def _run(self, seed: int, inputs: Mapping[str, torch.Tensor]) -> Slope:
        try:
            return self._run_code(self._code, seed, inputs)
        except BackwardFailed as failure:
            raise blamed(
                failure, self._code, lambda watched: self._run_code(watched, seed, inputs)
            ) from failure

    def _run_code(self, code: Code, seed: int, inputs: Mapping[str, torch.Tensor]) -> Slope:
        stage = Stage(code, self._request, inputs, self._limits, seed, self._device)
        outputs, found = run_tracked(stage)
        return Slope(self._loss(outputs), [found.gradients.get(name) for name in self._parameters])

    def _loss(self, outputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Gives the last output. One that the program itself differentiated may be anything."""
        if not outputs:
            raise InvalidArgument("the program has no output to be brought down; assign one", field="program")
        name, loss = [*outputs.items()][-1]
        if loss.numel() != 1 or loss.is_complex():
            raise InvalidArgument(
                f"`{name}` is {describe_tensor(loss)}, but a loss is one real element; reduce it, as in {name}.sum()",
                field=self._request.output_field(name),
            )
        return loss

    def _try_tape(self, form: _Form, found: Slope, seed: int, rows: Mapping[str, torch.Tensor]) -> None:
        form.runs += 1
        try:
            if form.runs == RECORDED_RUN:
                form.recorded = self._record(form, seed, rows)
                form.is_hopeless = form.recorded is None
            elif form.runs == COMPARED_RUN and form.recorded is not None:
                played = form.recorded.play([*self._parameters.values(), *rows.values()])
                # torch may choose other kernels while it is watched.
                if _is_same(found, _slope(form, played)):
                    form.tape = form.recorded
                form.is_hopeless = form.tape is None
        except Exception:  # noqa: BLE001 - whatever it is, this step is computed, and so will be the others
            form.is_hopeless = True

    def _record(self, form: _Form, seed: int, rows: Mapping[str, torch.Tensor]) -> Tape | None:
        inputs = self._aliases(rows)
        varying = [inputs[name] for name in (*self._parameters, *rows)]
        constants = [inputs[name] for name in self._constants]
        with Recorder(varying, constants, tape_bytes(self._limits)) as recorder:
            slope = self._run_code(self._code, seed, inputs)
        form.absent = frozenset(index for index, each in enumerate(slope.gradients) if each is None)
        tape: Tape | None = recorder.tape(
            [slope.loss, *(each for each in slope.gradients if each is not None)]
        )
        return tape


class _Form:
    """What is known of runs with rows of certain shapes.

    Attributes:
        runs: how many there were.
        recorded: a tape that was not compared yet.
        tape: the tape that they are made with.
        absent: the places of the parameters without a gradient.
        is_hopeless: whether there will be no tape.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.recorded: Tape | None = None
        self.tape: Tape | None = None
        self.absent: frozenset[int] = frozenset()
        self.is_hopeless = False


def _slope(form: _Form, played: list[torch.Tensor]) -> Slope:
    loss, *gradients = played
    if not form.absent:
        return Slope(loss, gradients)
    rest = iter(gradients)
    count = len(gradients) + len(form.absent)
    return Slope(loss, [None if index in form.absent else next(rest) for index in range(count)])


def _is_same(left: Slope, right: Slope) -> bool:
    pairs = zip((left.loss, *left.gradients), (right.loss, *right.gradients), strict=True)
    return all(
        one is other
        or (
            one is not None
            and other is not None
            and one.shape == other.shape
            and one.dtype is other.dtype
            and raw_bytes(one) == raw_bytes(other)
        )
        for one, other in pairs
    )
