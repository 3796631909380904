"""The autograd graph in DOT, the language of Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.cli.rendering import node_title
from pullback.contract.tensors import BY_CODE, describe

if TYPE_CHECKING:
    from pullback.v1.graph_pb2 import AutogradGraph, GraphEdge, GraphNode


def to_dot(graph: AutogradGraph) -> str:
    """Draws outputs at the top and leaves at the bottom; an edge is labelled with its input index.

    Functions are ellipses, leaves boxes, outputs plain text. The same graph gives the same text.
    """
    lines = ["digraph autograd {"]
    for number, output in enumerate(graph.outputs):
        lines.append(f"  out{number} [shape=plaintext, label={_quoted(output.name)}];")
        if output.HasField("node"):
            lines.append(f"  out{number} -> n{output.node};")
    lines += [_node(node) for node in graph.nodes]
    lines += [_edge(edge) for edge in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _node(node: GraphNode) -> str:
    shape = "box" if node.HasField("leaf") else "ellipse"
    row = BY_CODE.get(node.dtype)
    label = f"{node_title(node)}\n{describe(row, node.shape)}" if row else node_title(node)
    return f"  n{node.id} [shape={shape}, label={_quoted(label)}];"


def _edge(edge: GraphEdge) -> str:
    return f'  n{edge.from_node} -> n{edge.to_node} [label="{edge.input_index}"];'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
