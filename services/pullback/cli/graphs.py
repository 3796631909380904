"""The autograd graph as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from pullback.cli.evaluating import Request, evaluate
from pullback.client.graphs import FORMATS, to_dot
from pullback.v1.graph_pb2 import AutogradGraph

if TYPE_CHECKING:
    from pathlib import Path


def write_graph(request: Request, address: str, output: Path | None) -> None:
    """Evaluates what was typed and writes its graph to a file, or prints it as DOT.

    Raises:
        typer.BadParameter: the file's suffix names no form, or the file cannot be written.
        PullbackError: the service refused the evaluation, failed, or was not reached.
    """
    if output is not None and output.suffix not in FORMATS:
        raise typer.BadParameter(
            f"{output.name!r} ends in none of {', '.join(FORMATS)}", param_hint="--output"
        )
    graph = evaluate(request, address).graph or AutogradGraph()
    if output is None:
        typer.echo(to_dot(graph), nl=False)
        return
    try:
        output.write_bytes(FORMATS[output.suffix](graph))
    except (ImportError, RuntimeError) as error:
        hint = "; pip install 'pullback[graph]'" if isinstance(error, ImportError) else ""
        raise typer.BadParameter(f"{error}{hint}", param_hint="--output") from error
    except OSError as error:
        raise typer.BadParameter(f"{output}: {error.strerror}", param_hint="--output") from error
