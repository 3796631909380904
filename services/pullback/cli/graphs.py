"""The autograd graph as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from google.protobuf.json_format import MessageToJson

from pullback.cli.dot import to_dot
from pullback.cli.evaluating import Request, evaluate
from pullback.v1.graph_pb2 import AutogradGraph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _json(graph: AutogradGraph) -> bytes:
    return (
        MessageToJson(graph, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        + "\n"
    ).encode()


def _dot(graph: AutogradGraph) -> bytes:
    return to_dot(graph).encode()


def _binary(graph: AutogradGraph) -> bytes:
    return graph.SerializeToString(deterministic=True)


#: File name suffix -> what writes the graph in that form.
FORMATS: dict[str, Callable[[AutogradGraph], bytes]] = {
    ".dot": _dot,
    ".json": _json,
    ".pb": _binary,
    ".binpb": _binary,
}


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
    except OSError as error:
        raise typer.BadParameter(f"{output}: {error.strerror}", param_hint="--output") from error
