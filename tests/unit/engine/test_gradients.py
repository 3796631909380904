"""Gradients against closed forms, finite differences, and torch run by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pullback.engine.wire import TORCH_DTYPES

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

# Step of the central differences: the cube root of float64's resolution, where their error is least.
STEP = 6e-6

SMOOTH = [
    ("out = (x.sin() * torch.exp(-x) + x.tanh()).sum()", (4,)),
    ("out = torch.linalg.solve(x @ x.T + torch.eye(3, dtype=x.dtype), x[:, 0]).sum()", (3, 3)),
    ("out = torch.logsumexp(x, dim=0).prod()", (3, 2)),
    (
        "L = torch.linalg.cholesky(x @ x.T + 2*torch.eye(3, dtype=x.dtype))\nout = L.diagonal().log().sum()",
        (3, 3),
    ),
    ("a, b = x.chunk(2)\nout = (a * b).sum() / (1 + b**2).sum()", (6,)),
    ("out = F.softplus(x).mean() + F.layer_norm(x, (4,)).pow(3).sum()", (2, 4)),
    ("out = torch.einsum('ij,jk->ik', x, x.T).trace() + torch.cumsum(x, 0)[-1, 0]", (2, 3)),
]


@pytest.mark.parametrize(("program", "shape"), SMOOTH)
def test_gradients_agree_with_central_differences(lab: Lab, program: str, shape: tuple[int, ...]) -> None:
    """Each partial derivative is the slope of the value itself, measured at two points beside it."""
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    gradient = lab.gradient(lab.run(program, {"x": x}), "x").flatten()
    for index in range(x.numel()):
        ends = []
        for sign in (1, -1):
            moved = x.clone()
            moved.view(-1)[index] += sign * STEP
            ends.append(lab.value(lab.run(program, {"x": moved}, value_only=True), "out"))
        slope = (ends[0] - ends[1]) / (2 * STEP)
        torch.testing.assert_close(gradient[index], slope, rtol=1e-6, atol=1e-8)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_a_products_gradient_is_the_other_factor(lab: Lab, a: float, b: float) -> None:
    """d(ab)/da = b and d(ab)/db = a, to the bit."""
    result = lab.run("y = a*b", {"a": a, "b": b})
    assert lab.gradient(result, "a").item() == b
    assert lab.gradient(result, "b").item() == a


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"])
def test_a_gradient_has_its_leafs_data_type_and_shape(lab: Lab, name: str) -> None:
    """A leaf that is converted on the way still gets a gradient of its own type."""
    x = torch.ones(2, 3, dtype=TORCH_DTYPES[name])
    gradient = lab.gradient(lab.run("y = x.abs().to(torch.float64).sum()", {"x": x}), "x")
    assert (gradient.dtype, gradient.shape) == (x.dtype, x.shape)


def test_complex_gradients_follow_torchs_convention(lab: Lab) -> None:
    """The gradient of |z|^2 is 2z: the conjugate Wirtinger derivative, along which a descent would step."""
    z = torch.tensor([3 + 4j, -1j], dtype=torch.complex128)
    result = lab.run("y = (z * z.conj()).real.sum()", {"z": z})
    torch.testing.assert_close(lab.gradient(result, "z"), 2 * z)


def test_a_cotangent_selects_a_combination_of_outputs(lab: Lab) -> None:
    """With cotangents v, the gradient is v transposed times the Jacobian."""
    x, v = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 0.1, 0.01])
    result = lab.run("y = x**2\nz = 5*x.sum()", {"x": x}, outputs=["y", "z"], cotangents={"y": v})
    torch.testing.assert_close(lab.gradient(result, "x"), 2 * x * v)
    both = lab.run(
        "y = x**2\nz = 5*x.sum()", {"x": x}, outputs=["y", "z"], cotangents={"y": v, "z": torch.tensor(2.0)}
    )
    torch.testing.assert_close(lab.gradient(both, "x"), 2 * x * v + 10)


def test_an_expanded_result_is_written_out(lab: Lab) -> None:
    """A value or gradient that torch holds as a view with strides of zero arrives element by element."""
    x = torch.tensor([1.0, 2.0])
    result = lab.run("y = x.expand(3, 2).T\nz = y.sum()", {"x": x}, outputs=["y", "z"])
    assert lab.value(result, "y").tolist() == [[1, 1, 1], [2, 2, 2]]
    assert lab.gradient(result, "x").tolist() == [3, 3]


def test_a_leaf_that_is_the_output_has_slope_one(lab: Lab) -> None:
    """A program that returns its input is the identity."""
    assert lab.gradient(lab.run("y = x", {"x": torch.tensor(7.0)}), "x").item() == 1


def test_second_derivatives_come_from_a_gradient_in_the_program(lab: Lab) -> None:
    """d2/dx2 of x^4 is 12 x^2: a program may differentiate, and is then differentiated."""
    result = lab.run(
        "g, = torch.autograd.grad(x**4, x, create_graph=True)", {"x": torch.tensor(3.0, dtype=torch.float64)}
    )
    assert lab.value(result, "g").item() == 4 * 27
    assert lab.gradient(result, "x").item() == 12 * 9


def test_a_leaf_of_the_programs_own_is_differentiated(lab: Lab) -> None:
    """Where there are no inputs, the leaves that the program makes are what is differentiated with respect to."""
    result = lab.run("x = torch.tensor(2.0, requires_grad=True)\ny = 2*x**4 + x**3 + 3*x**2 + 5*x + 1")
    assert lab.gradient(result, "x").item() == 93


def test_an_input_of_no_elements_has_a_gradient_of_none(lab: Lab) -> None:
    """A zero-size leaf is a leaf."""
    result = lab.run("y = x.sum()", {"x": torch.ones(0, 3)})
    assert lab.value(result, "y").item() == 0
    assert lab.gradient(result, "x").shape == (0, 3)
