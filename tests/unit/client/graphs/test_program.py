"""Graphs of programs, and pairs of both graphs, in every form."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path

import jsonschema
import networkx as nx
import numpy as np
import pytest

from pullback.client import Evaluated, evaluation
from pullback.client.graphs import (
    FORMATS,
    from_json,
    pair,
    to_dot,
    to_graphml,
    to_json,
    to_mermaid,
    to_networkx,
    to_svg,
    written,
)
from pullback.client.graphs.shortening import drawing
from pullback.engine import Engine, configure_torch
from pullback.v1.program_graph_pb2 import GraphPair, ProgramGraph

SCHEMA = json.loads(Path(__file__).parents[4].joinpath("docs/program-graph.schema.json").read_text())
PROGRAM = "q, r = torch.linalg.qr(x)\nn = x.shape[0] + 1\ny = (q**2).sum() * 0.5 + r.mean(dim=0).sum() + n"


def evaluated(program: str, **inputs: np.ndarray) -> Evaluated:
    """Evaluates a program for both of its graphs."""
    configure_torch()
    asked = evaluation(program, inputs, return_graph=True, return_program_graph=True)
    return Evaluated(Engine().evaluate(asked), asked)


@pytest.fixture(scope="module")
def both() -> GraphPair:
    """Both graphs of a small program."""
    found = evaluated(PROGRAM, x=np.eye(3) + 0.1)
    assert found.program_graph is not None
    assert found.graph is not None
    return pair(found.program_graph, found.graph)


@pytest.fixture(scope="module")
def big() -> GraphPair:
    """Both graphs of a program of thousands of calls, few of them in chains."""
    found = evaluated("y = x\nfor _ in range(2200):\n    y = y*y.sin() + y\nz = y.sum()", x=np.ones(2))
    assert found.program_graph is not None
    assert found.graph is not None
    return pair(found.program_graph, found.graph)


def test_json_is_as_its_schema_says_and_reads_back(both: GraphPair, big: GraphPair) -> None:
    """To the last byte; the schema refuses what is not."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.check_schema(SCHEMA)
    for graph in (both.program, big.program):
        document = json.loads(to_json(graph))
        validator.validate(document)
        assert from_json(to_json(graph), ProgramGraph) == graph
    assert from_json(to_json(both), GraphPair) == both
    document["nodes"][0]["constant"] = "2"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document)


def test_the_schema_has_every_element_of_the_message() -> None:
    """Whatever a later version adds."""
    messages = ProgramGraph.DESCRIPTOR.file.message_types_by_name
    for name, definition in (
        ("node", "ProgramNode"), ("call", "ProgramCall"), ("value", "ProgramValue"), ("edge", "ProgramEdge"),
        ("output", "ProgramOutput"),
    ):  # fmt: skip
        assert set(SCHEMA["$defs"][name]["properties"]) == set(messages[definition].fields_by_name)
    assert set(SCHEMA["properties"]) == set(ProgramGraph.DESCRIPTOR.fields_by_name)


def test_constants_are_told_where_they_are_used(both: GraphPair) -> None:
    """In the titles of their calls, and not as nodes of their own."""
    shapes = {shape.lines[0]: shape for shape in drawing(both.program).shapes}
    assert {"x", "linalg.qr", "pow(·, 2)", "mean(·, dim=0)", "mul(·, 0.5)", "add", "y"} <= set(shapes)
    assert shapes["linalg.qr"].lines == (
        "linalg.qr", "q: float64[3, 3]", "r: float64[3, 3]", "line 1:8"
    )  # fmt: skip
    assert shapes["x"].kind == "input"
    assert "2" not in shapes


@pytest.mark.usefixtures("graphviz")
def test_a_pair_is_drawn_side_by_side(both: GraphPair) -> None:
    """Two clusters, and a dashed line from each call to each function that it made."""
    text = to_dot(both)
    ties = [line for line in text.splitlines() if "style=dashed" in line]
    assert len(ties) == sum(len(node.autograd_nodes) for node in both.program.nodes)
    assert text.count("subgraph cluster_") == 2
    root = ET.fromstring(to_svg(both))  # noqa: S314 - our own text, drawn by Graphviz
    titles = {each.text for each in root.iter("{http://www.w3.org/2000/svg}title")}
    assert {f"n{node.id}" for node in both.autograd.nodes} <= titles
    assert {f"p{node.id}" for node in both.program.nodes if not node.HasField("constant")} <= titles
    mermaid = to_mermaid(both)
    assert mermaid.count("-.-") == len(ties)
    assert mermaid.count("subgraph ") == 2


@pytest.mark.usefixtures("graphviz")
def test_of_a_big_pair_the_rest_is_counted(big: GraphPair) -> None:
    """Each of the two is bounded by itself; every line has both its ends."""
    assert len(big.program.nodes) > 6_000
    for graph in (big.program, big.autograd):
        drawn = drawing(graph, 100)
        keys = {shape.key for shape in drawn.shapes}
        assert len(keys) <= 102
        assert all({arrow.tail, arrow.head} <= keys for arrow in drawn.arrows)
        assert set(drawn.places.values()) <= keys
    assert "<svg" in to_svg(big, 100)


def test_networkx_and_graphml_have_what_the_message_has(both: GraphPair) -> None:
    """Alone and together."""
    program = to_networkx(both.program)
    assert sorted(program.nodes) == [node.id for node in both.program.nodes]
    assert program.number_of_edges() == len(both.program.edges)
    assert nx.is_directed_acyclic_graph(program)
    together = to_networkx(both)
    made = [(a, b) for a, b, data in together.edges(data=True) if data.get("kind") == "made"]
    assert len(made) == sum(len(node.autograd_nodes) for node in both.program.nodes)
    assert all(a.startswith("p") and b.startswith("a") for a, b in made)
    read = nx.read_graphml(BytesIO(to_graphml(both)), force_multigraph=True)
    assert set(read.nodes) == set(together.nodes)
    assert read.number_of_edges() == together.number_of_edges()


@pytest.mark.parametrize("suffix", sorted(FORMATS))
@pytest.mark.usefixtures("graphviz")
def test_equal_graphs_give_equal_files(both: GraphPair, suffix: str) -> None:
    """Every time, in every form."""
    copy = GraphPair.FromString(both.SerializeToString())
    assert written(copy, suffix) == written(both, suffix)
    assert written(copy.program, suffix) == written(both.program, suffix)


@pytest.mark.usefixtures("graphviz")
def test_a_notebook_shows_what_there_is() -> None:
    """Both graphs where both were asked for, and the program alone where it was."""
    found = evaluated(PROGRAM, x=np.eye(3) + 0.1)
    drawn = found._repr_svg_()
    assert drawn is not None
    assert "cluster_program" in drawn
    found.message.ClearField("graph")
    alone = Evaluated(found.message, None)._repr_svg_()
    assert alone is not None
    assert "linalg.qr" in alone
    assert "cluster" not in alone
