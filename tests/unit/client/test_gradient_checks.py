"""How callers read a gradient check."""

from __future__ import annotations

from pullback.client import Evaluated, evaluation
from pullback.v1 import evaluation_pb2 as pb


def test_a_check_is_read_by_input_name() -> None:
    """It is true where both agree, and text that says how far they are apart."""
    worst = pb.CheckedElement(index=[1, 2], analytic=1.5, numeric=3)
    checks = {
        "x": pb.GradientCheck(
            verdict=pb.GRADIENT_VERDICT_DIFFERS, max_abs_error=1.5, max_rel_error=0.5, worst=worst,
            element_count=2_000, checked_count=100,
        ),
        "a": pb.GradientCheck(verdict=pb.GRADIENT_VERDICT_AGREES),
    }  # fmt: skip
    found = Evaluated(pb.Result(gradient_checks=checks), None).gradient_checks

    assert list(found) == ["a", "x"]
    assert found["a"]
    assert not found["x"]
    assert found["a"].worst_index is None
    assert str(found["x"]) == (
        "differs: max abs error 1.5e+00, max rel error 5.0e-01, 100 of 2,000 elements; "
        "worst at [1, 2]: gradient 1.5, difference 3"
    )


def test_a_check_is_asked_for_by_a_flag() -> None:
    """Which is all that it adds."""
    asked = evaluation("y = x", x=1.0, check_gradient=True)
    asked.check_gradient = False
    assert asked == evaluation("y = x", x=1.0)
