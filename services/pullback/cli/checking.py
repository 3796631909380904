"""The check of a program, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.cli.evaluating import RETRY_FOR
from pullback.cli.inputs import read_names, read_program
from pullback.client import Client

if TYPE_CHECKING:
    from pullback.client import Checked, Diagnostic


def check(program: str, inputs: list[str], outputs: list[str], address: str) -> tuple[str, bool]:
    """Checks what was typed; gives the text to print and whether the program is accepted."""
    source = read_program(program)
    with Client(address, retry_for=RETRY_FOR) as client:
        checked = client.check(source, inputs=read_names(inputs), outputs=read_names(outputs))
    place = program[1:] if program.startswith("@") else "program"
    if checked.diagnostics:
        return "".join(_fault(place, diagnostic) for diagnostic in checked.diagnostics), False
    return _summary(checked), True


def _fault(place: str, diagnostic: Diagnostic) -> str:
    where = f"{place}:{diagnostic.line}:{diagnostic.column}" if diagnostic.line else place
    lines = [f"{where}: {diagnostic.message}"]
    if diagnostic.source_line:
        lines += [f"    {diagnostic.source_line}", f"    {diagnostic.caret_line}"]
    if diagnostic.suggestion:
        lines.append(f"    write instead: {diagnostic.suggestion}")
    return "\n".join(lines) + "\n"


def _summary(checked: Checked) -> str:
    lines = [
        f"inputs   {', '.join(checked.inputs) or '-'}",
        f"outputs  {', '.join(checked.outputs) or '-'}",
        f"ops      {', '.join(checked.ops) or '-'}",
    ]
    if checked.calls_backward:
        lines.append("calls backward() itself: gradients are what it accumulates")
    return "\n".join(lines) + "\n"
