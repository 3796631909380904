"""What a caller asks for, as messages. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from pullback.client.derivatives import write_derivative
from pullback.client.tensors import write_value
from pullback.contract.errors import InvalidArgument
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from pullback.client.derivatives import Derivative
    from pullback.v1.tensor_pb2 import Tensor

Device = Literal["auto", "cpu", "cuda"]

#: One name, or several.
Names = str | Iterable[str]

#: Tensors by name: numbers, nested lists, arrays, torch tensors or tensor messages.
Values = Mapping[str, Any]

_DEVICES: dict[str, pb.Device] = {
    "auto": pb.DEVICE_UNSPECIFIED,
    "cpu": pb.DEVICE_CPU,
    "cuda": pb.DEVICE_CUDA,
}


def evaluation(
    program: str,
    /,
    inputs: Values | None = None,
    *,
    outputs: Names = (),
    wrt: Names = (),
    derivative: Derivative = "gradient",
    cotangents: Values | None = None,
    tangents: Values | None = None,
    stacked: bool = False,
    batched_inputs: Names = (),
    value_only: bool = False,
    return_graph: bool = False,
    return_program_graph: bool = False,
    check_gradient: bool = False,
    detect_anomaly: bool = False,
    device: Device = "auto",
    timeout: float | None = None,
    seed: int = 0,
    **named_inputs: Any,
) -> pb.Evaluation:
    """Makes an evaluation, to be given to `evaluate_many`, to `job` or to `Jobs.submit`.

    Python numbers and nested lists become what `torch.tensor` makes of them: float32, int64, bool or
    complex64. Arrays and torch tensors keep their data type. An input named like a parameter goes into
    `inputs`.

    Args:
        program: the source text.
        inputs: tensors to bind before the program runs, by name.
        outputs: the names to return; empty for the last value that the program makes.
        wrt: what to differentiate with respect to: inputs, and names that the program binds; empty for every
            floating-point or complex input.
        derivative: which one, by name, or a `Jacobian` or an `NthDerivative`.
        cotangents: the seeds of the reverse pass, by output name, each of its output's shape and data type.
        tangents: the directions of ``jvp`` and ``hessian_vector_product``, by input name, each of its shape and type.
        stacked: True where each seed, cotangent or tangent, is a stack of them, along an axis in front.
        batched_inputs: the inputs with an axis of rows in front; every row is evaluated as it would be alone, and what
            comes is stacked. Cotangents have the axis too, and so have tangents of these inputs.
        value_only: True for no derivative.
        return_graph: True for the autograd graph too.
        return_program_graph: True for the graph of the program's calls too.
        check_gradient: True to hold gradients against finite differences; see `Evaluated.gradient_checks`.
        detect_anomaly: True to have it told where NaN and infinity first come up; see `Evaluated.anomalies`.
        device: the class of device to run on.
        timeout: the longest that it may take, in seconds, waiting included; None for the service's default.
            One above the service's maximum is shortened to it. Of a job, it bounds each attempt, and waiting not.
        seed: where the random numbers begin that the program draws, from 0 to 2**64 - 1.
        **named_inputs: further inputs.

    Raises:
        InvalidArgument: an argument cannot be sent; `field` names it.
    """
    message = pb.Evaluation()
    write_evaluation(
        message, program, merged(inputs, named_inputs), outputs=outputs, wrt=wrt,
        derivative=derivative, cotangents=cotangents, tangents=tangents, stacked=stacked,
        batched_inputs=batched_inputs, value_only=value_only, return_graph=return_graph,
        return_program_graph=return_program_graph,
        check_gradient=check_gradient, detect_anomaly=detect_anomaly, device=device,
        timeout=timeout, seed=seed,
    )  # fmt: skip
    return message


def write_evaluation(
    message: pb.Evaluation,
    program: str,
    inputs: Values,
    *,
    outputs: Names = (),
    wrt: Names = (),
    derivative: Derivative = "gradient",
    cotangents: Values | None = None,
    tangents: Values | None = None,
    stacked: bool = False,
    batched_inputs: Names = (),
    value_only: bool = False,
    return_graph: bool = False,
    return_program_graph: bool = False,
    check_gradient: bool = False,
    detect_anomaly: bool = False,
    device: Device = "auto",
    timeout: float | None = None,
    seed: int = 0,
) -> None:
    """Fills an empty message in place, since a copy of one with big inputs costs as much as sending it.

    Raises:
        InvalidArgument: an argument cannot be sent; `field` names it.
    """
    message.program = program
    message.outputs.extend(as_names(outputs))
    message.wrt.extend(as_names(wrt))
    message.return_graph = return_graph
    message.return_program_graph = return_program_graph
    message.check_gradient = check_gradient
    message.detect_anomaly = detect_anomaly
    for name, value in inputs.items():
        write_value(_entry(message.inputs, name), f'inputs["{name}"]', value)
    for name, value in (cotangents or {}).items():
        write_value(_entry(message.cotangents, name), f'cotangents["{name}"]', value)
    for name, value in (tangents or {}).items():
        write_value(_entry(message.tangents, name), f'tangents["{name}"]', value)
    message.stacked = stacked
    message.batched_inputs.extend(as_names(batched_inputs))
    write_derivative(message, derivative, value_only=value_only)
    if device not in _DEVICES:
        raise InvalidArgument(f"{device!r} is none of {', '.join(_DEVICES)}", field="device")
    message.device = _DEVICES[device]
    if not 0 <= seed < 2**64:
        raise InvalidArgument(f"{seed} is not from 0 to 2**64 - 1", field="seed")
    message.seed = seed
    if timeout is not None:
        _write_timeout(message, timeout)


def new_request_id() -> str:
    """Makes a request id that nobody else has."""
    return uuid4().hex


def as_names(names: Names) -> tuple[str, ...]:
    """Takes one name for a list of one, not for a list of its letters."""
    return (names,) if isinstance(names, str) else tuple(names)


def merged(inputs: Values | None, named_inputs: Values) -> Values:
    """Joins the inputs of the mapping and of the keywords.

    Raises:
        InvalidArgument: a name is in both.
    """
    if not inputs:
        return named_inputs
    twice = inputs.keys() & named_inputs.keys()
    if twice:
        raise InvalidArgument("given in `inputs` and as a keyword too", field=f'inputs["{min(twice)}"]')
    return {**inputs, **named_inputs}


def _entry(tensors: Any, name: str) -> Tensor:
    entry: Tensor = tensors[name]  # a protobuf map makes an entry that is asked for
    return entry


def _write_timeout(message: pb.Evaluation, timeout: float) -> None:
    if not 0 < timeout < float("inf"):
        raise InvalidArgument(f"{timeout} is not a number of seconds above 0", field="timeout")
    message.timeout.FromNanoseconds(max(1, round(timeout * 1e9)))
