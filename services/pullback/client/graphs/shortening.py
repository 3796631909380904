"""Graphs that are too big to look at, made smaller: chains drawn as one node, and what is too much left out.

Strategy: what matters in a graph is where it branches. So first each run of nodes with one way in and one way out
becomes a single one that says how many it stands for; then, where there are still too many, those furthest from where
the graph begins go, and a last node says how many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.client.graphs.nets import net_of

if TYPE_CHECKING:
    from pullback.client.graphs.nets import Net
    from pullback.v1.graph_pb2 import AutogradGraph
    from pullback.v1.program_graph_pb2 import ProgramGraph

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
        kind: ``function``, ``leaf``, ``call``, ``input``, ``output``, ``chain`` (several of them) or ``rest`` (all that
            is left out).
    """

    key: str
    lines: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Arrow:
    """An edge of a drawing.

    Attributes:
        tail: the key of the node that gives a gradient, or a value.
        head: the key of the node that is given it.
        label: which of its operands that is; empty at an output.
    """

    tail: str
    head: str
    label: str


@dataclass(frozen=True)
class Drawing:
    """What is drawn: outputs first, then nodes by their numbers.

    Attributes:
        shapes: the nodes.
        arrows: the edges.
        places: the key of each node of the graph that is drawn, by its number, chains' included.
    """

    shapes: tuple[Shape, ...]
    arrows: tuple[Arrow, ...]
    places: dict[int, str]


def drawing(graph: AutogradGraph | ProgramGraph, most: int = MOST_NODES) -> Drawing:
    """Chooses what is drawn of a graph.

    Args:
        graph: any graph.
        most: the most nodes that are drawn, at least one.
    """
    net = net_of(graph)
    heads = _chains(net) if len(net.boxes) > most else {}
    kept = [box.id for box in net.boxes if heads.get(box.id, box.id) == box.id][:most]
    return _draw(net, heads, frozenset(kept))


def _chains(net: Net) -> dict[int, int]:
    """Gives, for each node within a chain, the first node of the chain."""
    ways_in: dict[int, int] = {}
    ways_out: dict[int, list[int]] = {}
    for link in net.links:
        ways_in[link.head] = ways_in.get(link.head, 0) + 1
        ways_out.setdefault(link.tail, []).append(link.head)
    begun = {box for _, box in net.outputs if box is not None}
    ends = {box.id for box in net.boxes if box.is_end}
    heads: dict[int, int] = {}
    for box in net.boxes:  # by number: what comes first was met first
        following = ways_out.get(box.id, [])
        if len(following) != 1 or box.id in ends:
            continue
        (after,) = following
        if (
            ways_in[after] == 1
            and after not in begun
            and after not in ends
            and len(ways_out.get(after, ())) == 1
        ):
            heads.setdefault(box.id, box.id)
            heads[after] = heads[box.id]
    return heads


def _draw(net: Net, heads: dict[int, int], kept: frozenset[int]) -> Drawing:
    sizes: dict[int, int] = {}
    for head in heads.values():
        sizes[head] = sizes.get(head, 0) + 1
    prefix = "" if net.key == "n" else net.key
    shapes = [
        Shape(f"{prefix}out{number}", (name,), "output") for number, (name, _) in enumerate(net.outputs)
    ]
    places: dict[int, str] = {}
    for box in net.boxes:
        head = heads.get(box.id, box.id)
        if head in kept:
            places[box.id] = f"{net.key}{head}"
        if box.id in kept:
            kind, title = box.kind, box.title
            if box.id in sizes:
                kind, title = "chain", f"{title} and {sizes[box.id] - 1:,} more"
            shapes.append(Shape(f"{net.key}{box.id}", (title, *box.lines), kind))
    arrows = _arrows(net, places, prefix)
    left = len(net.boxes) - sum(sizes.get(box, 1) for box in kept)
    more = [f"{left:,} more nodes"] if left else []
    if len(arrows) > MOST_EDGES:
        more.append(f"{len(arrows) - MOST_EDGES:,} more edges")
    if more:
        shapes.append(Shape(f"{prefix}rest", tuple(more), "rest"))
    return Drawing(tuple(shapes), tuple(arrows[:MOST_EDGES]), places)


def _arrows(net: Net, places: dict[int, str], prefix: str) -> list[Arrow]:
    rest = f"{prefix}rest"
    arrows = []
    for number, (_, box) in enumerate(net.outputs):
        if box is not None:
            ends = (f"{prefix}out{number}", places.get(box, rest))
            arrows.append(Arrow(*(ends if net.begins_at_outputs else ends[::-1]), ""))
    arrows += [
        Arrow(places.get(link.tail, rest), places.get(link.head, rest), link.label) for link in net.links
    ]
    drawn = dict.fromkeys(arrow for arrow in arrows if arrow.tail not in {arrow.head, rest})
    # Of the arrows into the rest the last alone: hundreds of them, each across the picture, tell no more.
    beyond = [arrow for arrow in drawn if arrow.head == rest]
    return [arrow for arrow in drawn if arrow.head != rest] + beyond[-1:]
