"""Graphs in Mermaid's language, which many pages draw where it stands in a fence."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from pullback.client.graphs.pairs import ties
from pullback.client.graphs.shortening import MOST_NODES, drawing
from pullback.v1.program_graph_pb2 import GraphPair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.client.graphs.pairs import Graph
    from pullback.client.graphs.shortening import Drawing

_BRACKETS = {
    "function": ("(", ")"), "leaf": ("[", "]"), "call": ("(", ")"), "input": ("[", "]"), "output": ("([", "])"),
    "chain": ("[[", "]]"), "rest": ("{{", "}}"),
}  # fmt: skip


def to_mermaid(graph: Graph, most: int = MOST_NODES) -> str:
    """Writes a flowchart: from outputs down to leaves, or of a program from inputs down to outputs; both of a pair.

    Args:
        graph: what is drawn.
        most: the most nodes that are drawn, as in `to_dot`.
    """
    lines = ["flowchart TD"]
    if isinstance(graph, GraphPair):
        program, autograd = drawing(graph.program, most), drawing(graph.autograd, most)
        for name, drawn in (("program", program), ("autograd", autograd)):
            lines += [f"  subgraph {name}", *_lines(drawn), "  end"]
        lines += [f"  {tail} -.- {head}" for tail, head in ties(graph, program, autograd)]
    else:
        lines += _lines(drawing(graph, most))
    return "\n".join(lines) + "\n"


def _lines(drawn: Drawing) -> Iterator[str]:
    for shape in drawn.shapes:
        left, right = _BRACKETS[shape.kind]
        label = "<br/>".join(html.escape(line) for line in shape.lines)
        yield f'  {shape.key}{left}"{label}"{right}'
    for arrow in drawn.arrows:
        label = f"|{arrow.label}|" if arrow.label else ""
        yield f"  {arrow.tail} -->{label} {arrow.head}"
