"""Graphs that are too big to look at, made smaller: chains drawn as one node, and what is too much left out.

Strategy: what matters in a graph is where it branches. So first each run of nodes with one way in and one way out
becomes a single one that says how many it stands for; then, where there are still too many, those furthest from the
outputs go, and a last node says how many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.client.graphs.words import node_place, node_tensor, node_title

if TYPE_CHECKING:
    from pullback.v1.graph_pb2 import AutogradGraph

#: Most nodes of a drawing, unless it is told otherwise.
MOST_NODES = 400

#: Most edges of a drawing: Mermaid refuses more, and Graphviz takes minutes for thousands.
MOST_EDGES = 500


@dataclass(frozen=True)
class Shape:
    """A node of a drawing.

    Attributes:
        key: its name in the drawing: ``n3`` for node 3, ``out0`` for the first output.
        lines: what it says.
        kind: ``function``, ``leaf``, ``output``, ``chain`` (several functions) or ``rest`` (all that is left out).
    """

    key: str
    lines: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Arrow:
    """An edge of a drawing.

    Attributes:
        tail: the key of the node that sends a gradient.
        head: the key of the node that receives it.
        label: which input of the sender it belongs to; empty behind an output.
    """

    tail: str
    head: str
    label: str


@dataclass(frozen=True)
class Drawing:
    """What is drawn: outputs first, then nodes by their numbers."""

    shapes: tuple[Shape, ...]
    arrows: tuple[Arrow, ...]


def drawing(graph: AutogradGraph, most: int = MOST_NODES) -> Drawing:
    """Chooses what is drawn of a graph.

    Args:
        graph: any graph.
        most: the most nodes that are drawn, at least one.
    """
    heads = _chains(graph) if len(graph.nodes) > most else {}
    kept = [node.id for node in graph.nodes if heads.get(node.id, node.id) == node.id][:most]
    return _draw(graph, heads, frozenset(kept))


def _chains(graph: AutogradGraph) -> dict[int, int]:
    """Gives, for each node within a chain, the first node of the chain."""
    ways_in: dict[int, int] = {}
    ways_out: dict[int, list[int]] = {}
    for edge in graph.edges:
        ways_in[edge.to_node] = ways_in.get(edge.to_node, 0) + 1
        ways_out.setdefault(edge.from_node, []).append(edge.to_node)
    begun = {output.node for output in graph.outputs if output.HasField("node")}
    leaves = {node.id for node in graph.nodes if node.HasField("leaf")}
    heads: dict[int, int] = {}
    for node in graph.nodes:  # by number: what comes first was met first
        following = ways_out.get(node.id, [])
        if len(following) != 1 or node.id in leaves:
            continue
        (after,) = following
        if (
            ways_in[after] == 1
            and after not in begun
            and after not in leaves
            and len(ways_out.get(after, ())) == 1
        ):
            heads.setdefault(node.id, node.id)
            heads[after] = heads[node.id]
    return heads


def _draw(graph: AutogradGraph, heads: dict[int, int], kept: frozenset[int]) -> Drawing:
    sizes: dict[int, int] = {}
    for head in heads.values():
        sizes[head] = sizes.get(head, 0) + 1
    shapes = [Shape(f"out{number}", (output.name,), "output") for number, output in enumerate(graph.outputs)]
    for node in graph.nodes:
        if node.id in kept:
            lines = [node_title(node), node_tensor(node)]
            kind = "leaf" if node.HasField("leaf") else "function"
            if node.id in sizes:
                kind, lines[0] = "chain", f"{node_title(node)} and {sizes[node.id] - 1:,} more"
            place = node_place(node)
            lines.append(f"line {place}" if place else "")
            shapes.append(Shape(f"n{node.id}", tuple(filter(None, lines)), kind))
    arrows = _arrows(graph, heads, kept)
    left = len(graph.nodes) - sum(sizes.get(node, 1) for node in kept)
    more = [f"{left:,} more nodes"] if left else []
    if len(arrows) > MOST_EDGES:
        more.append(f"{len(arrows) - MOST_EDGES:,} more edges")
    if more:
        shapes.append(Shape("rest", tuple(more), "rest"))
    return Drawing(tuple(shapes), tuple(arrows[:MOST_EDGES]))


def _arrows(graph: AutogradGraph, heads: dict[int, int], kept: frozenset[int]) -> list[Arrow]:
    def key(number: int) -> str:
        number = heads.get(number, number)
        return f"n{number}" if number in kept else "rest"

    arrows = [
        Arrow(f"out{number}", key(output.node), "")
        for number, output in enumerate(graph.outputs)
        if output.HasField("node")
    ]
    arrows += [Arrow(key(edge.from_node), key(edge.to_node), str(edge.input_index)) for edge in graph.edges]
    drawn = dict.fromkeys(arrow for arrow in arrows if arrow.tail not in {arrow.head, "rest"})
    # Of the arrows into the rest the last alone: hundreds of them, each across the picture, tell no more.
    beyond = [arrow for arrow in drawn if arrow.head == "rest"]
    return [arrow for arrow in drawn if arrow.head != "rest"] + beyond[-1:]
