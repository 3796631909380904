"""The autograd graph as a graph of networkx, and through it as GraphML."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from pullback.client.graphs.words import node_title
from pullback.contract.tensors import BY_CODE

if TYPE_CHECKING:
    from pullback.v1.graph_pb2 import AutogradGraph, GraphNode


def to_networkx(graph: AutogradGraph) -> Any:
    """Makes a `networkx.MultiDiGraph` of a graph; its edges go from outputs to leaves.

    Nodes are the ids. Each has `name`, `label`, `shape` (a tuple), `dtype`, `line` and `column` (0 for a leaf), `leaf`
    (the leaf's name, or None) and `saved` (names of saved tensors). Edges have `input_index` and `output_index`. The
    graph itself has `outputs`: pairs of a name and a node, or None.

    Raises:
        ImportError: networkx is not installed.
    """
    import networkx as nx  # noqa: PLC0415 - an extra, which few need

    found = nx.MultiDiGraph(
        schema_version=graph.schema_version,
        outputs=[(each.name, each.node if each.HasField("node") else None) for each in graph.outputs],
    )
    for node in graph.nodes:
        found.add_node(node.id, **_attributes(node))
    for edge in graph.edges:
        found.add_edge(
            edge.from_node, edge.to_node, input_index=edge.input_index, output_index=edge.output_index
        )
    return found


def _attributes(node: GraphNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "label": node_title(node),
        "shape": tuple(node.shape),
        "dtype": BY_CODE[node.dtype].name if node.dtype in BY_CODE else "",
        "line": node.line,
        "column": node.column,
        "leaf": node.leaf.name if node.HasField("leaf") else None,
        "saved": tuple(saved.name for saved in node.saved_tensors),
    }


def to_graphml(graph: AutogradGraph) -> bytes:
    """Writes a graph as GraphML, as networkx writes it: every node and edge, whatever their number.

    Raises:
        ImportError: networkx is not installed.
    """
    import networkx as nx  # noqa: PLC0415 - an extra, which few need

    network = to_networkx(graph)
    outputs = network.graph.pop("outputs")
    network.graph["outputs"] = " ".join(f"{name}:{'' if node is None else node}" for name, node in outputs)
    for _, attributes in network.nodes(data=True):  # GraphML knows numbers and text alone
        attributes["shape"] = ",".join(map(str, attributes["shape"]))
        attributes["saved"] = ",".join(attributes["saved"])
        attributes["is_leaf"] = attributes["leaf"] is not None
        attributes["leaf"] = attributes["leaf"] or ""
    file = BytesIO()
    nx.write_graphml_xml(network, file)
    return file.getvalue()
