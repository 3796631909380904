"""The autograd graph in DOT, the language of Graphviz, and as Graphviz draws it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from pullback.client.graphs.shortening import MOST_NODES, drawing

if TYPE_CHECKING:
    from pullback.v1.graph_pb2 import AutogradGraph

# Seconds that Graphviz may take.
PATIENCE = 60.0

_STYLES = {
    "function": 'shape=box, style="rounded,filled", fillcolor="#eef3fb", color="#5b7db1"',
    "leaf": 'shape=box, style=filled, fillcolor="#e8f5e4", color="#5e9a4b"',
    "output": "shape=plaintext",
    "chain": 'shape=box3d, style=filled, fillcolor="#f6f6f6", color="#888888"',
    "rest": 'shape=plaintext, fontcolor="#888888"',
}


def to_dot(graph: AutogradGraph, most: int = MOST_NODES) -> str:
    """Writes outputs at the top and leaves at the bottom; an edge is labelled with its input index.

    The same graph gives the same text.

    Args:
        graph: what is drawn.
        most: the most nodes that are drawn; of bigger graphs chains are drawn as one node, and the rest is counted.
    """
    drawn = drawing(graph, most)
    lines = [
        "digraph autograd {",
        "  nslimit=2; nslimit1=2; mclimit=0.5;",  # bounds on how long a layout is improved
        '  node [fontname="Helvetica", fontsize=11, margin="0.12,0.06"];',
        '  edge [fontname="Helvetica", fontsize=9, color="#777777"];',
    ]
    lines += [f"  {each.key} [{_STYLES[each.kind]}, label={_quoted(each.lines)}];" for each in drawn.shapes]
    for arrow in drawn.arrows:
        label = f' [label="{arrow.label}"]' if arrow.label else ""
        lines.append(f"  {arrow.tail} -> {arrow.head}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def to_svg(graph: AutogradGraph, most: int = MOST_NODES, *, patience: float = PATIENCE) -> str:
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
