"""Graphs as graphs of networkx, and through it as GraphML."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from pullback.client.graphs.words import call_title, node_title, value_text
from pullback.contract.tensors import BY_CODE
from pullback.v1.graph_pb2 import AutogradGraph
from pullback.v1.program_graph_pb2 import GraphPair

if TYPE_CHECKING:
    from pullback.client.graphs.pairs import Graph
    from pullback.v1.graph_pb2 import GraphNode
    from pullback.v1.program_graph_pb2 import ProgramGraph, ProgramNode


def to_networkx(graph: Graph) -> Any:
    """Makes a `networkx.MultiDiGraph` of a graph, whose nodes are the ids.

    Of an autograd graph, edges go from outputs to leaves and have `input_index` and `output_index`. Each node has
    `name`, `label`, `shape` (a tuple), `dtype`, `line` and `column` (0 for a leaf), `leaf` (the leaf's name, or None)
    and `saved` (names of saved tensors). The graph itself has `outputs`: pairs of a name and a node, or None.

    Of a program, edges go from what gives a value to the call that takes it and have `value_index` and `operand` (a
    number or a name). Each node has `kind` (``input``, ``constant`` or ``call``), `label`, `op` (empty but for calls),
    `line`, `column`, `names` and `values` (tuples), and `autograd_nodes` (a tuple of ids).

    Of a pair, nodes are ``p3`` for node 3 of the program and ``a3`` for function 3, and edges of `kind` ``made`` lead
    from calls to functions.

    Raises:
        ImportError: networkx is not installed.
    """
    import networkx as nx  # noqa: PLC0415 - an extra, which few need

    if isinstance(graph, GraphPair):
        program = nx.relabel_nodes(_calls(graph.program), lambda number: f"p{number}")
        autograd = nx.relabel_nodes(_functions(graph.autograd), lambda number: f"a{number}")
        found = nx.compose(program, autograd)
        found.graph = {f"program_{key}": value for key, value in program.graph.items()}
        found.graph |= {f"autograd_{key}": value for key, value in autograd.graph.items()}
        for node in graph.program.nodes:
            for made in node.autograd_nodes:
                found.add_edge(f"p{node.id}", f"a{made}", kind="made")
        return found
    return _functions(graph) if isinstance(graph, AutogradGraph) else _calls(graph)


def _functions(graph: AutogradGraph) -> Any:
    import networkx as nx  # noqa: PLC0415 - an extra, which few need

    found = nx.MultiDiGraph(
        schema_version=graph.schema_version,
        outputs=[(each.name, each.node if each.HasField("node") else None) for each in graph.outputs],
    )
    for node in graph.nodes:
        found.add_node(node.id, **_function_attributes(node))
    for edge in graph.edges:
        found.add_edge(
            edge.from_node, edge.to_node, input_index=edge.input_index, output_index=edge.output_index
        )
    return found


def _function_attributes(node: GraphNode) -> dict[str, Any]:
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


def _calls(graph: ProgramGraph) -> Any:
    import networkx as nx  # noqa: PLC0415 - an extra, which few need

    found = nx.MultiDiGraph(
        schema_version=graph.schema_version, outputs=[(each.name, each.node) for each in graph.outputs]
    )
    titles = call_title(graph)
    for node in graph.nodes:
        found.add_node(node.id, label=titles[node.id], **_call_attributes(node))
    for edge in graph.edges:
        operand = str(edge.operand_index) if edge.HasField("operand_index") else edge.operand_name
        found.add_edge(edge.from_node, edge.to_node, value_index=edge.value_index, operand=operand)
    return found


def _call_attributes(node: ProgramNode) -> dict[str, Any]:
    return {
        "kind": node.WhichOneof("kind"),
        "op": node.call.op,
        "line": node.call.line,
        "column": node.call.column,
        "names": tuple(value.name for value in node.values),
        "values": tuple(map(value_text, node.values)),
        "autograd_nodes": tuple(node.autograd_nodes),
    }


def to_graphml(graph: Graph) -> bytes:
    """Writes a graph as GraphML, as networkx writes it: every node and edge, whatever their number.

    Raises:
        ImportError: networkx is not installed.
    """
    import networkx as nx  # noqa: PLC0415 - an extra, which few need

    network = to_networkx(graph)
    network.graph = {key: _plain(value) for key, value in network.graph.items()}
    for _, attributes in network.nodes(data=True):  # GraphML knows numbers and text alone
        if "leaf" in attributes:
            attributes["is_leaf"] = attributes["leaf"] is not None
        for key, value in attributes.items():
            attributes[key] = _plain(value)
    file = BytesIO()
    nx.write_graphml_xml(network, file)
    return file.getvalue()


def _plain(value: object) -> object:
    match value:
        case None:
            return ""
        case tuple():
            return ",".join(map(str, value))
        case list():  # outputs
            return " ".join(f"{name}:{'' if node is None else node}" for name, node in value)
        case _:
            return value
