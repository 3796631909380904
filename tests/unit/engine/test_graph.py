"""The autograd graph as data."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from tests.fuzz.samples import all_samples

from pullback.contract.errors import LimitExceeded, PullbackError
from pullback.contract.limits import Limits
from pullback.engine.graph import read_graph
from pullback.v1 import tensor_pb2

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

    from pullback.v1 import graph_pb2


def _edges(graph: graph_pb2.AutogradGraph) -> list[tuple[int, int, int, int]]:
    return [(edge.from_node, edge.input_index, edge.to_node, edge.output_index) for edge in graph.edges]


def test_a_small_graph_is_spelled_out(lab: Lab) -> None:
    """Nodes, edges, leaves, shapes and saved tensors of y = a*b + a, to the last field."""
    x = torch.ones(2)
    graph = lab.run("y = (a*b + a).sum()", {"a": x, "b": x}, graph=True).graph
    assert graph.schema_version == 1
    assert [node.name for node in graph.nodes] == [
        "SumBackward0",
        "AddBackward0",
        "MulBackward0",
        "AccumulateGrad",
        "AccumulateGrad",
    ]
    assert [node.id for node in graph.nodes] == [0, 1, 2, 3, 4]
    assert [node.leaf.name for node in graph.nodes if node.HasField("leaf")] == ["a", "b"]
    assert [list(node.shape) for node in graph.nodes] == [[], [2], [2], [2], [2]]
    assert {node.dtype for node in graph.nodes} == {tensor_pb2.DATA_TYPE_FLOAT32}
    assert [saved.name for saved in graph.nodes[2].saved_tensors] == ["other", "self"]
    assert [list(saved.shape) for saved in graph.nodes[2].saved_tensors] == [[2], [2]]
    assert _edges(graph) == [(0, 0, 1, 0), (1, 0, 2, 0), (1, 1, 3, 0), (2, 0, 3, 0), (2, 1, 4, 0)]
    assert [(output.name, output.node) for output in graph.outputs] == [("y", 0)]


def test_an_operands_place_is_kept_where_another_needs_no_gradient(lab: Lab) -> None:
    """A constant has no edge, and the other operand's edge keeps its number."""
    graph = lab.run("y = (c*x).sum()", {"c": torch.ones(2), "x": torch.ones(2)}, wrt=["x"], graph=True).graph
    assert _edges(graph) == [(0, 0, 1, 0), (1, 1, 2, 0)]


def test_outputs_share_nodes_and_keep_their_order(lab: Lab) -> None:
    """The walk begins at the first output; what it has met has its number; what is not tracked has none."""
    graph = lab.run(
        "p, q = (2*x).chunk(2)\ny = q.sum()\nz = x.detach()\nw = (p*q).sum()",
        {"x": torch.ones(4)},
        outputs=["z", "q", "p", "x", "w"],
        graph=True,
    ).graph
    outputs = [(o.name, o.node if o.HasField("node") else None, o.output_index) for o in graph.outputs]
    assert outputs[:4] == [("z", None, 0), ("q", 0, 1), ("p", 0, 0), ("x", 2, 0)]
    assert [node.name for node in graph.nodes][:3] == ["SplitBackward0", "MulBackward0", "AccumulateGrad"]


def test_a_leaf_of_the_programs_own_has_the_name_it_was_first_bound_to(lab: Lab) -> None:
    """A leaf that was never named has an empty name."""
    program = (
        "w = torch.ones(2, requires_grad=True)\nv = w\ny = (v * torch.ones(2, requires_grad=True)).sum()"
    )
    graph = lab.run(program, graph=True).graph
    assert [node.leaf.name for node in graph.nodes if node.HasField("leaf")] == ["w", ""]


def test_the_same_evaluation_gives_the_same_graph(lab: Lab) -> None:
    """Byte for byte, on every run."""
    evaluation = lab.build(
        "a = x.sin()*x.cos()\nb = torch.stack([a, a*x, x]).logsumexp(0)\ny = (b @ b) + a.max()",
        {"x": torch.linspace(0, 1, 5)},
        graph=True,
    )
    graphs = {lab.engine.evaluate(evaluation).graph.SerializeToString(deterministic=True) for _ in range(5)}
    assert len(graphs) == 1


def test_a_graph_is_described_after_the_programs_own_backward_too(lab: Lab) -> None:
    """Nodes and edges are still there; the saved tensors that the pass freed are not listed."""
    graph = lab.run("y = (x**2).sum()\ny.backward()", {"x": torch.ones(2)}, graph=True).graph
    assert [node.name for node in graph.nodes] == ["SumBackward0", "PowBackward0", "AccumulateGrad"]
    assert not graph.nodes[1].saved_tensors


def test_saved_lists_are_numbered(lab: Lab) -> None:
    """Tensors that a function saves as a list are told apart by their index."""
    graph = lab.run("y = x[torch.tensor([0, 1])].sum()", {"x": torch.ones(3)}, graph=True).graph
    assert [saved.name for saved in graph.nodes[1].saved_tensors] == ["indices[0]"]


def test_a_chain_longer_than_pythons_stack_is_walked() -> None:
    """Twenty thousand nodes in a row need no recursion."""
    x = torch.ones((), requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1
    graph = read_graph({"y": y}, {id(x): "x"}, Limits(graph_nodes=30_000)).message
    assert len(graph.nodes) == 20_001
    assert graph.nodes[-1].leaf.name == "x"


def test_a_graph_with_too_many_nodes_is_refused(lab: Lab) -> None:
    """The error says the limit and what would pass it; a graph of exactly the limit is returned."""
    evaluation = lab.build("y = x + 1 + 1 + 1", {"x": torch.tensor(1.0)}, graph=True)
    assert len(lab.limited(Limits(graph_nodes=4)).engine.evaluate(evaluation).graph.nodes) == 4
    error = lab.limited(Limits(graph_nodes=3)).refusal(evaluation)
    assert isinstance(error, LimitExceeded)
    assert error.metadata == {"limit": "3", "limit_name": "PULLBACK_LIMITS_GRAPH_NODES", "estimate": "4"}


@pytest.mark.parametrize("value_only", [True, False])
def test_the_graph_comes_with_or_without_a_derivative(lab: Lab, value_only: bool) -> None:
    """Values only still show what the program tracks itself."""
    result = lab.run("w = torch.ones((), requires_grad=True)\ny = 2*w", value_only=value_only, graph=True)
    assert [node.name for node in result.graph.nodes] == ["MulBackward0", "AccumulateGrad"]
    assert bool(result.gradients) is not value_only


def test_a_node_says_where_in_the_program_it_comes_from(lab: Lab) -> None:
    """Line and column of the call that made it, also where the call made it on its way; a leaf has none."""
    program = (
        "a = x.sin()\nb = (a *\n     x)\ny = torch.nn.functional.layer_norm(b, [3]).sum() + torch.std(b)"
    )
    graph = lab.run(program, {"x": torch.ones(3)}, graph=True).graph
    places = {node.name: (node.line, node.column) for node in graph.nodes}

    assert places["SinBackward0"] == (1, 5)
    assert places["MulBackward0"] == (2, 6)
    assert places["NativeLayerNormBackward0"] == (4, 5)
    assert places["StdBackward0"][0] == 4
    assert all((node.line > 0) == (node.name != "AccumulateGrad") for node in graph.nodes)


def test_nodes_of_the_programs_own_derivative_are_at_its_call(lab: Lab) -> None:
    """The gradient's own graph, where one is made: it no longer leads through what was differentiated."""
    program = "z = (x**3).sum()\n(g,) = torch.autograd.grad(z, x, create_graph=True)\ny = (g*g).sum()"
    graph = lab.run(program, {"x": torch.ones(2)}, graph=True).graph

    assert {node.line for node in graph.nodes if not node.HasField("leaf")} == {2, 3}


def test_every_operation_of_the_table_has_its_place(lab: Lab) -> None:
    """No node of any sample is without one."""
    missing = []
    for sample in all_samples():
        evaluation = lab.build(sample.program, sample.inputs, outputs=["y"], cotangents={}, graph=True)
        evaluation.value_only.SetInParent()
        outcome = lab.engine.evaluate_many([evaluation])[0]
        if not isinstance(outcome, PullbackError):
            missing += [
                (sample.program, node.name)
                for node in outcome.graph.nodes
                if not node.line and not node.HasField("leaf")
            ]
    assert missing == []


def test_a_graph_is_the_same_in_a_hundred_runs_and_in_other_processes(lab: Lab) -> None:
    """Byte for byte, also where other evaluations run in between and hashes are seeded otherwise."""
    program = "a = x.sin()*x.cos()\nb = torch.stack([a, a*x, x]).logsumexp(0)\ny = (b @ b) + a.max()"
    evaluation = lab.build(program, {"x": torch.linspace(0, 1, 5)}, graph=True)
    other = lab.build("y = (x @ x).sum()", {"x": torch.ones(3, 3)}, graph=True)
    graphs = set()
    for _ in range(100):
        found, _ = lab.engine.evaluate_many([evaluation, other])
        assert not isinstance(found, PullbackError)
        graphs.add(found.graph.SerializeToString(deterministic=True))
    for seed in ("1", "2"):
        graphs.add(_in_a_process(evaluation.SerializeToString(), seed))
    assert len(graphs) == 1


_RUN = """
import sys
from pullback.engine import Engine, configure_torch
from pullback.v1.evaluation_pb2 import Evaluation
configure_torch()
found = Engine().evaluate(Evaluation.FromString(sys.stdin.buffer.read()))
sys.stdout.buffer.write(found.graph.SerializeToString(deterministic=True))
"""


def _in_a_process(evaluation: bytes, hash_seed: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        input=evaluation,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    return done.stdout
