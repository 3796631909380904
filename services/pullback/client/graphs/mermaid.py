"""The autograd graph in Mermaid's language, which many pages draw where it stands in a fence."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from pullback.client.graphs.shortening import MOST_NODES, drawing

if TYPE_CHECKING:
    from pullback.v1.graph_pb2 import AutogradGraph

_BRACKETS = {
    "function": ("(", ")"), "leaf": ("[", "]"), "output": ("([", "])"), "chain": ("[[", "]]"), "rest": ("{{", "}}"),
}  # fmt: skip


def to_mermaid(graph: AutogradGraph, most: int = MOST_NODES) -> str:
    """Writes a flowchart from outputs down to leaves.

    Args:
        graph: what is drawn.
        most: the most nodes that are drawn, as in `to_dot`.
    """
    drawn = drawing(graph, most)
    lines = ["flowchart TD"]
    for shape in drawn.shapes:
        left, right = _BRACKETS[shape.kind]
        label = "<br/>".join(html.escape(line) for line in shape.lines)
        lines.append(f'  {shape.key}{left}"{label}"{right}')
    for arrow in drawn.arrows:
        label = f"|{arrow.label}|" if arrow.label else ""
        lines.append(f"  {arrow.tail} -->{label} {arrow.head}")
    return "\n".join(lines) + "\n"
