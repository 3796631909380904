"""Where NaN and infinity first come up: the statement, the operation, the element."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pullback.contract.errors import InvalidArgument
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

NAN, INFINITY = pb.ANOMALY_KIND_NAN, pb.ANOMALY_KIND_INFINITY
GIVEN, FORWARD, BACKWARD = pb.ANOMALY_PASS_GIVEN, pb.ANOMALY_PASS_FORWARD, pb.ANOMALY_PASS_BACKWARD


def _found(lab: Lab, program: str, inputs: dict[str, Any], **options: Any) -> list[pb.Anomaly]:
    evaluation = lab.build(program, inputs, **options)
    evaluation.detect_anomaly = True
    return [*lab.engine.evaluate(evaluation).anomalies]


def _pass(anomaly: pb.Anomaly) -> int:
    return int(getattr(anomaly, "pass"))


def test_what_is_finite_has_no_anomaly(lab: Lab) -> None:
    """Big and small as it may be."""
    assert _found(lab, "y = (x**2).sum()", {"x": np.asarray([1e150, 1e-300])}) == []


CASES: dict[str, tuple[str, Any, list[tuple[int, int, int, int, str, list[int]]]]] = {
    "a logarithm": (
        "a = x + 1\nb = torch.log(a)\ny = b.sum()", [3.0, -2.0, -5.0],
        [(NAN, FORWARD, 2, 5, "torch.log", [1])]),
    "a quotient": (
        "y = (1/x).sum()", [2.0, 0.0],
        [(INFINITY, FORWARD, 1, 6, "operator.truediv", [1])]),
    "a quotient of zeros": (
        "y = (x/x).sum()", [2.0, 0.0],
        [(NAN, FORWARD, 1, 6, "operator.truediv", [1]), (INFINITY, BACKWARD, 1, 6, "operator.truediv", [1])]),
    "an overflow that becomes NaN": (
        "a = torch.exp(x)\nb = a - a\ny = b.sum()", [1.0, 1e3],
        [(INFINITY, FORWARD, 1, 5, "torch.exp", [1]), (NAN, FORWARD, 2, 5, "operator.sub", [1])]),
    "a root at zero, backward": (
        "y = torch.sqrt(x).sum()", [1.0, 0.0],
        [(INFINITY, BACKWARD, 1, 5, "torch.sqrt", [1])]),
    "a masked root, backward": (
        "a = torch.where(x > 0, torch.sqrt(x), 0*x)\ny = a.sum()", [1.0, 0.0],
        [(NAN, BACKWARD, 1, 24, "torch.sqrt", [1])]),
    "a mask that is meant": (
        "m = x.masked_fill(x > 1, -torch.inf)\ny = torch.softmax(m, 0)[0]", [0.5, 2.0, 0.1],
        [(INFINITY, FORWARD, 1, 5, "Tensor.masked_fill", [1])]),
    "within a function": (
        "def f(a):\n    return torch.log(a)\ny = f(x).sum()", [1.0, 0.0],
        [(INFINITY, FORWARD, 2, 12, "torch.log", [1])]),
    "the program's own backward": (
        "y = torch.sqrt(x).sum()\ny.backward()", [1.0, 0.0],
        [(INFINITY, BACKWARD, 1, 5, "torch.sqrt", [1])]),
}  # fmt: skip


@pytest.mark.parametrize(("program", "x", "expected"), CASES.values(), ids=CASES.keys())
def test_the_first_of_each_kind_is_told(lab: Lab, program: str, x: Any, expected: list[Any]) -> None:
    """Pass, place, operation and element, in the order in which they came up."""
    found = _found(lab, program, {"x": np.asarray(x)})
    given = [(each.kind, _pass(each), each.line, each.column, each.op, [*each.index]) for each in found]

    assert given == expected
    for each in found:
        assert math.isnan(each.value) if each.kind == NAN else math.isinf(each.value)
        assert each.message.startswith(f"line {each.line}, column {each.column}: ")
        assert each.message.endswith("^")


def test_what_was_given_is_told_first(lab: Lab) -> None:
    """An input, or a cotangent, by its field; of a complex one the part."""
    given = np.asarray([1.0, -math.inf])
    (first, *_) = _found(lab, "y = torch.exp(x)", {"x": given}, cotangents={"y": np.ones(2)})
    seeds = _found(lab, "y = x*2", {"x": np.ones(2)}, cotangents={"y": np.asarray([1.0, math.nan])})
    z = torch.tensor([1 + 1j, complex(0, math.nan)])
    (part,) = _found(lab, "y = z.abs()", {"z": z}, value_only=True)

    assert (first.field, [*first.index], first.value, _pass(first)) == ('inputs["x"]', [1], -math.inf, GIVEN)
    assert first.message == 'inputs["x"] has infinity at [1]'
    assert seeds[0].field == 'cotangents["y"]'
    assert part.kind == NAN
    assert math.isnan(part.value)


def test_the_first_element_is_that_of_the_first_index(lab: Lab) -> None:
    """Row by row, in a tensor of several dimensions."""
    x = np.ones((2, 3))
    x[1, 0] = x[1, 2] = -1
    (found,) = _found(lab, "y = torch.log(x)", {"x": x}, value_only=True)
    assert [*found.index] == [1, 0]


def test_a_backward_function_is_named(lab: Lab) -> None:
    """As the graph names it, with the operand that the gradient is by."""
    (found,) = _found(lab, "y = (w*torch.sqrt(x)).sum()", {"w": np.ones(1), "x": np.zeros(1)})
    assert found.node == "SqrtBackward0"
    assert "of the gradient by its operand 0, float64[1]" in found.message


@pytest.mark.parametrize("kind", ["jvp", "jacobian", "hessian", "laplacian"])
def test_other_derivatives_have_it_told_too(lab: Lab, kind: str) -> None:
    """At the same place."""
    options: dict[str, Any] = {"tangents": {"x": np.ones(2)}} if kind == "jvp" else {}
    evaluation = lab.ask(kind, "y = torch.log(x).sum()", {"x": np.asarray([1.0, -1.0])}, **options)
    evaluation.detect_anomaly = True
    (first, *_) = lab.engine.evaluate(evaluation).anomalies
    assert (first.kind, first.line, first.op, [*first.index]) == (NAN, 1, "torch.log", [1])


def test_the_rest_of_an_answer_is_what_it_is_without(lab: Lab) -> None:
    """Values, gradients and graph, byte for byte; and without the flag there are none."""
    inputs = {"x": torch.tensor([1.0, 0.0])}
    plain = lab.build("y = torch.sqrt(x).sum()", inputs, graph=True)
    expected = lab.engine.evaluate(plain)
    plain.detect_anomaly = True
    found = lab.engine.evaluate(plain)

    assert found.anomalies
    assert not expected.anomalies
    found.ClearField("anomalies")
    assert found.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)


def test_a_batch_has_no_anomalies_of_its_own(lab: Lab) -> None:
    """It is refused, since they cannot be stacked."""
    evaluation = lab.build("y = x", {"x": np.ones(2)})
    evaluation.batched_inputs.append("x")
    evaluation.detect_anomaly = True
    error = lab.refusal(evaluation)
    assert isinstance(error, InvalidArgument)
    assert error.field == "detect_anomaly"
