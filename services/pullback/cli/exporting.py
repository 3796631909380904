"""A program as a file for other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from pullback.cli.evaluating import RETRY_FOR
from pullback.cli.inputs import read_bindings, read_names, read_program
from pullback.client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from pullback.client import Device, ExportFormat

#: File name suffix -> the format of such files.
SUFFIXES: dict[str, ExportFormat] = {".onnx": "onnx", ".pt2": "torch_export"}


def export(
    program: str,
    inputs: list[str],
    outputs: list[str],
    output: Path,
    *,
    device: Device,
    timeout: float | None,
    address: str,
) -> str:
    """Exports what was typed, and writes the file.

    Returns:
        A line for each of the graph's inputs and outputs.

    Raises:
        typer.BadParameter: what was typed cannot be understood, or the file cannot be written.
        PullbackError: the service refused it, failed, or was not reached.
    """
    if output.suffix not in SUFFIXES:
        raise typer.BadParameter(
            f"{output.name!r} ends in none of {', '.join(SUFFIXES)}", param_hint="--output"
        )
    text = read_program(program)
    bindings = read_bindings(inputs)
    with Client(address, retry_for=RETRY_FOR) as client:
        artifact = client.export(
            text,
            bindings,
            outputs=read_names(outputs),
            format=SUFFIXES[output.suffix],
            device=device,
            timeout=timeout,
        )
    try:
        artifact.write(output)
    except OSError as error:
        raise typer.BadParameter(f"{output}: {error.strerror}", param_hint="--output") from error
    lines = [f"input   {name}" for name in artifact.inputs] + [f"output  {name}" for name in artifact.outputs]
    return "".join(f"{line}\n" for line in lines)
