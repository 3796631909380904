"""Graphs in DOT, the language of Graphviz, and as Graphviz draws it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from pullback.client.graphs.pairs import ties
from pullback.client.graphs.shortening import MOST_NODES, drawing
from pullback.v1.program_graph_pb2 import GraphPair, ProgramGraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.client.graphs.pairs import Graph
    from pullback.client.graphs.shortening import Drawing

# Seconds that Graphviz may take.
PATIENCE = 60.0

_STYLES = {
    "function": 'shape=box, style="rounded,filled", fillcolor="#eef3fb", color="#5b7db1"',
    "leaf": 'shape=box, style=filled, fillcolor="#e8f5e4", color="#5e9a4b"',
    "call": 'shape=box, style="rounded,filled", fillcolor="#fdf3e3", color="#b1864b"',
    "input": 'shape=box, style=filled, fillcolor="#e8f5e4", color="#5e9a4b"',
    "output": "shape=plaintext",
    "chain": 'shape=box3d, style=filled, fillcolor="#f6f6f6", color="#888888"',
    "rest": 'shape=plaintext, fontcolor="#888888"',
}


def to_dot(graph: Graph, most: int = MOST_NODES) -> str:
    """Writes the autograd graph from outputs down to leaves, and the program from inputs down to outputs.

    An edge is labelled with which input, or operand, it belongs to. Of a pair, both are drawn side by side, leaves
    beside inputs, and a dashed line leads from a call to each function that it made. Equal graphs give equal texts.

    Args:
        graph: what is drawn.
        most: the most nodes that are drawn; of bigger graphs chains are drawn as one node, and the rest is counted.
    """
    lines = [
        f"digraph {'program' if isinstance(graph, ProgramGraph) else 'autograd'} {{",
        "  nslimit=2; nslimit1=2; mclimit=0.5;",  # bounds on how long a layout is improved
        '  graph [fontname="Helvetica", fontsize=12];',
        '  node [fontname="Helvetica", fontsize=11, margin="0.12,0.06"];',
        '  edge [fontname="Helvetica", fontsize=9, color="#777777"];',
    ]
    if isinstance(graph, GraphPair):
        program, autograd = drawing(graph.program, most), drawing(graph.autograd, most)
        parts = (("program", _lines(program)), ("autograd", _lines(autograd, upwards=True)))
        for name, part in parts:
            lines += [f"  subgraph cluster_{name} {{", f'  label="{name}"; color="#cccccc";', *part, "  }"]
        for tail, head in ties(graph, program, autograd):
            # Without a say in which row a node is in: both graphs keep their own order.
            lines.append(
                f'  {tail} -> {head} [style=dashed, color="#b1864b", arrowhead=none, constraint=false];'
            )
    else:
        lines += _lines(drawing(graph, most))
    return "\n".join([*lines, "}"]) + "\n"


def _lines(drawn: Drawing, *, upwards: bool = False) -> Iterator[str]:
    for shape in drawn.shapes:
        yield f"  {shape.key} [{_STYLES[shape.kind]}, label={_quoted(shape.lines)}];"
    for arrow in drawn.arrows:
        options = [f'label="{arrow.label}"'] if arrow.label else []
        ends = (arrow.tail, arrow.head)
        if upwards:  # Graphviz puts what an edge begins at on top
            ends = ends[::-1]
            options.append("dir=back")
        said = f" [{', '.join(options)}]" if options else ""
        yield f"  {ends[0]} -> {ends[1]}{said};"


def to_svg(graph: Graph, most: int = MOST_NODES, *, patience: float = PATIENCE) -> str:
    """Draws a graph as a picture, by Graphviz's own program.

    Args:
        graph: what is drawn.
        most: the most nodes that are drawn, as in `to_dot`.
        patience: the most seconds that Graphviz may take.

    Raises:
        RuntimeError: Graphviz is not installed, or cannot draw it in that time.
    """
    program = shutil.which("dot")
    if program is None:
        raise RuntimeError(
            "a picture is drawn by Graphviz, whose program `dot` is not there: install Graphviz"
        )
    try:
        done = subprocess.run(  # noqa: S603 - Graphviz, given a text of our own on its standard input
            [program, "-Tsvg"],
            input=to_dot(graph, most),
            capture_output=True,
            text=True,
            timeout=patience,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"Graphviz could not draw the graph: {error}") from error
    return done.stdout


def _quoted(lines: tuple[str, ...]) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
