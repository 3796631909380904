"""The graphs of an evaluation as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import typer

from pullback.cli.evaluating import Request, evaluate
from pullback.client.graphs import FORMATS, pair, to_dot, written
from pullback.v1.graph_pb2 import AutogradGraph
from pullback.v1.program_graph_pb2 import ProgramGraph

if TYPE_CHECKING:
    from pathlib import Path

    from pullback.client.graphs import Graph

Show = Literal["autograd", "program", "both"]


def write_graph(request: Request, address: str, output: Path | None, show: Show, most: int) -> None:
    """Evaluates what was typed and writes its graph to a file, or prints it as DOT.

    Args:
        request: asks for the graphs that are shown.
        address: where the service is.
        output: the file; None to print.
        show: which graph.
        most: the most nodes that are drawn.

    Raises:
        typer.BadParameter: the file's suffix names no form, or the file cannot be written.
        PullbackError: the service refused the evaluation, failed, or was not reached.
    """
    if output is not None and output.suffix not in FORMATS:
        raise typer.BadParameter(
            f"{output.name!r} ends in none of {', '.join(FORMATS)}", param_hint="--output"
        )
    evaluated = evaluate(request, address)
    autograd = evaluated.graph or AutogradGraph()
    program = evaluated.program_graph or ProgramGraph()
    shown: dict[str, Graph] = {"autograd": autograd, "program": program, "both": pair(program, autograd)}
    graph = shown[show]
    if output is None:
        typer.echo(to_dot(graph, most), nl=False)
        return
    try:
        output.write_bytes(written(graph, output.suffix, most))
    except (ImportError, RuntimeError) as error:
        hint = "; pip install 'pullback[graph]'" if isinstance(error, ImportError) else ""
        raise typer.BadParameter(f"{error}{hint}", param_hint="--output") from error
    except OSError as error:
        raise typer.BadParameter(f"{output}: {error.strerror}", param_hint="--output") from error
