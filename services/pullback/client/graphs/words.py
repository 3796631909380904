"""What drawings of a graph say of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.tensors import BY_CODE, describe

if TYPE_CHECKING:
    from pullback.v1.graph_pb2 import GraphNode
    from pullback.v1.program_graph_pb2 import ProgramEdge, ProgramGraph, ProgramNode, ProgramValue

# Most operands that a title writes out.
MOST_OPERANDS = 4

# Where operations are, and what is said of it: the rest of the name tells them apart.
_SHORT = {"operator.": "", "Tensor.": "", "torch.nn.functional.": "F.", "torch.": ""}


def node_title(node: GraphNode) -> str:
    """Names a node as its readers do: the function, and the leaf where it collects a gradient."""
    return f"{node.name} {node.leaf.name}".rstrip() if node.HasField("leaf") else node.name


def node_tensor(node: GraphNode) -> str:
    """Writes the type and shape of what a node's operation made; empty where torch does not say."""
    row = BY_CODE.get(node.dtype)
    return describe(row, node.shape) if row else ""


def node_place(node: GraphNode) -> str:
    """Writes where in the program a node comes from: ``3:5`` for line and column; empty for a leaf."""
    return f"{node.line}:{node.column}" if node.line else ""


def value_text(value: ProgramValue) -> str:
    """Writes the type and shape of a tensor, and any other value as Python does."""
    row = BY_CODE.get(value.tensor.dtype)
    return describe(row, value.tensor.shape) if row else value.text


def call_title(graph: ProgramGraph) -> dict[int, str]:
    """Names the nodes of a program: inputs, constants, and calls with their constants, as in ``pow(·, 2)``."""
    edges: dict[int, list[ProgramEdge]] = {}
    for edge in graph.edges:
        edges.setdefault(edge.to_node, []).append(edge)
    return {node.id: _title(node, edges.get(node.id, []), graph) for node in graph.nodes}


def _title(node: ProgramNode, edges: list[ProgramEdge], graph: ProgramGraph) -> str:
    if not node.HasField("call"):
        return node.input or node.constant
    written = [_operand(edge, graph.nodes[edge.from_node]) for edge in edges[:MOST_OPERANDS]]
    if len(edges) > MOST_OPERANDS:
        written.append("…")
    name = short_name(node.call.op)
    return name if all(each in {"·", "…"} for each in written) else f"{name}({', '.join(written)})"


def _operand(edge: ProgramEdge, source: ProgramNode) -> str:
    text = source.constant or "·"
    return f"{edge.operand_name}={text}" if edge.operand_name else text


def short_name(op: str) -> str:
    """Gives an operation's name without where it is: ``sin``, ``linalg.qr``, ``F.relu``."""
    for prefix, short in _SHORT.items():
        if op.startswith(prefix):
            return short + op.removeprefix(prefix)
    return op
