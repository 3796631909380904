"""The graph of a program's calls: what was made of what, and how it is tied to the autograd graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.conformance import oracle
from tests.conformance.entries import Entry, read
from tests.conformance.entries import evaluation as entry_evaluation
from tests.unit.engine.conftest import Lab

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import Limits
from pullback.contract.tensors import BY_CODE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from pullback.v1 import evaluation_pb2
    from pullback.v1.program_graph_pb2 import ProgramGraph, ProgramNode

BENIGN = read(Path(__file__).parents[2] / "vectors" / "programs" / "benign.jsonl")

EVERYTHING = """
def f(a, k=2):
    return a**k + 1
h = f(x) * w
q, r = torch.linalg.qr(torch.stack([h, h*h]))
n = h.shape[0]
s = r.sum() if n > 2 else q.sum()
leaf = torch.ones(2, requires_grad=True)
with torch.no_grad():
    c = w.sum()
for i in range(2):
    s = s + leaf.sum() * c
y = s.mean(dim=0)
"""

PROGRAMS: list[tuple[str, Mapping[str, ArrayLike]]] = [
    (EVERYTHING, {"x": [1.0, 2.0], "w": [3.0, 4.0]}),
    ("y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1", {"x": 2.0}),
    ("a, b = x\ny = a*b", {"x": [1.0, 2.0]}),
    ("parts = x.split(1)\ny = torch.cat([parts[1], parts[0]]).sum()", {"x": [1.0, 2.0]}),
    ("g, = torch.autograd.grad((x**3).sum(), x, create_graph=True)\ny = (g*g).sum()", {"x": [1.0, 2.0]}),
    ("y = (x[0:2] * x[..., 1:]).sum()\ny.backward()", {"x": [1.0, 2.0, 3.0]}),
    ("v, i = x.max(dim=0)\nprint(f'{v} at {i}')\ny = v * 2 if v.item() > 0 else v", {"x": [1.0, 2.0]}),
]


def asked(lab: Lab, program: str, inputs: Mapping[str, ArrayLike]) -> evaluation_pb2.Evaluation:
    """Asks for both graphs."""
    given = {name: np.asarray(value, "f8") for name, value in inputs.items()}
    evaluation = lab.build(program, given, graph=True)
    evaluation.return_program_graph = True
    return evaluation


def told(graph: ProgramGraph, node: ProgramNode) -> tuple[object, ...]:
    """Gives a node as a line: what it is, names, values, where its operands come from."""
    what = node.input or node.constant or f"{node.call.op} {node.call.line}"
    names = [value.name for value in node.values]
    values = [
        f"{BY_CODE[value.tensor.dtype].name}{[*value.tensor.shape]}"
        if value.HasField("tensor")
        else value.text
        for value in node.values
    ]
    operands = [
        (
            edge.from_node,
            edge.value_index,
            edge.operand_index if edge.HasField("operand_index") else edge.operand_name,
        )
        for edge in graph.edges
        if edge.to_node == node.id
    ]
    return what, names, values, operands


def test_each_call_tells_what_it_took_and_gave(lab: Lab) -> None:
    """Loops unrolled, a function written out, a choice taken, a tuple by its items, and what is not tracked."""
    graph = lab.engine.evaluate(asked(lab, *PROGRAMS[0])).program_graph
    plain, pair = "float64[2]", "float64[2, 2]"
    assert [told(graph, node) for node in graph.nodes] == [
        ("x", ["x"], [plain], []),
        ("w", ["w"], [plain], []),
        ("2", [""], ["2"], []),
        ("operator.pow 3", [""], [plain], [(0, 0, 0), (2, 0, 1)]),
        ("1", [""], ["1"], []),
        ("operator.add 3", [""], [plain], [(3, 0, 0), (4, 0, 1)]),
        ("operator.mul 4", ["h"], [plain], [(5, 0, 0), (1, 0, 1)]),
        ("operator.mul 5", [""], [plain], [(6, 0, 0), (6, 0, 1)]),
        ("torch.stack 5", [""], [pair], [(6, 0, 0), (7, 0, 0)]),
        ("torch.linalg.qr 5", ["q", "r"], [pair, pair], [(8, 0, 0)]),
        ("Tensor.shape 6", [""], ["2"], [(6, 0, 0)]),
        ("0", [""], ["0"], []),
        ("operator.getitem 6", ["n"], ["2"], [(10, 0, 0), (11, 0, 1)]),
        ("operator.gt 7", [""], ["False"], [(12, 0, 0), (2, 0, 1)]),
        ("Tensor.sum 7", ["s"], ["float64[]"], [(9, 0, 0)]),
        ("True", [""], ["True"], []),
        ("torch.ones 8", ["leaf"], ["float32[2]"], [(2, 0, 0), (15, 0, "requires_grad")]),
        ("Tensor.sum 10", ["c"], ["float64[]"], [(1, 0, 0)]),
        ("Tensor.sum 12", [""], ["float32[]"], [(16, 0, 0)]),
        ("operator.mul 12", [""], ["float64[]"], [(18, 0, 0), (17, 0, 1)]),
        ("operator.add 12", ["s"], ["float64[]"], [(14, 0, 0), (19, 0, 1)]),
        ("Tensor.sum 12", [""], ["float32[]"], [(16, 0, 0)]),
        ("operator.mul 12", [""], ["float64[]"], [(21, 0, 0), (17, 0, 1)]),
        ("operator.add 12", ["s"], ["float64[]"], [(20, 0, 0), (22, 0, 1)]),
        ("Tensor.mean 13", ["y"], ["float64[]"], [(23, 0, 0), (11, 0, "dim")]),
    ]
    assert [(each.name, each.node, each.value_index) for each in graph.outputs] == [("y", 24, 0)]


@pytest.mark.parametrize(("program", "inputs"), PROGRAMS)
def test_both_graphs_tell_of_each_other(lab: Lab, program: str, inputs: Mapping[str, ArrayLike]) -> None:
    """Each function's call is on its line and tells of it; a leaf's is its input, or what made it."""
    result = lab.engine.evaluate(asked(lab, program, inputs))
    calls, functions = result.program_graph.nodes, result.graph.nodes
    assert functions
    for function in functions:
        assert function.HasField("program_node")
        node = calls[function.program_node]
        assert function.id in node.autograd_nodes
        if function.HasField("leaf"):
            assert function.leaf.name in {node.input, *(value.name for value in node.values)}
        else:
            assert (function.line, function.column) == (node.call.line, node.call.column)
    assert sum(len(node.autograd_nodes) for node in calls) == len(functions)


@pytest.mark.parametrize(("program", "inputs"), PROGRAMS)
def test_values_flow_forward_and_bytes_are_equal(
    lab: Lab, program: str, inputs: Mapping[str, ArrayLike]
) -> None:
    """Every operand was there before its call, whatever the run; the program itself does what it did."""
    evaluation = asked(lab, program, inputs)
    result = lab.engine.evaluate(evaluation)
    graph = result.program_graph
    assert [node.id for node in graph.nodes] == [*range(len(graph.nodes))]
    assert all(edge.from_node < edge.to_node for edge in graph.edges)
    assert all(edge.value_index < len(graph.nodes[edge.from_node].values) for edge in graph.edges)
    assert [edge.to_node for edge in graph.edges] == sorted(edge.to_node for edge in graph.edges)
    expected = result.SerializeToString(deterministic=True)
    for engine in (lab.engine, Lab().engine):
        assert engine.evaluate(evaluation).SerializeToString(deterministic=True) == expected
    evaluation.return_program_graph = False
    plain = lab.engine.evaluate(evaluation)
    assert ({**plain.values}, {**plain.gradients}, plain.printed) == (
        {**result.values},
        {**result.gradients},
        result.printed,
    )


@pytest.mark.parametrize("entry", BENIGN[::5], ids=lambda entry: entry.id)
def test_what_people_write_is_told_too(lab: Lab, entry: Entry) -> None:
    """Every function of its autograd graph has a call, and the rest of the result is what it was."""
    evaluation = entry_evaluation(entry, oracle.expected(entry).value)
    evaluation.return_graph = True
    expected = lab.engine.evaluate(evaluation)
    evaluation.return_program_graph = True
    result = lab.engine.evaluate(evaluation)
    assert all(edge.from_node < edge.to_node for edge in result.program_graph.edges)
    for node in result.graph.nodes:
        assert node.HasField("program_node")
        node.ClearField("program_node")
    result.ClearField("program_graph")
    assert result.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)


def test_without_the_autograd_graph_nothing_is_tied(lab: Lab) -> None:
    """And values alone have their calls, too."""
    evaluation = asked(lab, "y = x*x", {"x": 2.0})
    evaluation.return_graph = False
    evaluation.value_only.SetInParent()
    result = lab.engine.evaluate(evaluation)
    assert [node.input or node.call.op for node in result.program_graph.nodes] == ["x", "operator.mul"]
    assert not any(node.autograd_nodes for node in result.program_graph.nodes)
    assert not result.HasField("graph")


def test_a_tangents_program_is_told_too(lab: Lab) -> None:
    """Forward mode runs a program more than once; its graph is of one run."""
    evaluation = lab.ask("jvp", "y = x.sin()", {"x": [1.0]}, tangents={"x": [1.0]})
    evaluation.return_program_graph = True
    result = lab.engine.evaluate(evaluation)
    assert [node.input or node.call.op for node in result.program_graph.nodes] == ["x", "Tensor.sin"]
    np.testing.assert_allclose(lab.value(result, "y"), np.sin([1.0]))


def test_an_output_may_be_an_input_a_number_or_an_item(lab: Lab) -> None:
    """Each has the node that it comes from, and a bare expression has one, too."""
    evaluation = asked(lab, "n = 3\nq, r = torch.linalg.qr(x)\ny = r.sum()", {"x": np.eye(2)})
    evaluation.outputs.extend(["x", "n", "r", "y"])
    graph = lab.engine.evaluate(evaluation).program_graph
    found = {each.name: (graph.nodes[each.node], each.value_index) for each in graph.outputs}
    assert found["x"][0].input == "x"
    assert found["n"][0].constant == "3"
    assert (found["r"][0].call.op, found["r"][1]) == ("torch.linalg.qr", 1)
    assert found["y"][0].call.op == "Tensor.sum"
    bare = lab.engine.evaluate(asked(lab, "x.sum()", {"x": [1.0]})).program_graph
    assert [each.name for each in bare.outputs] == ["result"]


def test_what_cannot_be_told_is_refused(lab: Lab) -> None:
    """More nodes than are allowed, and rows of a batch."""
    evaluation = asked(lab, "y = x\nfor _ in range(50):\n    y = y.sin()", {"x": 2.0})
    evaluation.return_graph = False
    with pytest.raises(LimitExceeded) as caught:
        lab.limited(Limits(graph_nodes=50)).engine.evaluate(evaluation)
    assert caught.value.field == "return_program_graph"
    evaluation = asked(lab, "y = x", {"x": [2.0]})
    evaluation.return_graph = False
    evaluation.batched_inputs.append("x")
    with pytest.raises(InvalidArgument) as refused:
        lab.engine.evaluate(evaluation)
    assert refused.value.field == "return_program_graph"
