"""How callers say which derivative they want, and how they read it."""

from __future__ import annotations

import numpy as np
import pytest

from pullback.client import Evaluated, InvalidArgument, Jacobian, NthDerivative, Spec, evaluation, tensor
from pullback.client.checks import check_request
from pullback.v1 import evaluation_pb2 as pb


@pytest.mark.parametrize(
    "name", ["value_only", "jvp", "jacobian", "hessian", "hessian_vector_product", "laplacian"]
)
def test_a_derivative_is_asked_for_by_name(name: str) -> None:
    """The name of its field, in an evaluation and in a check."""
    assert evaluation("y = x", derivative=name).WhichOneof("derivative") == name  # type: ignore[arg-type]
    asked = check_request("y = x", {}, (), (), derivative=name)  # type: ignore[arg-type]
    assert asked.WhichOneof("derivative") == name


def test_a_gradient_is_what_the_wire_takes_for_granted() -> None:
    """So nothing is sent for it."""
    assert evaluation("y = x", derivative="gradient") == evaluation("y = x")


def test_options_go_with_their_derivative() -> None:
    """The mode of a Jacobian, and the order of an n-th derivative."""
    assert evaluation("", derivative=Jacobian("forward")).jacobian.mode == pb.Jacobian.MODE_FORWARD
    assert evaluation("", derivative=NthDerivative(3)).nth_derivative.order == 3


@pytest.mark.parametrize(
    ("derivative", "field"),
    [
        ("hesian", "derivative"),
        (Jacobian("sideways"), "derivative.mode"),  # type: ignore[arg-type]
        (NthDerivative(0), "derivative.order"),
    ],
)
def test_what_is_no_derivative_is_refused_before_it_is_sent(derivative: object, field: str) -> None:
    """With the argument that is wrong."""
    with pytest.raises(InvalidArgument) as caught:
        evaluation("y = x", derivative=derivative)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_values_only_and_a_derivative_do_not_go_together() -> None:
    """Though saying the same twice does."""
    assert evaluation("", value_only=True, derivative="value_only").WhichOneof("derivative") == "value_only"
    with pytest.raises(InvalidArgument):
        evaluation("", value_only=True, derivative="hessian")


def test_tangents_and_stacks_reach_their_fields() -> None:
    """As tensors, and of a check as their shapes."""
    message = evaluation("y = x", tangents={"x": [[1.0, 2.0]]}, stacked=True, derivative="jvp")
    asked = check_request(
        "y = x",
        {"x": 1.0},
        (),
        (),
        tangents={"x": Spec("float32", (2,))},
        cotangents={"y": [1.0]},
        stacked=True,
    )
    assert message.tangents["x"] == tensor([[1.0, 2.0]])
    assert message.stacked
    assert asked.stacked
    assert [*asked.tangent_specs["x"].shape] == [2]
    assert [*asked.cotangent_specs["y"].shape] == [1]


def test_blocks_are_read_by_what_they_belong_to() -> None:
    """Output and input of a Jacobian, row and column of a Hessian."""
    jacobian = pb.DerivativeBlock(output="y", wrt=["x"], tensor=tensor([[1.0]]))
    hessian = pb.DerivativeBlock(output="y", wrt=["x", "w"], tensor=tensor([[2.0]]))
    found = Evaluated(
        pb.Result(blocks=[jacobian, hessian], laplacian=tensor(3.0), products={"x": tensor(4.0)}), None
    )
    assert found.jacobian == {("y", "x"): np.asarray([[1.0]])}
    assert found.hessian == {("x", "w"): np.asarray([[2.0]])}
    assert found.derivatives == {"x": np.asarray([[1.0]])}
    assert found.laplacian == 3
    assert found.products == {"x": 4}
    assert Evaluated(pb.Result(), None).laplacian is None
