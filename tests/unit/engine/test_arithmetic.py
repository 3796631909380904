"""Plain numbers: Python's arithmetic, within bounds that Python does not have."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract.errors import ProgramError
from pullback.engine.arithmetic import INT_MAX, INT_MIN, call, power
from pullback.engine.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.engine.conftest import Lab

INTEGERS = st.integers(INT_MIN, INT_MAX)
OPERATORS = [operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.and_]


@pytest.mark.parametrize("function", OPERATORS)
@given(left=INTEGERS, right=INTEGERS)
def test_integers_are_exact_or_refused(function: Callable[[int, int], int], left: int, right: int) -> None:
    """A result is Python's own where it fits 64 bits, and an error where it does not."""
    try:
        exact = function(left, right)
    except ZeroDivisionError:
        exact = INT_MAX + 1
    if INT_MIN <= exact <= INT_MAX:
        assert call(function, left, right) == exact
    else:
        with pytest.raises(Refused):
            call(function, left, right)


@given(st.integers(-(2**10), 2**10), st.integers(0, 100))
def test_powers_are_exact_or_refused(base: int, exponent: int) -> None:
    """The size of a power is judged rightly on both sides of the bound."""
    exact = base**exponent
    if INT_MIN <= exact <= INT_MAX:
        assert call(power, base, exponent) == exact
    else:
        with pytest.raises(Refused, match="64 bits"):
            call(power, base, exponent)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("y = 9**9**9", "64 bits"),
        ("y = 2**63", "64 bits"),
        ("y = (-2)**9223372036854775807", "64 bits"),
        ("y = 1/0", "division by zero"),
        ("y = 1 % 0", "division by zero"),
        ("y = 0**-1", "division by zero"),
        ("y = 1e308*10", "too big for a float"),
        ("y = 2.0**5000", "too big for a float"),
        ("y = math.exp(1000)", "too big for a float"),
        ("y = (-8)**0.5", "complex"),
        ("y = math.sqrt(-1)", "not defined"),
        ("y = math.log(0)", "not defined"),
        ("y = ~1.5", "not defined"),
        ("y = int(float('nan'))", "not defined"),
        ("y = int(1e300)", "64 bits"),
    ],
)
def test_what_leaves_the_bounds_is_refused_with_its_place(lab: Lab, program: str, words: str) -> None:
    """Nothing big is ever computed, and the error points at the operator."""
    error = lab.refusal(lab.build(f"a = 1\n{program}", value_only=True))
    assert isinstance(error, ProgramError)
    assert words in error.message, error.message
    assert error.metadata["line"] == "2"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2**10 + 7 % 3 - 7 // 2", 1024 + 1 - 3),
        ("2**-1", 0.5),
        ("(-2)**63", -(2**63)),
        ("(-1)**1000000", 1),
        ("abs(-3)", 3),
        ("float(3)", 3.0),
        ("int(2.9)", 2),
        ("math.sqrt(2.0)", math.sqrt(2)),
        ("math.log(8, 2)", 3.0),
        ("float('inf')", math.inf),
        ("float('inf') + 1", math.inf),
        ("3 > 2", True),
        ("len([1, 2, 3])", 3),
    ],
)
def test_arithmetic_is_pythons(lab: Lab, expression: str, expected: float) -> None:
    """Within the bounds a program computes what Python computes, and of the same type."""
    value = lab.value(lab.run(f"y = {expression}", value_only=True), "y").item()
    assert value == expected
    assert type(value) is type(expected)


def test_a_tensor_of_one_element_becomes_a_number(lab: Lab) -> None:
    """float, int, len and .item() read tensors; an infinite element is no overflow."""
    result = lab.run(
        "x = torch.tensor([2.5])\na = float(x)\nb = int(x)\nc = x.item()\nd = len(x)\n"
        "e = torch.tensor(float('inf')).item()",
        outputs=["a", "b", "c", "d", "e"],
        value_only=True,
    )
    values = [lab.value(result, name).item() for name in "abcde"]
    assert values == [2.5, 2, 2.5, 1, math.inf]
