"""Graphs in DOT, and as Graphviz draws them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pullback.client.graphs import to_dot, to_svg
from pullback.v1.graph_pb2 import AutogradGraph, GraphEdge, GraphLeaf, GraphNode, GraphOutput
from pullback.v1.tensor_pb2 import DATA_TYPE_FLOAT32

if TYPE_CHECKING:
    from tests.unit.client.graphs.conftest import Graphs

SMALL = AutogradGraph(
    nodes=[
        GraphNode(id=0, name="MulBackward0", shape=[2, 3], dtype=DATA_TYPE_FLOAT32, line=3, column=5),
        GraphNode(id=1, name="AccumulateGrad", leaf=GraphLeaf(name="x"), dtype=DATA_TYPE_FLOAT32),
    ],
    edges=[GraphEdge(from_node=0, input_index=1, to_node=1)],
    outputs=[GraphOutput(name="y", node=0), GraphOutput(name="c")],
)


def test_a_graph_is_drawn_from_outputs_to_leaves() -> None:
    """Each node says its function, what it made and where; an edge which input it is of."""
    lines = to_dot(SMALL).splitlines()
    assert any(line.startswith("  out0 [shape=plaintext") and 'label="y"' in line for line in lines)
    assert any(
        line.startswith("  n0 [") and r'label="MulBackward0\nfloat32[2, 3]\nline 3:5"' in line
        for line in lines
    )
    assert any(line.startswith("  n1 [") and r'label="AccumulateGrad x\nfloat32[]"' in line for line in lines)
    assert "  out0 -> n0;" in lines
    assert '  n0 -> n1 [label="1"];' in lines
    assert not any("out1 ->" in line for line in lines)


def test_a_name_cannot_break_out_of_its_label() -> None:
    """Quotes and backslashes are escaped, whatever the service sends."""
    graph = AutogradGraph(nodes=[GraphNode(name='a"];\\\n')])
    assert 'label="a\\"];\\\\ "' in to_dot(graph)


@pytest.mark.usefixtures("graphviz")
def test_an_empty_graph_is_drawn() -> None:
    """A program without gradients has a graph without nodes."""
    assert "->" not in to_dot(AutogradGraph())
    assert "<svg" in to_svg(AutogradGraph())


@pytest.mark.usefixtures("graphviz")
def test_graphviz_draws_every_graph(graphs: Graphs) -> None:
    """As SVG that an XML parser reads, with a title for each node and no script."""
    for name, graph in graphs.items():
        root = ET.fromstring(to_svg(graph))  # noqa: S314 - our own text, drawn by Graphviz
        titles = {each.text for each in root.iter("{http://www.w3.org/2000/svg}title")}
        assert {f"n{node.id}" for node in graph.nodes} <= titles, name
        assert not [*root.iter("{http://www.w3.org/2000/svg}script")], name


@pytest.mark.usefixtures("graphviz")
def test_markup_in_a_name_stays_text() -> None:
    """In a picture that a notebook puts into its page."""
    svg = to_svg(AutogradGraph(nodes=[GraphNode(name="<script>alert(1)</script>&")]))
    assert "<script" not in svg


def test_without_graphviz_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is no Python package."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match="install Graphviz"):
        to_svg(SMALL)
