"""The check of a program, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.cli.evaluating import RETRY_FOR
from pullback.cli.inputs import read_names, read_program, read_specs
from pullback.client import Client

if TYPE_CHECKING:
    from pullback.client import Checked, Derivative, Diagnostic, Estimates


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check as typed. The fields are those of `Client.check`, still as text; `bindings` are inputs with values."""

    program: str
    bindings: list[str]
    inputs: list[str]
    outputs: list[str]
    wrt: list[str]
    derivative: Derivative
    cotangents: list[str]
    tangents: list[str]
    stacked: bool
    batched_inputs: list[str]
    value_only: bool


def check(asked: Check, address: str) -> tuple[str, bool]:
    """Checks what was typed; gives the text to print and whether the program is accepted."""
    program = asked.program
    source = read_program(program)
    specs = read_specs(asked.bindings)
    with Client(address, retry_for=RETRY_FOR) as client:
        checked = client.check(
            source,
            inputs=specs or read_names(asked.inputs),
            outputs=read_names(asked.outputs),
            wrt=read_names(asked.wrt),
            derivative=asked.derivative,
            cotangents=read_specs(asked.cotangents),
            tangents=read_specs(asked.tangents),
            stacked=asked.stacked,
            batched_inputs=read_names(asked.batched_inputs),
            value_only=asked.value_only,
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
    derived = [f"  {name}.tangent = {spec}" for name, spec in found.tangents.items()]
    derived += [f"  {name}.product = {spec}" for name, spec in found.products.items()]
    derived += [f"  {', '.join(key)} = {spec}" for key, spec in found.blocks.items()]
    if found.laplacian is not None:
        derived.append(f"  laplacian = {found.laplacian}")
    absent = [f"  {name}.grad = none ({reason})" for name, reason in found.absent_gradients.items()]
    return [
        "would give",
        *values,
        *gradients,
        *absent,
        *derived,
        "would take at most",
        f"  memory   {found.live_bytes:,} bytes",
        f"  work     {found.work:,} multiplications and element visits",
        f"  calls    {found.dispatched_ops:,} of torch",
    ]
