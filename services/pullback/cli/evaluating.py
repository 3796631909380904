"""One evaluation, from the command line's words to its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pullback.cli.inputs import read_bindings, read_names, read_program
from pullback.client import Client, Evaluated

if TYPE_CHECKING:
    from pullback.client import Derivative, Device

# Seconds to go on trying to reach the service. Somebody sits and waits, and can call again.
RETRY_FOR = 2.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """An evaluation as typed. The fields are those of `pullback.client.evaluation`, still as text."""

    program: str
    inputs: list[str] = field(default_factory=list)
    wrt: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    derivative: Derivative = "gradient"
    cotangents: list[str] = field(default_factory=list)
    tangents: list[str] = field(default_factory=list)
    stacked: bool = False
    batched_inputs: list[str] = field(default_factory=list)
    value_only: bool = False
    return_graph: bool = False
    return_program_graph: bool = False
    check_gradient: bool = False
    detect_anomaly: bool = False
    device: Device = "auto"
    timeout: float | None = None
    seed: int = 0


def evaluate(request: Request, address: str) -> Evaluated:
    """Evaluates what was typed.

    Raises:
        typer.BadParameter: it cannot be understood.
        PullbackError: the service refused it, failed, or was not reached.
    """
    program = read_program(request.program)
    inputs = read_bindings(request.inputs)
    cotangents = read_bindings(request.cotangents)
    tangents = read_bindings(request.tangents)
    with Client(address, retry_for=RETRY_FOR) as client:
        return client.evaluate(
            program,
            inputs,
            outputs=read_names(request.outputs),
            wrt=read_names(request.wrt),
            derivative=request.derivative,
            cotangents=cotangents,
            tangents=tangents,
            stacked=request.stacked,
            batched_inputs=read_names(request.batched_inputs),
            value_only=request.value_only,
            return_graph=request.return_graph,
            return_program_graph=request.return_program_graph,
            check_gradient=request.check_gradient,
            detect_anomaly=request.detect_anomaly,
            device=request.device,
            timeout=request.timeout,
            seed=request.seed,
        )
