"""The autograd graph as a message, read from the live chain of backward functions.

Strategy: walk with a stack of our own, since a program may chain more functions than Python can recurse, and number
a node when the walk first meets it. Every node met is held until the end: torch makes the Python object of a node on
demand, and only while one is alive does the node keep its identity.

A backward pass frees what its nodes saved. So the graph is read before ours; after a program's own, the nodes whose
saved tensors are gone list none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.autograd.graph import Node, get_gradient_edge

from pullback.contract.errors import LimitExceeded
from pullback.contract.limits import limit_metadata
from pullback.engine.origins import origin
from pullback.engine.wire import ROWS
from pullback.v1 import graph_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pullback.contract.limits import Limits

#: The version of the message's meaning.
SCHEMA_VERSION = 1

_SAVED = "_saved_"


class ReadGraph(NamedTuple):
    """A graph, and its functions in the same order."""

    message: graph_pb2.AutogradGraph
    nodes: list[Node]


def read_graph(outputs: Mapping[str, object], leaf_names: Mapping[int, str], limits: Limits) -> ReadGraph:
    """Reads the graph behind some outputs.

    Args:
        outputs: name -> value, in the order in which the evaluation names them.
        leaf_names: ``id(tensor)`` -> name, for the leaves that have one. The tensors must be alive.
        limits: the bound on the number of nodes.

    Raises:
        LimitExceeded: the graph has more nodes than is allowed.
    """
    walk = _Walk(leaf_names, limits.graph_nodes)
    message = graph_pb2.AutogradGraph(schema_version=SCHEMA_VERSION)
    for name, value in outputs.items():
        output = message.outputs.add(name=name)
        if isinstance(value, torch.Tensor) and value.requires_grad:
            edge = get_gradient_edge(value)
            output.node = walk.visit(edge.node)
            output.output_index = edge.output_nr
    message.nodes.extend(walk.messages)
    message.edges.extend(walk.edges())
    return ReadGraph(message, walk.nodes)


class _Walk:
    def __init__(self, leaf_names: Mapping[int, str], limit: int) -> None:
        self.messages: list[graph_pb2.GraphNode] = []
        self._leaf_names = leaf_names
        self._limit = limit
        self.nodes: list[Node] = []
        self._ids: dict[Node, int] = {}
        self._saved_names: dict[type[Node], tuple[str, ...]] = {}

    def visit(self, root: Node) -> int:
        """Numbers all nodes behind one, and gives its own number."""
        if root not in self._ids:
            self._number(root)
            waiting = [_receivers(root)]
            while waiting:
                node = next(waiting[-1], None)
                if node is None:
                    waiting.pop()
                elif node not in self._ids:
                    self._number(node)
                    waiting.append(_receivers(node))
        return self._ids[root]

    def edges(self) -> Iterator[graph_pb2.GraphEdge]:
        """Gives the edges, by sending node and input."""
        for number, node in enumerate(self.nodes):
            for index, (receiver, output_index) in enumerate(node.next_functions):
                if receiver is not None:
                    yield graph_pb2.GraphEdge(
                        from_node=number,
                        input_index=index,
                        to_node=self._ids[receiver],
                        output_index=output_index,
                    )

    def _number(self, node: Node) -> None:
        number = len(self.nodes)
        if number >= self._limit:
            raise LimitExceeded(
                f"the autograd graph has more than {self._limit:,} nodes",
                field="return_graph",
                metadata=limit_metadata(self._limit, self._limit + 1, "graph_nodes"),
            )
        self._ids[node] = number
        self.nodes.append(node)
        self.messages.append(self._message(number, node))

    def _message(self, number: int, node: Node) -> graph_pb2.GraphNode:
        message = graph_pb2.GraphNode(id=number, name=type(node).__name__)
        if message.name == "AccumulateGrad":
            leaf = node.variable  # type: ignore[attr-defined]
            message.leaf.name = self._leaf_names.get(id(leaf), "")
            _describe(message.leaf, leaf)
            _describe(message, leaf)
            return message
        call = origin(node)
        if call is not None:
            message.line, message.column = call.place.line, call.place.column
        made = node._input_metadata  # noqa: SLF001 - torch's only account of what the forward operation made
        if made:
            _describe(message, made[0])
        self._add_saved(message, node)
        return message

    def _add_saved(self, message: graph_pb2.GraphNode, node: Node) -> None:
        names = self._saved_names.get(type(node))
        if names is None:
            # The names are torch's own: nothing that a program wrote gets here.
            names = tuple(sorted(name for name in dir(node) if name.startswith(_SAVED)))
            self._saved_names[type(node)] = names
        for name in names:
            for suffix, tensor in _saved_tensors(node, name):
                saved = message.saved_tensors.add(name=name.removeprefix(_SAVED) + suffix)
                _describe(saved, tensor)


def _receivers(node: Node) -> Iterator[Node]:
    return iter([receiver for receiver, _ in node.next_functions if receiver is not None])


def _saved_tensors(node: Node, name: str) -> list[tuple[str, torch.Tensor]]:
    try:
        value = getattr(node, name)
    except RuntimeError:  # freed by a backward pass
        return []
    if isinstance(value, torch.Tensor):
        return [("", value)]
    if isinstance(value, (tuple, list)):
        return [(f"[{i}]", item) for i, item in enumerate(value) if isinstance(item, torch.Tensor)]
    return []


def _describe(
    message: graph_pb2.GraphNode | graph_pb2.GraphLeaf | graph_pb2.SavedTensor, tensor: torch.Tensor
) -> None:
    message.shape.extend(tensor.shape)
    row = ROWS.get(tensor.dtype)
    message.dtype = row.code if row is not None else tensor_pb2.DATA_TYPE_UNSPECIFIED
