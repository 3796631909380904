"""Gradients held against finite differences: what is right passes, what is wrong is caught, doubt is told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import Limits
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

AGREES, DIFFERS = pb.GRADIENT_VERDICT_AGREES, pb.GRADIENT_VERDICT_DIFFERS
KINK, UNDECIDED = pb.GRADIENT_VERDICT_KINK, pb.GRADIENT_VERDICT_UNDECIDED
X = np.asarray([0.5, -1.5, 2.0])


def _checked(lab: Lab, program: str, inputs: dict[str, Any], **options: Any) -> pb.Result:
    evaluation = lab.build(program, inputs, **options)
    evaluation.check_gradient = True
    return lab.engine.evaluate(evaluation)


def _check(lab: Lab, program: str, inputs: dict[str, Any], **options: Any) -> pb.GradientCheck:
    return _checked(lab, program, inputs, **options).gradient_checks["x"]


RIGHT: dict[str, tuple[str, Any]] = {
    "a quartic": ("y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1", np.asarray(2.0)),
    "a vector": ("y = (torch.sin(x)*x).sum()", X),
    "a matrix": ("y = torch.logdet(x @ x.T + torch.eye(3, dtype=torch.float64))", np.outer(X, X) + np.eye(3)),
    "a big value": ("y = (x**2).sum()*1e12", X),
    "a small value": ("y = (x**2).sum()*1e-12", X),
    "a big input": ("y = torch.log(x).sum()", np.asarray([1e9, 1e-1])),
    "a single": ("y = torch.tanh(x).sum()", X.astype("f4")),
    "a gradient of zero": ("y = (x - x).sum()", X),
    "a backward of its own": ("y = (x**2).sum()\ny.backward()", X),
    "a gradient inside": ("g, = torch.autograd.grad((x**3).sum(), x, create_graph=True)\ny = (g*x).sum()", X),
    "random numbers": ("y = (x*torch.rand(3)).sum()", X),
    "a complex input": ("y = (x.abs()**2 + x.real).sum()", np.asarray([1 + 2j, -0.5j])),
    "zero elements": ("y = x.sum()", np.ones(0)),
}


@pytest.mark.parametrize(("program", "x"), RIGHT.values(), ids=RIGHT.keys())
def test_a_right_gradient_agrees(lab: Lab, program: str, x: Any) -> None:
    """In double and single precision, real and complex, whoever computed it."""
    check = _check(lab, program, {"x": x})

    assert check.verdict == AGREES, check
    assert check.element_count == check.checked_count == x.size


WRONG: dict[str, tuple[str, Any]] = {
    "detached": ("y = (x.detach()*x).sum()", X),
    "within no_grad": ("with torch.no_grad():\n    c = x**2\ny = (c*x).sum()", X),
    "a number taken out": ("y = (x*x.sum().item()).sum()", X),
    "accumulated twice": ("y = (x**2).sum()\ny.backward(retain_graph=True)\ny.backward()", X),
    "of something else": ("z = (x**3).sum()\nz.backward()\ny = (x**2).sum()", X),
    "a gradient inside without a graph": ("g, = torch.autograd.grad((x**3).sum(), x)\ny = (g*x).sum()", X),
    "a single": ("y = (x.detach()*x).sum()", X.astype("f4")),
    "a kink whose gradient is beyond both sides": (
        "y = (torch.abs(x) + 5*(x - x.detach())).sum()",
        np.zeros(1),
    ),
}


@pytest.mark.parametrize(("program", "x"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_gradient_is_caught(lab: Lab, program: str, x: Any) -> None:
    """With the element that is furthest off, and both numbers."""
    result = _checked(lab, program, {"x": x}, outputs=["y"])
    check = result.gradient_checks["x"]
    gradient = lab.gradient(result, "x")

    assert check.verdict == DIFFERS, check
    assert check.worst.analytic == pytest.approx(float(gradient[tuple(check.worst.index)]))
    assert check.max_abs_error == pytest.approx(abs(check.worst.analytic - check.worst.numeric))
    assert check.max_rel_error > 0.1


KINKS = {
    "relu": "y = torch.relu(x).sum()",
    "abs": "y = torch.abs(x).sum()",
    "max": "y = torch.maximum(x, -x).sum()",
}


@pytest.mark.parametrize("program", KINKS.values(), ids=KINKS.keys())
def test_a_kink_is_called_one(lab: Lab, program: str) -> None:
    """At 0, though not beside it; the worst element is where it is."""
    at_it = _check(lab, program, {"x": np.asarray([1.0, 0.0])})
    beside = _check(lab, program, {"x": np.asarray([1.0, 0.1])})

    assert at_it.verdict == KINK
    assert [*at_it.worst.index] == [1]
    assert beside.verdict == AGREES


UNTOLD: dict[str, tuple[str, Any]] = {
    "a half": ("y = (x**2).sum()", X.astype("f2")),
    "a pole": ("y = (1/x).sum()", np.zeros(1)),
    "NaN": ("y = torch.log(x).sum()", np.asarray([-1.0])),
    "a wave shorter than the step": ("y = torch.sin(x*1e7).sum()", X),
}


@pytest.mark.parametrize(("program", "x"), UNTOLD.values(), ids=UNTOLD.keys())
def test_what_cannot_be_told_is_not(lab: Lab, program: str, x: Any) -> None:
    """No verdict without digits, finite values, or a difference that has settled."""
    assert _check(lab, program, {"x": x}).verdict == UNDECIDED


def test_a_cotangent_makes_one_number_of_an_output(lab: Lab) -> None:
    """Complex ones too."""
    seeds = {"y": np.asarray([1.0, -2.0, 0.5])}
    assert _check(lab, "y = x**3", {"x": X}, cotangents=seeds).verdict == AGREES
    z = torch.tensor([1 + 2j, 0.5 - 1j], dtype=torch.complex128)
    assert _check(lab, "y = x**2", {"x": z}, cotangents={"y": z}).verdict == AGREES


def test_every_input_is_compared_and_made_leaves_are_not(lab: Lab) -> None:
    """By the names in wrt."""
    program = "v = torch.ones(3, dtype=torch.float64, requires_grad=True)\ny = (x*w*v).sum()"
    result = _checked(lab, program, {"x": X, "w": X})
    assert set(result.gradient_checks) == {"x", "w"}
    assert set(_checked(lab, program, {"x": X, "w": X}, wrt=["w"]).gradient_checks) == {"w"}
    assert not _checked(lab, "v = torch.ones(1, requires_grad=True)\ny = v**2", {}).gradient_checks


def test_the_point_is_that_before_the_program_changed_it(lab: Lab) -> None:
    """A step of descent inside, on the leaf itself."""
    program = "y = (x**2).sum()\ny.backward()\nwith torch.no_grad():\n    x -= 0.1*x.grad"
    assert _check(lab, program, {"x": X}, outputs=["y"]).verdict == AGREES


def test_of_a_big_input_a_hundred_elements_are_compared(lab: Lab) -> None:
    """Spread over it evenly, the first among them."""
    check = _check(
        lab, "y = (x.detach()*x*(torch.arange(1000) == 500)).sum()", {"x": np.ones((10, 100))[0].repeat(10)}
    )

    assert (check.checked_count, check.element_count) == (100, 1000)
    assert check.verdict == DIFFERS
    assert [*check.worst.index] == [500]


def test_the_rest_of_an_answer_is_what_it_is_without_a_check(lab: Lab) -> None:
    """And a run without one has none."""
    checked = _checked(lab, "y = (x**2).sum()", {"x": X})
    plain = lab.run("y = (x**2).sum()", {"x": X})
    checked.gradient_checks.clear()

    assert checked.gradients["x"].data == plain.gradients["x"].data
    assert not plain.gradient_checks


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a Jacobian": ({"kind": "jacobian"}, "check_gradient"),
    "values": ({"kind": "value_only"}, "check_gradient"),
    "stacks": ({"cotangents": {"y": np.ones((2, 3))}, "stacked": True}, "check_gradient"),
    "what is bound": ({"wrt": ["h"]}, "wrt[0]"),
    "many outputs after a backward of its own": (
        {"program": "y = x**2\ny.sum().backward()"},
        "check_gradient",
    ),
}


@pytest.mark.parametrize(("given", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_compared_is_refused(lab: Lab, given: dict[str, Any], field: str) -> None:
    """With the field to change."""
    options = {"kind": "gradient", "program": "h = x*2\ny = (h**2).sum()", **given}
    evaluation = lab.ask(options.pop("kind"), options.pop("program"), {"x": X}, **options)
    evaluation.check_gradient = True
    error = lab.refusal(evaluation)

    assert isinstance(error, InvalidArgument)
    assert error.field == field


@pytest.mark.parametrize(("name", "limit"), [("dispatched_ops", 1_000), ("work", 10_000)])
def test_a_check_beyond_a_limit_is_refused_with_its_estimate(lab: Lab, name: str, limit: int) -> None:
    """Before it is made."""
    small = lab.limited(Limits(**{name: limit}))
    evaluation = lab.build("y = (torch.sin(x)*x).sum()", {"x": np.ones(100)})
    evaluation.check_gradient = True
    error = small.refusal(evaluation)

    assert isinstance(error, LimitExceeded)
    assert error.field == "check_gradient"
    assert error.metadata["limit_name"] == f"PULLBACK_LIMITS_{name.upper()}"
    assert int(error.metadata["estimate"]) > limit


def test_errors_are_those_of_the_worst_element(lab: Lab) -> None:
    """Of x * stop(x): the gradient is x, where it should be 2 x."""
    check = _check(lab, "y = (x.detach()*x).sum()", {"x": X})

    assert [*check.worst.index] == [2]
    assert check.max_abs_error == pytest.approx(2.0)
    assert check.max_rel_error == pytest.approx(0.5)
    assert math.isclose(check.worst.numeric, 4.0, rel_tol=1e-8)
