"""Both graphs of an evaluation side by side: which call made which backward functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.v1.graph_pb2 import AutogradGraph
from pullback.v1.program_graph_pb2 import GraphPair, ProgramGraph

if TYPE_CHECKING:
    from pullback.client.graphs.shortening import Drawing

#: What can be drawn, or written to a file.
Graph = AutogradGraph | ProgramGraph | GraphPair

#: Most dashed lines between two drawings.
MOST_TIES = 200


def pair(program: ProgramGraph, autograd: AutogradGraph) -> GraphPair:
    """Makes one message of both graphs of an evaluation."""
    return GraphPair(program=program, autograd=autograd)


def ties(graphs: GraphPair, program: Drawing, autograd: Drawing) -> list[tuple[str, str]]:
    """Gives the keys of the calls that are drawn, each with that of a function that it made and that is drawn.

    Args:
        graphs: the graphs.
        program: the drawing of the calls.
        autograd: the drawing of the functions.
    """
    found = dict.fromkeys(
        (program.places[node.id], autograd.places[made])
        for node in graphs.program.nodes
        for made in node.autograd_nodes
        if node.id in program.places and made in autograd.places
    )
    return [*found][:MOST_TIES]
