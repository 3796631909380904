"""The autograd graph as a document: JSON, protobuf's bytes and text, or any form by its file's suffix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToJson, Parse

from pullback.client.graphs.dot import to_dot, to_svg
from pullback.client.graphs.mermaid import to_mermaid
from pullback.client.graphs.network import to_graphml
from pullback.v1.graph_pb2 import AutogradGraph

if TYPE_CHECKING:
    from collections.abc import Callable


def to_json(graph: AutogradGraph) -> str:
    """Writes a graph as JSON, as `docs/graph.schema.json` describes it. The same graph gives the same text."""
    return (
        MessageToJson(graph, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        + "\n"
    )


def from_json(text: str) -> AutogradGraph:
    """Reads what `to_json` wrote.

    Raises:
        google.protobuf.json_format.ParseError: it is no such text.
    """
    return Parse(text, AutogradGraph())


def _binary(graph: AutogradGraph) -> bytes:
    return graph.SerializeToString(deterministic=True)


#: File name suffix -> what writes the graph in that form.
FORMATS: dict[str, Callable[[AutogradGraph], bytes]] = {
    ".svg": lambda graph: to_svg(graph).encode(),
    ".dot": lambda graph: to_dot(graph).encode(),
    ".gv": lambda graph: to_dot(graph).encode(),
    ".mmd": lambda graph: to_mermaid(graph).encode(),
    ".graphml": to_graphml,
    ".json": lambda graph: to_json(graph).encode(),
    ".pb": _binary,
    ".binpb": _binary,
}
