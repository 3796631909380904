from __future__ import annotations

from pullback.cli.dot import to_dot
from pullback.v1.graph_pb2 import AutogradGraph, GraphEdge, GraphLeaf, GraphNode, GraphOutput
from pullback.v1.tensor_pb2 import DATA_TYPE_FLOAT32


def test_a_graph_is_drawn_from_outputs_to_leaves() -> None:
    """Outputs are text, functions ellipses, leaves boxes, and edges carry their input index."""
    graph = AutogradGraph(
        nodes=[
            GraphNode(id=0, name="MulBackward0", shape=[2, 3], dtype=DATA_TYPE_FLOAT32),
            GraphNode(id=1, name="AccumulateGrad", leaf=GraphLeaf(name="x"), dtype=DATA_TYPE_FLOAT32),
        ],
        edges=[GraphEdge(from_node=0, input_index=1, to_node=1)],
        outputs=[GraphOutput(name="y", node=0), GraphOutput(name="c")],
    )
    assert to_dot(graph).splitlines() == [
        "digraph autograd {",
        '  out0 [shape=plaintext, label="y"];',
        "  out0 -> n0;",
        '  out1 [shape=plaintext, label="c"];',
        '  n0 [shape=ellipse, label="MulBackward0\\nfloat32[2, 3]"];',
        '  n1 [shape=box, label="AccumulateGrad x\\nfloat32[]"];',
        '  n0 -> n1 [label="1"];',
        "}",
    ]


def test_a_name_cannot_break_out_of_its_label() -> None:
    """Quotes and backslashes are escaped, whatever the service sends."""
    graph = AutogradGraph(nodes=[GraphNode(name='a"];\\')])
    assert '  n0 [shape=ellipse, label="a\\"];\\\\"];' in to_dot(graph).splitlines()


def test_an_empty_graph_is_drawn() -> None:
    """A program without gradients has a graph without nodes."""
    assert to_dot(AutogradGraph()) == "digraph autograd {\n}\n"
