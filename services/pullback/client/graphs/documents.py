"""Graphs as documents: JSON, protobuf's bytes and text, or any form by its file's suffix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from google.protobuf import text_format
from google.protobuf.json_format import MessageToJson, Parse

from pullback.client.graphs.dot import to_dot, to_svg
from pullback.client.graphs.mermaid import to_mermaid
from pullback.client.graphs.network import to_graphml
from pullback.client.graphs.shortening import MOST_NODES
from pullback.v1.graph_pb2 import AutogradGraph
from pullback.v1.program_graph_pb2 import GraphPair, ProgramGraph

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.client.graphs.pairs import Graph

G = TypeVar("G", AutogradGraph, ProgramGraph, GraphPair)


def to_json(graph: Graph) -> str:
    """Writes a graph as JSON, as `docs/graph.schema.json` describes it. The same graph gives the same text."""
    return (
        MessageToJson(graph, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        + "\n"
    )


@overload
def from_json(text: str) -> AutogradGraph: ...


@overload
def from_json(text: str, kind: type[G]) -> G: ...


def from_json(text: str, kind: type[Any] = AutogradGraph) -> Any:
    """Reads what `to_json` wrote.

    Args:
        text: the document.
        kind: the message that it was written of.

    Raises:
        google.protobuf.json_format.ParseError: it is no such text.
    """
    return Parse(text, kind())


def _binary(graph: Graph) -> bytes:
    return graph.SerializeToString(deterministic=True)


#: File name suffix -> what writes a graph in that form, with at most so many nodes where it is drawn.
FORMATS: dict[str, Callable[[Graph, int], bytes]] = {
    ".svg": lambda graph, most: to_svg(graph, most).encode(),
    ".dot": lambda graph, most: to_dot(graph, most).encode(),
    ".gv": lambda graph, most: to_dot(graph, most).encode(),
    ".mmd": lambda graph, most: to_mermaid(graph, most).encode(),
    ".graphml": lambda graph, _: to_graphml(graph),
    ".json": lambda graph, _: to_json(graph).encode(),
    ".txtpb": lambda graph, _: text_format.MessageToString(graph).encode(),
    ".pb": lambda graph, _: _binary(graph),
    ".binpb": lambda graph, _: _binary(graph),
}


def written(graph: Graph, suffix: str, most: int = MOST_NODES) -> bytes:
    """Writes a graph in the form that a file's suffix names.

    Args:
        graph: what is written.
        suffix: one of `FORMATS`.
        most: the most nodes that are drawn, as in `to_dot`. Documents have all.

    Raises:
        ImportError: networkx is not installed, which GraphML needs.
        RuntimeError: Graphviz is not installed, or cannot draw it.
    """
    return FORMATS[suffix](graph, most)
