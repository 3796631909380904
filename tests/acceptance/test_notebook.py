"""The course notebook, row by row, by the running processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pullback.client import Client, ProgramError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.system import System

    from pullback.client import Evaluated

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

FIRST_CELLS = """
import torch
x = torch.tensor(2.0, requires_grad=True)
y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1

print(y)
y.backward()
print(x.grad)
"""

SECOND_CELLS = """
x = torch.tensor([[1.,2,3],[3,2,1]], requires_grad=True)
print(x)
y = 3*x + 2
print(y)
z = 2*y**2
print(z)
out = z.mean()
print(out)
out.backward()
print(x.grad)
"""

FIRST_PRINTED = """\
tensor(63., grad_fn=<AddBackward0>)
tensor(93.)
"""

SECOND_PRINTED = """\
tensor([[1., 2., 3.],
        [3., 2., 1.]], requires_grad=True)
tensor([[ 5.,  8., 11.],
        [11.,  8.,  5.]], grad_fn=<AddBackward0>)
tensor([[ 50., 128., 242.],
        [242., 128.,  50.]], grad_fn=<MulBackward0>)
tensor(140., grad_fn=<MeanBackward0>)
tensor([[10., 16., 22.],
        [22., 16., 10.]])
"""

MATRIX = [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]
MATRIX_GRADIENT = [[10.0, 16.0, 22.0], [22.0, 16.0, 10.0]]


@pytest.fixture
def client(system: System) -> Iterator[Client]:
    """A client of the running system."""
    with Client(system.address) as client:
        yield client


def output_names(evaluated: Evaluated) -> dict[str, str]:
    """The name of the function that made each output."""
    graph = evaluated.graph
    assert graph is not None
    return {output.name: graph.nodes[output.node].name for output in graph.outputs}


def test_one_step(client: Client) -> None:
    """Row 1: the quartic at 2 is 63, its slope 93, and an addition made it."""
    evaluated = client.evaluate(QUARTIC, x=2.0, return_graph=True)
    assert evaluated.value == 63.0
    assert evaluated.gradients["x"] == 93.0
    assert output_names(evaluated) == {"y": "AddBackward0"}


def test_several_steps(client: Client) -> None:
    """Row 2: y, z and their mean, each with its function, and the gradient with respect to the matrix."""
    evaluated = client.evaluate(
        "y = 3*x + 2\nz = 2*y**2\nout = z.mean()", x=MATRIX, outputs=["y", "z", "out"], return_graph=True
    )
    np.testing.assert_array_equal(evaluated.values["y"], [[5, 8, 11], [11, 8, 5]])
    np.testing.assert_array_equal(evaluated.values["z"], [[50, 128, 242], [242, 128, 50]])
    assert evaluated.values["out"] == 140.0
    assert output_names(evaluated) == {"y": "AddBackward0", "z": "MulBackward0", "out": "MeanBackward0"}
    np.testing.assert_array_equal(evaluated.gradients["x"], MATRIX_GRADIENT)


@pytest.mark.parametrize(
    ("cells", "printed", "gradient"),
    [(FIRST_CELLS, FIRST_PRINTED, 93.0), (SECOND_CELLS, SECOND_PRINTED, MATRIX_GRADIENT)],
)
def test_cells_as_they_stand(client: Client, cells: str, printed: str, gradient: object) -> None:
    """Row 3: the notebook's cells print the notebook's text, and give the leaf's gradient."""
    evaluated = client.evaluate(cells)
    assert evaluated.printed == printed
    np.testing.assert_array_equal(evaluated.gradients["x"], gradient)


@pytest.mark.parametrize(
    "differentiate",
    [
        "torch.autograd.backward(y.sum())",
        "torch.autograd.backward([y], grad_tensors=[torch.ones(3)])",
        "torch.autograd.backward(y, torch.ones(3))",
        "y.backward(torch.ones(3))",
    ],
)
def test_backward_with_and_without_seeds(client: Client, differentiate: str) -> None:
    """Row 4: every form of backward accumulates 2x into the leaf."""
    evaluated = client.evaluate(f"y = x**2\n{differentiate}", x=[1.0, 2.0, 3.0])
    np.testing.assert_array_equal(evaluated.gradients["x"], [2.0, 4.0, 6.0])


@pytest.mark.parametrize(
    "differentiate",
    [
        "g = torch.autograd.grad(y.sum(), x)[0]",
        "(g,) = torch.autograd.grad(y, x, grad_outputs=torch.ones(3))",
        "g, = torch.autograd.grad([y], [x], [torch.ones(3)])",
    ],
)
def test_grad_with_and_without_seeds(client: Client, differentiate: str) -> None:
    """Row 4: every form of torch.autograd.grad gives 2x, and accumulates nothing."""
    evaluated = client.evaluate(f"y = x**2\n{differentiate}\nprint(x.grad)", x=[1.0, 2.0, 3.0])
    np.testing.assert_array_equal(evaluated.value, [2.0, 4.0, 6.0])
    assert evaluated.printed == "None\n"


def test_gradients_accumulate(client: Client) -> None:
    """Row 5: two backward calls with a retained graph add up."""
    cells = "y = x**2\ny.backward(retain_graph=True)\nprint(x.grad)\ny.backward()\nprint(x.grad)"
    evaluated = client.evaluate(cells, x=3.0)
    assert evaluated.printed == "tensor(6.)\ntensor(12.)\n"
    assert evaluated.gradients["x"] == 12.0


def test_a_second_backward_needs_a_retained_graph(client: Client) -> None:
    """Row 5: without it the error names the statement and the remedy."""
    with pytest.raises(ProgramError, match="retain_graph=True") as caught:
        client.evaluate("y = x**2\ny.backward()\ny.backward()", x=3.0)
    assert caught.value.metadata["line"] == "3"


def test_what_is_not_tracked_says_so(client: Client) -> None:
    """Row 6: requires_grad_(False), no_grad and detach each end the tracking, and the program can see it."""
    cells = """
a = torch.tensor(2.0, requires_grad=True)
a.requires_grad_(False)
print((a**2).requires_grad)
b = torch.tensor(2.0, requires_grad=True)
with torch.no_grad():
    c = b**2
print(c.requires_grad)
d = (b**2).detach()
print(d.requires_grad)
e = b**2
print(e.requires_grad)
"""
    evaluated = client.evaluate(cells, value_only=True)
    assert evaluated.printed == "False\nFalse\nFalse\nTrue\n"


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("x.requires_grad_(False)\ny = x**2 + w", "tracked"),
        ("y = x.detach()**2 + w", "depend"),
        ("with torch.no_grad():\n    z = x**2\ny = z + w", "depend"),
    ],
)
def test_an_absent_gradient_has_a_reason(client: Client, program: str, why: str) -> None:
    """Row 6: an input that no gradient reaches is named with the reason, and the others have theirs."""
    evaluated = client.evaluate(program, x=3.0, w=1.0)
    assert evaluated.gradients["w"] == 1.0
    assert "x" not in evaluated.gradients
    assert why in evaluated.absent_gradients["x"]


def test_the_graph_as_data(client: Client) -> None:
    """Row 7: functions and the tensors between them, with leaves that have no function of their own."""
    evaluated = client.evaluate("y = 3*x + 2\nout = (y * w).sum()", x=MATRIX, w=2.0, return_graph=True)
    graph = evaluated.graph
    assert graph is not None
    names = [node.name for node in graph.nodes]
    assert names == ["SumBackward0", "MulBackward0", "AddBackward0", "MulBackward0", *["AccumulateGrad"] * 2]
    leaves = {node.leaf.name: list(node.leaf.shape) for node in graph.nodes if node.HasField("leaf")}
    assert leaves == {"x": [2, 3], "w": []}
    edges = [(edge.from_node, edge.input_index, edge.to_node) for edge in graph.edges]
    assert edges == [(0, 0, 1), (1, 0, 2), (1, 1, 5), (2, 0, 3), (3, 0, 4)]


def test_the_same_evaluation_gives_the_same_bytes(client: Client) -> None:
    """Value, gradients, graph and printed text are equal, bit for bit, on a second run."""

    def run() -> tuple[object, ...]:
        evaluated = client.evaluate("y = (x.sin() * x).sum()\nprint(y)", x=[0.1, 0.2, 0.3], return_graph=True)
        assert evaluated.graph is not None
        graph = evaluated.graph.SerializeToString(deterministic=True)
        return evaluated.value.tobytes(), evaluated.gradients["x"].tobytes(), graph, evaluated.printed

    assert run() == run()
