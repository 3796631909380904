"""The check of a program: what is asked, and what was answered. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pullback.client.building import as_names
from pullback.client.derivatives import write_derivative
from pullback.client.reading import ABSENCES, block_key
from pullback.client.tensors import write_value
from pullback.contract.errors import InvalidArgument
from pullback.contract.tensors import BY_CODE, BY_NAME
from pullback.v1.gradient_pb2 import CheckProgramRequest
from pullback.v1.tensor_pb2 import Tensor, TensorSpec

if TYPE_CHECKING:
    from pullback.client.building import Names
    from pullback.client.derivatives import Derivative
    from pullback.v1.evaluation_pb2 import Estimates as EstimatesMessage
    from pullback.v1.gradient_pb2 import CheckProgramResponse
    from pullback.v1.gradient_pb2 import Diagnostic as DiagnosticMessage


class Spec(NamedTuple):
    """What a tensor is, without its elements.

    Attributes:
        dtype: the name of its data type, such as ``float32``.
        shape: the size of each dimension.
    """

    dtype: str
    shape: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault of a program.

    Attributes:
        line: from 1; 0 where the fault has no place.
        column: in characters, from 1; 0 where the fault has no place.
        message: what was found and what was expected.
        source_line: the line that the fault is in.
        caret_line: puts ``^`` below the fault when written under `source_line`.
        suggestion: what to write instead; may be empty.
        reason: the reason that the error of an evaluation would have, such as ``LIMIT_EXCEEDED``.
    """

    line: int
    column: int
    message: str
    source_line: str = ""
    caret_line: str = ""
    suggestion: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Estimates:
    """What an evaluation would give and take.

    Attributes:
        values: the outputs by name.
        gradients: the gradients by leaf name.
        tangents: the tangents of the outputs, by output name.
        products: the products with the Hessian, by name.
        blocks: the parts of a Jacobian (output and name) or a Hessian (row and column), or the n-th derivatives
            (output and name).
        laplacian: the Laplacian; None where it is not asked for.
        absent_gradients: the leaves without one, each with the reason, as in `Evaluated`.
        live_bytes: the most bytes held at one time.
        work: multiplications and element visits.
        dispatched_ops: calls of torch.
    """

    values: Mapping[str, Spec]
    gradients: Mapping[str, Spec]
    absent_gradients: Mapping[str, str]
    live_bytes: int
    work: int
    dispatched_ops: int
    tangents: Mapping[str, Spec] = field(default_factory=dict)
    products: Mapping[str, Spec] = field(default_factory=dict)
    blocks: Mapping[tuple[str, str], Spec] = field(default_factory=dict)
    laplacian: Spec | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of a program found.

    Attributes:
        diagnostics: the faults, in order of position; empty where the program is accepted.
        inputs: the names that the program reads before it binds them, in order of first use.
        outputs: the names that an evaluation would return.
        ops: the operations that it calls, in order of first use.
        calls_backward: whether it calls `backward()` itself.
        statement_count: the number of statements.
        estimates: what an evaluation would give and take, where inputs were given; else None.
        not_estimated: in their place, the operation whose result depends on the elements of tensors.
    """

    diagnostics: tuple[Diagnostic, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ops: tuple[str, ...]
    calls_backward: bool
    statement_count: int
    estimates: Estimates | None = None
    not_estimated: Diagnostic | None = None


def check_request(
    program: str,
    inputs: Names | Mapping[str, Any],
    outputs: Names,
    wrt: Names,
    *,
    derivative: Derivative = "gradient",
    cotangents: Mapping[str, Any] | None = None,
    tangents: Mapping[str, Any] | None = None,
    stacked: bool = False,
    batched_inputs: Names = (),
    value_only: bool = False,
) -> CheckProgramRequest:
    """Makes the request of a check.

    Raises:
        InvalidArgument: an input is no tensor, or of no known data type.
    """
    request = CheckProgramRequest(
        program=program,
        outputs=as_names(outputs),
        wrt=as_names(wrt),
        stacked=stacked,
        batched_inputs=as_names(batched_inputs),
    )
    write_derivative(request, derivative, value_only=value_only)
    for name, value in (cotangents or {}).items():
        request.cotangent_specs[name].CopyFrom(_spec(f'cotangent_specs["{name}"]', value))
    for name, value in (tangents or {}).items():
        request.tangent_specs[name].CopyFrom(_spec(f'tangent_specs["{name}"]', value))
    if isinstance(inputs, Mapping):
        for name, value in inputs.items():
            request.input_specs[name].CopyFrom(_spec(f'input_specs["{name}"]', value))
    else:
        request.inputs.extend(as_names(inputs))
    return request


def _spec(path: str, value: object) -> TensorSpec:
    if isinstance(value, Spec):
        if value.dtype not in BY_NAME:
            raise InvalidArgument(
                f"{value.dtype!r} is no data type; known are {', '.join(BY_NAME)}", field=path
            )
        return TensorSpec(dtype=BY_NAME[value.dtype].code, shape=value.shape)
    message = Tensor()
    write_value(message, path, value)
    return TensorSpec(dtype=message.dtype, shape=message.shape)


def read_check(response: CheckProgramResponse) -> Checked:
    """Reads the answer to a check."""
    return Checked(
        diagnostics=tuple(map(_diagnostic, response.diagnostics)),
        inputs=tuple(response.inputs),
        outputs=tuple(response.outputs),
        ops=tuple(response.ops),
        calls_backward=response.calls_backward,
        statement_count=response.statement_count,
        estimates=_estimates(response.estimates) if response.HasField("estimates") else None,
        not_estimated=_diagnostic(response.not_estimated) if response.HasField("not_estimated") else None,
    )


def _diagnostic(message: DiagnosticMessage) -> Diagnostic:
    return Diagnostic(
        message.line,
        message.column,
        message.message,
        message.source_line,
        message.caret_line,
        message.suggestion,
        message.reason,
    )


def _estimates(message: EstimatesMessage) -> Estimates:
    return Estimates(
        values=_specs(message.values),
        gradients=_specs(message.gradients),
        absent_gradients={
            name: ABSENCES.get(message.absent_gradients[name], "unknown")
            for name in sorted(message.absent_gradients)
        },
        live_bytes=message.live_bytes,
        work=message.work,
        dispatched_ops=message.dispatched_ops,
        tangents=_specs(message.tangents),
        products=_specs(message.products),
        blocks={block_key(block): _read_spec(block.spec) for block in message.blocks},
        laplacian=_read_spec(message.laplacian) if message.HasField("laplacian") else None,
    )


def _specs(messages: Mapping[str, TensorSpec]) -> dict[str, Spec]:
    return {name: _read_spec(messages[name]) for name in sorted(messages)}


def _read_spec(message: TensorSpec) -> Spec:
    return Spec(BY_CODE[message.dtype].name, tuple(message.shape))
