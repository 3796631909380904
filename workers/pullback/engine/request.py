"""What an evaluation asks of a program, with its defaults filled in and its names checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
        wrt: the inputs to differentiate with respect to; empty where no derivative is asked for.
        differentiates: whether a derivative is asked for.
        cotangents: the seeds, by output name.
        wants_graph: whether the autograd graph is asked for.
    """

    outputs: tuple[str, ...]
    outputs_named: bool
    wrt: tuple[str, ...]
    differentiates: bool
    cotangents: Mapping[str, tensor_pb2.Tensor]
    wants_graph: bool

    def output_field(self, name: str) -> str:
        """Gives the path of the field that asked for an output."""
        return f"outputs[{self.outputs.index(name)}]" if self.outputs_named else "outputs"


def read_request(evaluation: evaluation_pb2.Evaluation, program: Program, limits: Limits) -> Request:
    """Fills in an evaluation's defaults.

    Raises:
        InvalidArgument: a tensor is malformed, or a name is unknown, repeated or of a type without gradients.
        ProgramError: the program reads a name that is no input.
        LimitExceeded: an input has too many dimensions.
    """
    for name, tensor in evaluation.inputs.items():
        check = check_spec if evaluation.dry_run else check_tensor
        check(f'inputs["{name}"]', tensor, limits)
    outputs = check_names(program, evaluation.inputs, evaluation.outputs, evaluation.wrt)
    differentiates = evaluation.WhichOneof("derivative") != "value_only"
    request = Request(
        outputs=outputs,
        outputs_named=bool(evaluation.outputs),
        wrt=_wrt(evaluation) if differentiates else (),
        differentiates=differentiates,
        cotangents=evaluation.cotangents,
        wants_graph=evaluation.return_graph,
    )
    _check_cotangents(request, program, limits)
    return request


def _wrt(evaluation: evaluation_pb2.Evaluation) -> tuple[str, ...]:
    inputs = evaluation.inputs
    if not evaluation.wrt:
        # Sorted, since a map has no order of its own.
        return tuple(sorted(name for name in inputs if BY_CODE[inputs[name].dtype].differentiable))
    for index, name in enumerate(evaluation.wrt):
        row = BY_CODE[inputs[name].dtype]
        if not row.differentiable:
            raise InvalidArgument(
                f"`{name}` is {row.name}; only floating-point and complex inputs have gradients",
                field=f"wrt[{index}]",
            )
    return tuple(evaluation.wrt)


def _check_cotangents(request: Request, program: Program, limits: Limits) -> None:
    if not request.cotangents:
        return
    if not request.differentiates:
        raise InvalidArgument("values only are asked for, which takes no cotangents", field="cotangents")
    if program.calls_backward:
        raise InvalidArgument(
            "the program calls backward() itself, and seeds it there, as in y.backward(v)", field="cotangents"
        )
    for name, tensor in request.cotangents.items():
        path = f'cotangents["{name}"]'
        if name not in request.outputs:
            raise InvalidArgument(
                f"`{name}` is none of the outputs: {', '.join(request.outputs)}", field=path
            )
        check_tensor(path, tensor, limits)
