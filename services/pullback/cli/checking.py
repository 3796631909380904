"""The check of a program, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.cli.evaluating import RETRY_FOR
from pullback.cli.inputs import read_names, read_program, read_specs
from pullback.client import Client

if TYPE_CHECKING:
    from pullback.client import Checked, Diagnostic, Estimates


def check(
    program: str,
    bindings: list[str],
    inputs: list[str],
    outputs: list[str],
    wrt: list[str],
    *,
    address: str,
    value_only: bool,
) -> tuple[str, bool]:
    """Checks what was typed; gives the text to print and whether the program is accepted."""
    source = read_program(program)
    specs = read_specs(bindings)
    with Client(address, retry_for=RETRY_FOR) as client:
        checked = client.check(
            source,
            inputs=specs or read_names(inputs),
            outputs=read_names(outputs),
            wrt=read_names(wrt),
            value_only=value_only,
        )
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
    if checked.estimates:
        lines += _estimates(checked.estimates)
    text = "\n".join(lines) + "\n"
    return text + _fault("not estimated", checked.not_estimated) if checked.not_estimated else text


def _estimates(found: Estimates) -> list[str]:
    values = [f"  {name} = {spec}" for name, spec in found.values.items()]
    gradients = [f"  {name}.grad = {spec}" for name, spec in found.gradients.items()]
    absent = [f"  {name}.grad = none ({reason})" for name, reason in found.absent_gradients.items()]
    return [
        "would give",
        *values,
        *gradients,
        *absent,
        "would take at most",
        f"  memory   {found.live_bytes:,} bytes",
        f"  work     {found.work:,} multiplications and element visits",
        f"  calls    {found.dispatched_ops:,} of torch",
    ]
