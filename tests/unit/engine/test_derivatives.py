"""Which derivative an evaluation gets, what it is told where there is none, and why a leaf has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pullback.contract.errors import InvalidArgument
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

ONE = torch.tensor(1.0)
PAIR = torch.tensor([1.0, 2.0])


def test_the_default_is_every_input_that_can_have_a_gradient(lab: Lab) -> None:
    """Integers and booleans among the inputs are no leaves."""
    result = lab.run(
        "y = (a*b*k).sum()", {"a": PAIR, "b": PAIR.to(torch.complex64).real, "k": torch.tensor([1, 2])}
    )
    assert sorted(result.gradients) == ["a", "b"]
    assert not result.absent_gradients


def test_wrt_narrows_the_gradients(lab: Lab) -> None:
    """Only the named inputs are leaves."""
    result = lab.run("y = (a*b).sum()", {"a": PAIR, "b": PAIR}, wrt=["b"])
    assert list(result.gradients) == ["b"]


def test_values_only_has_no_gradients_and_tracks_nothing(lab: Lab) -> None:
    """The program sees inputs that require no gradient."""
    result = lab.run("y = 2*x\nprint(x.requires_grad)", {"x": PAIR}, value_only=True)
    assert result.printed == "False\n"
    assert not result.gradients
    assert not result.absent_gradients


@pytest.mark.parametrize(
    ("program", "absence"),
    [
        ("y = (a**2).sum()", evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT),
        ("c = b.detach()\ny = (a**2 * c).sum()", evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT),
        (
            "with torch.no_grad():\n    c = 2*b\ny = (a * c).sum()",
            evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT,
        ),
        ("b.requires_grad_(False)\ny = (a*b).sum()", evaluation_pb2.GRADIENT_ABSENCE_NOT_TRACKED),
    ],
)
def test_a_leaf_without_a_gradient_says_why(
    lab: Lab, program: str, absence: evaluation_pb2.GradientAbsence
) -> None:
    """A leaf is either among the gradients or among the absent ones, with its reason."""
    result = lab.run(program, {"a": PAIR, "b": PAIR})
    assert list(result.gradients) == ["a"]
    assert dict(result.absent_gradients) == {"b": absence}


def test_a_constant_is_not_differentiated_through(lab: Lab) -> None:
    """What is computed under no_grad is a constant to what follows."""
    result = lab.run("with torch.no_grad():\n    c = x**2\ny = (c*x).sum()", {"x": PAIR})
    assert lab.gradient(result, "x").tolist() == [1, 4]


@pytest.mark.parametrize(
    ("program", "outputs", "field", "words"),
    [
        ("y = 2*x", ["x", "y"], "outputs[1]", ["y.sum()", "cotangents"]),
        ("y = 2*x", [], "outputs", ["float32[2]", "y.sum()"]),
        ("y = (x > 1).sum()", [], "outputs", ["requires a gradient", "value_only"]),
        ("with torch.no_grad():\n    y = x.sum()", ["y"], "outputs[0]", ["no_grad"]),
        ("y = torch.complex(x, x).sum()", [], "outputs", ["complex", "y.abs()"]),
        ("g = torch.autograd.grad(x.sum(), x)", [], "outputs", ["tuple", "g[0]"]),
        ("y = 2\nz = x.grad", [], "outputs", ["None"]),
        (
            "y = (x**2).sum()\ng, = torch.autograd.grad(y, x)",
            ["y"],
            "outputs[0]",
            ["freed", "retain_graph=True"],
        ),
    ],
)
def test_an_output_that_cannot_be_differentiated_says_what_to_do(
    lab: Lab, program: str, outputs: list[str], field: str, words: list[str]
) -> None:
    """The error names the output and the remedies."""
    error = lab.refusal(lab.build(program, {"x": PAIR}, outputs=outputs))
    assert isinstance(error, InvalidArgument)
    assert error.field == field
    assert all(word in error.message for word in words), error.message


def test_a_program_without_leaves_is_told_of_value_only(lab: Lab) -> None:
    """Where nothing could have a gradient, the error says how to ask for values."""
    error = lab.refusal(lab.build("y = torch.ones(2).sum()"))
    assert isinstance(error, InvalidArgument)
    assert "nothing requires a gradient" in error.message
    assert "value_only" in error.message
    assert lab.value(lab.run("y = torch.ones(2).sum()", value_only=True), "y").item() == 2


def test_an_integer_has_no_gradient(lab: Lab) -> None:
    """Wrt names what can be differentiated with respect to."""
    error = lab.refusal(lab.build("y = (x*k).sum()", {"x": PAIR, "k": torch.tensor([1, 2])}, wrt=["k"]))
    assert isinstance(error, InvalidArgument)
    assert error.field == "wrt[0]"
    assert "int64" in error.message


@pytest.mark.parametrize(
    ("cotangents", "field", "words"),
    [
        ({"y": torch.ones(3)}, 'cotangents["y"]', ["float32[3]", "float32[2]"]),
        ({"y": torch.ones(2, dtype=torch.float64)}, 'cotangents["y"]', ["float64[2]", "float32[2]"]),
        ({"z": torch.ones(2)}, 'cotangents["z"]', ["none of the outputs", "y"]),
    ],
)
def test_a_cotangent_has_its_outputs_shape_and_type(
    lab: Lab, cotangents: dict[str, torch.Tensor], field: str, words: list[str]
) -> None:
    """A seed that does not fit is refused with both sides."""
    error = lab.refusal(lab.build("z = x.sum()\ny = 2*x", {"x": PAIR}, cotangents=cotangents))
    assert isinstance(error, InvalidArgument)
    assert error.field == field
    assert all(word in error.message for word in words), error.message


def test_cotangents_and_values_only_contradict_each_other(lab: Lab) -> None:
    """Seeds without a derivative would be lost in silence."""
    error = lab.refusal(lab.build("y = 2*x", {"x": PAIR}, cotangents={"y": PAIR}, value_only=True))
    assert error.field == "cotangents"


def test_a_program_that_ends_in_its_own_gradient_is_no_fault(lab: Lab) -> None:
    """A cell that differentiates and prints needs no option to say that it is done."""
    result = lab.run("y = x**3\ng, = torch.autograd.grad(y, x)\nprint(g)", {"x": torch.tensor(2.0)})
    assert result.printed == "tensor(12.)\n"
    assert lab.value(result, "g").item() == 12
    assert dict(result.absent_gradients) == {"x": evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT}


def test_a_program_that_only_prints_needs_no_output(lab: Lab) -> None:
    """There is nothing to differentiate, and nothing to refuse."""
    result = lab.run("print(torch.ones(2))")
    assert result.printed == "tensor([1., 1.])\n"
    assert not result.values
