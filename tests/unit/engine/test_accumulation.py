"""Programs that call `backward()` themselves: the leaves' accumulated gradients are the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pullback.contract.errors import InvalidArgument, ProgramError
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

X = torch.tensor([1.0, 2.0, 3.0])


def test_two_backward_passes_add_up(lab: Lab) -> None:
    """The gradient of twice the sum of cubes is 6 x^2."""
    result = lab.run("y = (x**3).sum()\ny.backward(retain_graph=True)\ny.backward()", {"x": X})
    torch.testing.assert_close(lab.gradient(result, "x"), 6 * X**2)


def test_a_second_pass_over_a_freed_graph_says_what_is_missing(lab: Lab) -> None:
    """The error stands at the second call and names the argument that the first one needs."""
    error = lab.refusal(lab.build("y = (x**3).sum()\ny.backward()\ny.backward()", {"x": X}))
    assert isinstance(error, ProgramError)
    assert error.metadata["line"] == "3"
    assert "retain_graph=True" in error.message


def test_outputs_need_not_be_scalar(lab: Lab) -> None:
    """A vector seeded by the program itself is no reason to refuse."""
    result = lab.run("y = x**2\ny.backward(torch.tensor([1.0, 0.1, 0.01]))", {"x": X})
    torch.testing.assert_close(lab.gradient(result, "x"), 2 * X * torch.tensor([1.0, 0.1, 0.01]))
    torch.testing.assert_close(lab.value(result, "y"), X**2)


def test_leaves_of_the_programs_own_are_returned_under_their_first_name(lab: Lab) -> None:
    """Inputs and made leaves come back together."""
    result = lab.run(
        "w = torch.tensor(2.0, requires_grad=True)\nalias = w\nb = torch.zeros(3).requires_grad_()\n"
        "y = (w*x + b).sum()\ny.backward()",
        {"x": X},
    )
    assert sorted(result.gradients) == ["b", "w", "x"]
    assert lab.gradient(result, "w").item() == 6


def test_what_nothing_was_accumulated_into_says_so(lab: Lab) -> None:
    """A leaf that no backward pass reached, and one whose tracking was turned off, have different reasons."""
    result = lab.run("c.requires_grad_(False)\ny = (a*c).sum()\ny.backward()", {"a": X, "b": X, "c": X})
    assert list(result.gradients) == ["a"]
    assert dict(result.absent_gradients) == {
        "b": evaluation_pb2.GRADIENT_ABSENCE_NOT_ACCUMULATED,
        "c": evaluation_pb2.GRADIENT_ABSENCE_NOT_TRACKED,
    }


def test_a_gradient_can_be_set_back_to_zero(lab: Lab) -> None:
    """x.grad.zero_() between two passes leaves the second pass alone."""
    result = lab.run("(x**2).sum().backward()\nx.grad.zero_()\ny = (x**3).sum()\ny.backward()", {"x": X})
    torch.testing.assert_close(lab.gradient(result, "x"), 3 * X**2)


def test_an_inner_gradient_may_keep_its_graph(lab: Lab) -> None:
    """backward(create_graph=True) gives a gradient that is differentiated again."""
    result = lab.run(
        "y = (x**3).sum()\ny.backward(create_graph=True)\ng = x.grad\nh, = torch.autograd.grad(g.sum(), x)",
        {"x": X},
    )
    torch.testing.assert_close(lab.value(result, "h"), 6 * X)


def test_the_function_form_of_backward_accumulates_too(lab: Lab) -> None:
    """torch.autograd.backward is the same act."""
    result = lab.run("y = 3*x\ntorch.autograd.backward([y.sum(), y[0]])", {"x": X})
    assert lab.gradient(result, "x").tolist() == [6, 3, 3]


def test_cotangents_are_refused_where_the_program_seeds_itself(lab: Lab) -> None:
    """Two seeds for one backward pass would contradict each other."""
    error = lab.refusal(lab.build("y = x.sum()\ny.backward()", {"x": X}, cotangents={"y": torch.tensor(1.0)}))
    assert isinstance(error, InvalidArgument)
    assert error.field == "cotangents"


def test_no_gradient_outlives_its_evaluation(lab: Lab) -> None:
    """The same evaluation again starts from nothing, though the first kept a graph of its gradient."""
    evaluation = lab.build("y = (x**2).sum()\ny.backward(create_graph=True)", {"x": X})
    first, second = (lab.engine.evaluate(evaluation) for _ in range(2))
    assert first.gradients["x"] == second.gradients["x"]
