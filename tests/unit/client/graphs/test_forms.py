"""Graphs as JSON, GraphML, Mermaid and networkx, each read by its own tool."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import networkx as nx
import pytest

from pullback.client.graphs import (
    FORMATS,
    from_json,
    to_dot,
    to_graphml,
    to_json,
    to_mermaid,
    to_networkx,
    to_svg,
    written,
)
from pullback.client.graphs.shortening import drawing
from pullback.v1.graph_pb2 import AutogradGraph, GraphNode

if TYPE_CHECKING:
    from tests.unit.client.graphs.conftest import Graphs

SCHEMA = json.loads(Path(__file__).parents[4].joinpath("docs/graph.schema.json").read_text())


def test_json_is_as_its_schema_says_and_reads_back(graphs: Graphs, braid: AutogradGraph) -> None:
    """To the last byte; the schema refuses what is not."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.check_schema(SCHEMA)
    for graph in (*graphs.values(), braid):
        document = json.loads(to_json(graph))
        validator.validate(document)
        assert from_json(to_json(graph)).SerializeToString(deterministic=True) == graph.SerializeToString(
            deterministic=True
        )
    document["nodes"][0]["color"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document)


def test_the_schema_has_every_element_of_the_message() -> None:
    """Whatever a later version adds."""
    for name, definition in (("node", "GraphNode"), ("edge", "GraphEdge"), ("output", "GraphOutput")):
        fields = AutogradGraph.DESCRIPTOR.file.message_types_by_name[definition].fields_by_name
        assert set(SCHEMA["$defs"][name]["properties"]) == set(fields)
    assert set(SCHEMA["properties"]) == set(AutogradGraph.DESCRIPTOR.fields_by_name)


def test_networkx_has_what_the_message_has(graphs: Graphs) -> None:
    """Nodes, edges with their numbers, leaves and outputs."""
    for graph in graphs.values():
        found = to_networkx(graph)
        assert sorted(found.nodes) == [node.id for node in graph.nodes]
        edges = [(e.from_node, e.to_node, e.input_index, e.output_index) for e in graph.edges]
        given = [(a, b, d["input_index"], d["output_index"]) for a, b, d in found.edges(data=True)]
        assert sorted(given) == sorted(edges)
        assert nx.is_directed_acyclic_graph(found)
    quartic = to_networkx(graphs["quartic"])
    leaves = [data["leaf"] for _, data in quartic.nodes(data=True) if data["leaf"] is not None]
    assert leaves == ["x"]
    assert quartic.graph["outputs"] == [("y", 0)]
    assert quartic.nodes[0]["line"] == 1


def test_graphml_is_read_by_networkx(graphs: Graphs, braid: AutogradGraph) -> None:
    """With the same nodes and edges, whatever their number."""
    for graph in (*graphs.values(), braid):
        found = nx.read_graphml(BytesIO(to_graphml(graph)), node_type=int, force_multigraph=True)
        assert found.number_of_nodes() == len(graph.nodes)
        assert found.number_of_edges() == len(graph.edges)
        for node in graph.nodes[:50]:
            assert found.nodes[node.id]["name"] == node.name
            assert found.nodes[node.id]["line"] == node.line


def test_mermaid_has_a_line_for_each_node_and_edge(graphs: Graphs) -> None:
    """Escaped, so that no name ends its label."""
    for graph in graphs.values():
        lines = to_mermaid(graph).splitlines()
        assert lines[0] == "flowchart TD"
        assert sum("-->" in line for line in lines) == len(drawing(graph).arrows)
        assert all(
            re.fullmatch(r'  \w+(\W+)"[^"]*"(\W+)|  \w+ -->(\|\d+\|)? \w+', line) for line in lines[1:]
        )
    assert "&lt;b&gt;&quot;" in to_mermaid(AutogradGraph(nodes=[GraphNode(name='<b>"')]))


def test_a_chain_is_drawn_as_one_node(chain: AutogradGraph) -> None:
    """Between the outputs, what joins two ways, and the leaf; nothing of it is left out."""
    assert len(chain.nodes) > 4_990
    drawn = drawing(chain)
    assert [shape.kind for shape in drawn.shapes].count("chain") == 1
    assert not [shape for shape in drawn.shapes if shape.kind == "rest"]
    assert len(drawn.shapes) < 10
    (text,) = [shape.lines[0] for shape in drawn.shapes if shape.kind == "chain"]
    assert int(text.replace(",", "").split()[-2]) > 4_900


@pytest.mark.usefixtures("graphviz")
def test_of_a_big_graph_the_rest_is_counted(braid: AutogradGraph) -> None:
    """And said to be left out; every arrow has both its ends."""
    assert len(braid.nodes) > 9_000
    drawn = drawing(braid, 100)
    keys = {shape.key for shape in drawn.shapes}
    (rest,) = [shape.lines[0] for shape in drawn.shapes if shape.kind == "rest"]

    assert len(keys) <= 102
    assert all({arrow.tail, arrow.head} <= keys for arrow in drawn.arrows)
    assert int(rest.replace(",", "").split()[0]) == len(braid.nodes) - 100
    assert "<svg" in to_svg(braid)


@pytest.mark.usefixtures("graphviz")
def test_of_a_dense_graph_five_hundred_edges_are_drawn(dense: AutogradGraph, braid: AutogradGraph) -> None:
    """As many as Mermaid takes; the others are counted."""
    assert len(dense.edges) > 5_000
    for graph in (dense, braid):
        drawn = drawing(graph)
        assert len(drawn.arrows) == 500
        (rest,) = [shape.lines for shape in drawn.shapes if shape.kind == "rest"]
        assert rest[-1].endswith("more edges")
        assert to_mermaid(graph).count("-->") == 500
        assert "<svg" in to_svg(graph)


def test_a_small_graph_is_drawn_whole(graphs: Graphs) -> None:
    """Chains and all."""
    for graph in graphs.values():
        assert [s.key for s in drawing(graph).shapes if s.kind in {"function", "leaf"}] == [
            f"n{node.id}" for node in graph.nodes
        ]


@pytest.mark.parametrize("suffix", sorted(FORMATS))
@pytest.mark.usefixtures("graphviz")
def test_the_same_graph_gives_the_same_file(graphs: Graphs, suffix: str) -> None:
    """Every time, in every form."""
    copy = AutogradGraph.FromString(graphs["layers"].SerializeToString())
    assert written(copy, suffix) == written(graphs["layers"], suffix)
    assert to_dot(copy) == to_dot(graphs["layers"])
