"""Graphs of either kind as boxes and links: what drawings are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.client.graphs.words import call_title, node_place, node_tensor, node_title, value_text
from pullback.v1.graph_pb2 import AutogradGraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.v1.program_graph_pb2 import ProgramGraph, ProgramNode

# Most values of a call that a box tells of: a tensor may be taken apart into thousands.
MOST_VALUES = 3


@dataclass(frozen=True)
class Box:
    """A node.

    Attributes:
        id: its number.
        title: what it is.
        lines: what else there is to say.
        kind: ``function``, ``leaf``, ``call`` or ``input``.
    """

    id: int
    title: str
    lines: tuple[str, ...]
    kind: str

    @property
    def is_end(self) -> bool:
        """Whether it stands for itself, and is never a part of a chain."""
        return self.kind in {"leaf", "input"}


@dataclass(frozen=True)
class Link:
    """An edge between two boxes, with what is said of it."""

    tail: int
    head: int
    label: str


@dataclass(frozen=True)
class Net:
    """A graph.

    Attributes:
        boxes: by their numbers.
        links: from a box to the one that follows it.
        outputs: the names of outputs, each with its box, if it has one.
        key: what the names of its boxes begin with.
        begins_at_outputs: whether links lead from outputs to inputs, or the other way.
    """

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    outputs: tuple[tuple[str, int | None], ...]
    key: str
    begins_at_outputs: bool


def net_of(graph: AutogradGraph | ProgramGraph) -> Net:
    """Makes a net of a graph. Constants of a program are told of in the titles of the calls that use them."""
    return _functions(graph) if isinstance(graph, AutogradGraph) else _calls(graph)


def _functions(graph: AutogradGraph) -> Net:
    boxes = []
    for node in graph.nodes:
        place = node_place(node)
        lines = (node_tensor(node), f"line {place}" if place else "")
        kind = "leaf" if node.HasField("leaf") else "function"
        boxes.append(Box(node.id, node_title(node), tuple(filter(None, lines)), kind))
    links = [Link(edge.from_node, edge.to_node, str(edge.input_index)) for edge in graph.edges]
    outputs = [(each.name, each.node if each.HasField("node") else None) for each in graph.outputs]
    return Net(tuple(boxes), tuple(links), tuple(outputs), "n", begins_at_outputs=True)


def _calls(graph: ProgramGraph) -> Net:
    titles = call_title(graph)
    named = {each.node for each in graph.outputs}
    boxes = []
    for node in graph.nodes:
        if not node.HasField("constant") or node.id in named:
            kind = "call" if node.HasField("call") else "input"
            boxes.append(Box(node.id, titles[node.id], tuple(_call_lines(node)), kind))
    shown = {box.id for box in boxes}
    links = []
    for edge in graph.edges:
        if edge.from_node in shown:
            operand = str(edge.operand_index) if edge.HasField("operand_index") else edge.operand_name
            links.append(Link(edge.from_node, edge.to_node, operand))
    outputs = [(each.name, each.node) for each in graph.outputs]
    return Net(tuple(boxes), tuple(links), tuple(outputs), "p", begins_at_outputs=False)


def _call_lines(node: ProgramNode) -> Iterator[str]:
    if node.HasField("constant"):
        return
    for value in node.values[:MOST_VALUES]:
        name = f"{value.name}: " if value.name and node.HasField("call") else ""
        yield f"{name}{value_text(value)}"
    if len(node.values) > MOST_VALUES:
        yield f"{len(node.values) - MOST_VALUES:,} more values"
    if node.HasField("call"):
        yield f"line {node.call.line}:{node.call.column}"
