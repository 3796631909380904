"""One evaluation run by itself, exactly as a notebook would."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import limit_metadata
from pullback.engine.blame import blamed
from pullback.engine.differentiate import differentiate, made_leaves
from pullback.engine.draws import Draws
from pullback.engine.export import make_artifact
from pullback.engine.faults import BackwardFailed
from pullback.engine.graph import read_graph
from pullback.engine.interpret import run
from pullback.engine.meter import Meter
from pullback.engine.request import read_request
from pullback.engine.values import describe_value
from pullback.engine.wire import ROWS, byte_count, number_tensor, read, write
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pullback.contract.limits import Limits
    from pullback.engine.differentiate import Gradients
    from pullback.engine.interpret import Code
    from pullback.engine.request import Request
    from pullback.engine.run import Run


def evaluate_alone(
    code: Code, evaluation: evaluation_pb2.Evaluation, limits: Limits, device: str = "cpu"
) -> evaluation_pb2.Result:
    """Runs one evaluation.

    Args:
        code: its program.
        evaluation: what to compute.
        limits: its bounds.
        device: the torch device to run on.

    Returns:
        The result, without the fields that say who computed it.

    Raises:
        InvalidArgument: the evaluation does not go with its program.
        ProgramError: a statement failed.
        LimitExceeded: something is too big.
    """
    try:
        result = _evaluate(code, evaluation, limits, device)
    except BackwardFailed as failure:
        raise blamed(
            failure, code, lambda watched: _evaluate(watched, evaluation, limits, device)
        ) from failure
    if evaluation.export:
        result.artifact.CopyFrom(make_artifact(code, evaluation, limits, result.ByteSize(), device))
    return result


def _evaluate(
    code: Code, evaluation: evaluation_pb2.Evaluation, limits: Limits, device: str
) -> evaluation_pb2.Result:
    request = read_request(evaluation, code.program, limits)
    inputs = {name: read(tensor, device) for name, tensor in evaluation.inputs.items()}
    for name in request.wrt:
        inputs[name].requires_grad_()
    meter = Meter(limits, inputs.values())
    # What the program makes is made where its inputs are. torch pays for this context at every call.
    with nullcontext() if device == "cpu" else torch.device(device):
        try:
            state = run(code, inputs, meter, Draws(evaluation.seed, device))
            try:
                return _result(code, request, state, meter)
            finally:
                state.close()
        finally:
            meter.close()


def _result(code: Code, request: Request, state: Run, meter: Meter) -> evaluation_pb2.Result:
    limits = meter.limits
    outputs = output_values(code, request, state)
    result = evaluation_pb2.Result(printed=state.printer.text())
    if request.wants_graph:
        result.graph.CopyFrom(read_graph(outputs, _leaf_names(state), limits))
    gradients = differentiate(code.program, request, state, outputs, meter)
    _fill(result, outputs, gradients, limits)
    return result


def output_values(code: Code, request: Request, state: Run) -> dict[str, torch.Tensor]:
    """Gives the values that an evaluation asks for, in its order.

    Raises:
        InvalidArgument: one is neither a tensor nor a number.
    """
    return {name: _value(name, code, request, state) for name in request.outputs}


def _value(name: str, code: Code, request: Request, state: Run) -> torch.Tensor:
    slot = code.program.names.get(name)
    value = state.inputs[name] if slot is None else state.slots[slot]
    path = request.output_field(name)
    match value:
        case torch.Tensor():
            if value.dtype not in ROWS:
                raise InvalidArgument(
                    f"`{name}` is {describe_value(value)}, which cannot be returned", field=path
                )
            return value
        case bool() | int() | float():
            return number_tensor(value)
        case tuple() | list():
            raise InvalidArgument(
                f"`{name}` is {describe_value(value)}, but an output is one tensor or number; take an item of it in "
                f"the program, as in {name}[0], or name other outputs",
                field=path,
            )
        case _:
            raise InvalidArgument(
                f"`{name}` is {describe_value(value)}, but an output is a tensor or a number; name other outputs",
                field=path,
            )


def _leaf_names(state: Run) -> dict[int, str]:
    names = {id(tensor): name for name, tensor in made_leaves(state).items()}
    return names | {id(tensor): name for name, tensor in state.inputs.items()}


def _fill(
    result: evaluation_pb2.Result, outputs: dict[str, torch.Tensor], gradients: Gradients, limits: Limits
) -> None:
    check_result_bytes((*outputs.values(), *gradients.found.values()), limits)
    for name, value in outputs.items():
        result.values[name].CopyFrom(write(value))
    for name, gradient in gradients.found.items():
        result.gradients[name].CopyFrom(write(gradient))
    result.absent_gradients.update(gradients.absent)


def check_result_bytes(tensors: Iterable[torch.Tensor], limits: Limits) -> None:
    """Refuses values and gradients that take too many bytes together.

    Raises:
        LimitExceeded: they do.
    """
    total = sum(map(byte_count, tensors))
    if total > limits.result_bytes:
        raise LimitExceeded(
            f"values and gradients take {total:,} bytes, but the limit is {limits.result_bytes:,}",
            metadata=limit_metadata(limits.result_bytes, total, "result_bytes"),
        )
