"""What an evaluation asks of a program, with its defaults filled in and its names checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.contract.derivatives import check_derivative, kind_of, stacked_seeds
from pullback.contract.errors import InvalidArgument
from pullback.contract.program import check_names
from pullback.contract.tensors import BY_CODE, check_spec, check_tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.contract.limits import Limits
    from pullback.contract.program.ir import Program
    from pullback.v1 import evaluation_pb2, tensor_pb2


@dataclass(frozen=True)
class Request:
    """What an evaluation asks for.

    Attributes:
        outputs: the names to return, in order.
        outputs_named: whether the evaluation named them itself.
        kind: the derivative, by its field in `Evaluation.derivative`.
        wrt: what to differentiate with respect to; empty where no derivative is asked for.
        wrt_named: whether the evaluation named it itself.
        tracked: the inputs that require gradients.
        cotangents: the seeds, by output name.
        tangents: the directions, by name in `wrt`.
        stack: how many seeds are stacked; 0 where they are single.
        mode: how a Jacobian is computed, as in `Jacobian.Mode`.
        order: the order of an n-th derivative.
        wants_graph: whether the autograd graph is asked for.
        wants_program_graph: whether the graph of the program's calls is.
        checks_gradient: whether gradients are held against finite differences.
        detects_anomaly: whether it is told where NaN and infinity come up.
    """

    outputs: tuple[str, ...]
    outputs_named: bool
    kind: str
    wrt: tuple[str, ...]
    wrt_named: bool
    tracked: tuple[str, ...]
    cotangents: Mapping[str, tensor_pb2.Tensor]
    tangents: Mapping[str, tensor_pb2.Tensor]
    stack: int
    mode: int
    order: int
    wants_graph: bool
    wants_program_graph: bool
    checks_gradient: bool
    detects_anomaly: bool

    @property
    def differentiates(self) -> bool:
        """Whether a derivative is asked for."""
        return self.kind != "value_only"

    def output_field(self, name: str) -> str:
        """Gives the path of the field that asked for an output."""
        return f"outputs[{self.outputs.index(name)}]" if self.outputs_named else "outputs"

    def wrt_field(self, name: str) -> str:
        """Gives the path of the field that asked for the derivative by a name."""
        return f"wrt[{self.wrt.index(name)}]" if self.wrt_named else "wrt"


def read_request(evaluation: evaluation_pb2.Evaluation, program: Program, limits: Limits) -> Request:
    """Fills in an evaluation's defaults.

    Raises:
        InvalidArgument: a tensor is malformed, a name is unknown, repeated or of a type without gradients, or fields
            do not go together.
        ProgramError: the program reads a name that is no input.
        LimitExceeded: an input has too many dimensions, or a stack too many seeds.
    """
    check = check_spec if evaluation.dry_run else check_tensor
    for name, tensor in evaluation.inputs.items():
        check(f'inputs["{name}"]', tensor, limits)
    outputs = check_names(program, evaluation.inputs, evaluation.outputs, evaluation.wrt)
    for name, tensor in evaluation.cotangents.items():
        path = f'cotangents["{name}"]'
        if name not in outputs:
            raise InvalidArgument(f"`{name}` is none of the outputs: {', '.join(outputs)}", field=path)
        check(path, tensor, limits)
    for name, tensor in evaluation.tangents.items():
        check(f'tangents["{name}"]', tensor, limits)
    check_derivative(evaluation, limits, calls_backward=program.calls_backward)
    return _request(evaluation, outputs)


def _request(evaluation: evaluation_pb2.Evaluation, outputs: tuple[str, ...]) -> Request:
    kind = kind_of(evaluation)
    wrt: tuple[str, ...] = ()
    if kind == "jvp":
        wrt = tuple(sorted(evaluation.tangents))
    elif kind != "value_only":
        wrt = _wrt(evaluation)
    stack = 0
    if evaluation.stacked:
        seeds = stacked_seeds(evaluation, kind)[1]
        stack = seeds[min(seeds)].shape[0]
    return Request(
        outputs=outputs,
        outputs_named=bool(evaluation.outputs),
        kind=kind,
        wrt=wrt,
        wrt_named=bool(evaluation.wrt),
        tracked=_tracked(evaluation, wrt),
        cotangents=evaluation.cotangents,
        tangents=evaluation.tangents,
        stack=stack,
        mode=evaluation.jacobian.mode,
        order=evaluation.nth_derivative.order,
        wants_graph=evaluation.return_graph,
        wants_program_graph=evaluation.return_program_graph,
        checks_gradient=evaluation.check_gradient,
        detects_anomaly=evaluation.detect_anomaly,
    )


def _wrt(evaluation: evaluation_pb2.Evaluation) -> tuple[str, ...]:
    if not evaluation.wrt:
        return _differentiable(evaluation)
    for index, name in enumerate(evaluation.wrt):
        if name in evaluation.inputs:
            row = BY_CODE[evaluation.inputs[name].dtype]
            if not row.differentiable:
                raise InvalidArgument(
                    f"`{name}` is {row.name}; only floating-point and complex inputs have gradients",
                    field=f"wrt[{index}]",
                )
    return tuple(evaluation.wrt)


def _tracked(evaluation: evaluation_pb2.Evaluation, wrt: tuple[str, ...]) -> tuple[str, ...]:
    if all(name in evaluation.inputs for name in wrt):
        return wrt
    # What the program binds has a gradient where an input behind it is tracked.
    return _differentiable(evaluation)


def _differentiable(evaluation: evaluation_pb2.Evaluation) -> tuple[str, ...]:
    inputs = evaluation.inputs
    # Sorted, since a map has no order of its own.
    return tuple(sorted(name for name in inputs if BY_CODE[inputs[name].dtype].differentiable))
