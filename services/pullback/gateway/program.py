"""`CheckProgram`: what a program reads, binds and calls, or where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.errors import PullbackError
from pullback.contract.program import check_names, compile_program
from pullback.gateway.checking import check_names_alone
from pullback.v1 import gradient_pb2 as pb

if TYPE_CHECKING:
    from pullback.contract.limits import Limits


def check_program(request: pb.CheckProgramRequest, limits: Limits) -> pb.CheckProgramResponse:
    """Checks a program; its faults are the answer, not an error.

    Raises:
        PullbackError: there are more names, or longer ones, than are allowed.
    """
    check_names_alone("inputs", request.inputs, limits.inputs, limits)
    check_names_alone("outputs", request.outputs, limits.outputs, limits)
    try:
        program = compile_program(request.program, limits)
        outputs = check_names(program, request.inputs or program.inputs, request.outputs, ())
    except PullbackError as error:
        return pb.CheckProgramResponse(diagnostics=[_diagnostic(error)])
    return pb.CheckProgramResponse(
        inputs=program.inputs,
        outputs=outputs,
        ops=program.ops,
        calls_backward=program.calls_backward,
        statement_count=program.statement_count,
    )


def _diagnostic(error: PullbackError) -> pb.Diagnostic:
    # A fault's text quotes its line, indented, with a caret line below; see contract/program/diagnose.py.
    headline, *quoted = error.message.split("\n")
    source_line, caret_line = (*(line.removeprefix("    ") for line in quoted), "", "")[:2]
    line, column = error.metadata.get("line", "0"), error.metadata.get("column", "0")
    return pb.Diagnostic(
        line=int(line),
        column=int(column),
        message=headline.removeprefix(f"line {line}, column {column}: "),
        source_line=source_line,
        caret_line=caret_line,
        suggestion=error.metadata.get("suggestion", ""),
    )
