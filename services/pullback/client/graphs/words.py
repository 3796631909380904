"""What drawings of a graph say of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.tensors import BY_CODE, describe

if TYPE_CHECKING:
    from pullback.v1.graph_pb2 import GraphNode


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
