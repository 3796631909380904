"""The cells of a first lesson on autograd, with the figures and the text that torch prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"
STEPS = "y = 3*x + 2\nz = 2*y**2\nout = z.mean()"
MATRIX = torch.tensor([[1.0, 2, 3], [3, 2, 1]])
MATRIX_GRADIENT = torch.tensor([[10.0, 16, 22], [22, 16, 10]])


def test_the_quartic_has_value_63_and_slope_93_at_2(lab: Lab) -> None:
    """Value and gradient of one polynomial come back from one evaluation."""
    result = lab.run(QUARTIC, {"x": torch.tensor(2.0)})
    assert lab.value(result, "y").item() == 63
    assert lab.gradient(result, "x").item() == 93
    assert lab.gradient(result, "x").dtype is torch.float32


def test_the_quartic_ends_in_an_addition(lab: Lab) -> None:
    """The graph begins at the function that made the output."""
    result = lab.run(QUARTIC, {"x": torch.tensor(2.0)}, graph=True)
    assert result.graph.nodes[0].name == "AddBackward0"


def test_several_steps_have_the_lessons_matrix_for_a_gradient(lab: Lab) -> None:
    """A gradient flows through two layers and a mean."""
    result = lab.run(STEPS, {"x": MATRIX}, graph=True)
    assert lab.value(result, "out").item() == 140
    torch.testing.assert_close(lab.gradient(result, "x"), MATRIX_GRADIENT)
    assert result.graph.nodes[0].name == "MeanBackward0"


def test_a_whole_cell_prints_what_the_notebook_shows(lab: Lab) -> None:
    """A cell that makes its own leaf, calls backward and prints needs no inputs and no options."""
    result = lab.run(f"""import torch
x = torch.tensor(2.0, requires_grad=True)
{QUARTIC}
print(y)
y.backward()
print(x.grad)
""")
    assert result.printed == "tensor(63., grad_fn=<AddBackward0>)\ntensor(93.)\n"
    assert lab.value(result, "y").item() == 63
    assert lab.gradient(result, "x").item() == 93


def test_the_second_cell_prints_its_matrices(lab: Lab) -> None:
    """Matrices print over several lines, as torch prints them."""
    result = lab.run(f"""x = torch.tensor([[1.,2,3],[3,2,1]], requires_grad=True)
print(x)
{STEPS}
print(z)
print(out)
out.backward()
print(x.grad)
""")
    assert result.printed == (
        "tensor([[1., 2., 3.],\n        [3., 2., 1.]], requires_grad=True)\n"
        "tensor([[ 50., 128., 242.],\n        [242., 128.,  50.]], grad_fn=<MulBackward0>)\n"
        "tensor(140., grad_fn=<MeanBackward0>)\n"
        "tensor([[10., 16., 22.],\n        [22., 16., 10.]])\n"
    )
    torch.testing.assert_close(lab.gradient(result, "x"), MATRIX_GRADIENT)
