"""`CheckProgram`: what a program reads, binds and calls, what an evaluation would take, or where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.contract.errors import (
    TABLE,
    InvalidArgument,
    KernelFault,
    LimitExceeded,
    ProgramError,
    PullbackError,
)
from pullback.contract.program import check_names, compile_program
from pullback.contract.status import from_status
from pullback.gateway.checking import check_names_alone
from pullback.v1 import evaluation_pb2
from pullback.v1 import gradient_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.contract.limits import Limits
    from pullback.gateway.checking import Checker
    from pullback.v1.tensor_pb2 import TensorSpec

# The metadata that a worker gives the error of a dry run that ends where the elements of tensors decide.
NOT_ESTIMATED = "not_estimated"


def check_program(request: pb.CheckProgramRequest, limits: Limits) -> pb.CheckProgramResponse:
    """Checks a program; its faults are the answer, not an error.

    Raises:
        PullbackError: there are more names, or longer ones, than are allowed.
    """
    check_names_alone("inputs", request.inputs, limits.inputs, limits)
    check_names_alone("inputs", request.input_specs, limits.inputs, limits)
    check_names_alone("outputs", request.outputs, limits.outputs, limits)
    check_names_alone("wrt", request.wrt, limits.wrt, limits)
    check_names_alone("batched_inputs", request.batched_inputs, limits.inputs, limits)
    check_names_alone("cotangents", request.cotangent_specs, limits.outputs, limits)
    check_names_alone("tangents", request.tangent_specs, limits.wrt, limits)
    given = _inputs(request)
    try:
        program = compile_program(request.program, limits)
        outputs = check_names(program, given or program.inputs, request.outputs, request.wrt if given else ())
    except PullbackError as error:
        return pb.CheckProgramResponse(diagnostics=[_diagnostic(error)])
    return pb.CheckProgramResponse(
        inputs=program.inputs,
        outputs=outputs,
        ops=program.ops,
        calls_backward=program.calls_backward,
        statement_count=program.statement_count,
    )


def _inputs(request: pb.CheckProgramRequest) -> list[str]:
    names, specs = list(request.inputs), sorted(request.input_specs)
    if names and specs and sorted(names) != specs:
        raise InvalidArgument("are not the names of input_specs; leave them out", field="inputs")
    return names or specs


def dry_evaluation(request: pb.CheckProgramRequest, checker: Checker) -> evaluation_pb2.Evaluation:
    """Makes the evaluation that asks a worker for the estimates.

    Raises:
        PullbackError: a data type or shape is wrong, or the inputs are too big together.
    """
    evaluation = evaluation_pb2.Evaluation(
        program=request.program,
        batched_inputs=request.batched_inputs,
        outputs=request.outputs,
        wrt=request.wrt,
        stacked=request.stacked,
        dry_run=True,
    )
    _hollow(evaluation.inputs, request.input_specs)
    _hollow(evaluation.cotangents, request.cotangent_specs)
    _hollow(evaluation.tangents, request.tangent_specs)
    if kind := request.WhichOneof("derivative"):
        # The fields have the same names and types in both messages.
        getattr(evaluation, kind).CopyFrom(getattr(request, kind))
    checker.check_dry(evaluation)
    return evaluation


def _hollow(tensors: Any, specs: Mapping[str, TensorSpec]) -> None:
    for name, spec in specs.items():
        tensors[name].dtype = spec.dtype
        tensors[name].shape.extend(spec.shape)


def add_estimates(response: pb.CheckProgramResponse, outcome: pb.EvaluateOutcome) -> None:
    """Adds what a dry run found, or where it ended.

    Raises:
        PullbackError: it failed, and not for what it is.
    """
    if not outcome.HasField("error"):
        response.estimates.CopyFrom(outcome.result.estimates)
        return
    error = from_status(outcome.error) or AssertionError(outcome.error.code)
    if not isinstance(error, (InvalidArgument, KernelFault, LimitExceeded, ProgramError)):
        raise error
    if NOT_ESTIMATED in error.metadata:
        response.not_estimated.CopyFrom(_diagnostic(error))
        response.not_estimated.ClearField("reason")  # it is no error
    else:
        response.diagnostics.append(_diagnostic(error))


def _diagnostic(error: PullbackError) -> pb.Diagnostic:
    # A fault's text quotes its line, indented, with a caret line below; see contract/program/diagnose.py.
    headline, *quoted = error.message.split("\n")
    source_line, caret_line = (*(line.removeprefix("    ") for line in quoted), "", "")[:2]
    if error.field not in {"", "program"}:
        headline = f"{error.field}: {headline}"
    line, column = error.metadata.get("line", "0"), error.metadata.get("column", "0")
    return pb.Diagnostic(
        line=int(line),
        column=int(column),
        message=headline.removeprefix(f"line {line}, column {column}: "),
        source_line=source_line,
        caret_line=caret_line,
        suggestion=error.metadata.get("suggestion", ""),
        reason=TABLE[type(error)].reason,
    )
