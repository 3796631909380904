"""Arithmetic between plain numbers that are known before the program runs.

What is left to the engine, and refused there with its place, is whatever would leave the bounds of `engine.arithmetic`:
integers beyond 64 bits, floats that overflow, divisions by zero. So a value that is computed here is the engine's own.
"""

from __future__ import annotations

import math
import operator
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Number = bool | int | float

#: Whole numbers that a plain number can be: what a tensor of int64 holds.
INTEGERS = range(-(2**63), 2**63)

# Most bits of a power that is computed to see whether it fits 64.
_MAX_POWER_BITS = 128


def _power(base: Number, exponent: Number) -> object:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        magnitude = abs(int(base))
        if magnitude > 1 and (magnitude.bit_length() - 1) * exponent > _MAX_POWER_BITS:
            raise OverflowError
    return operator.pow(base, exponent)


_FUNCTIONS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {
        "builtins.abs": abs,
        "builtins.float": float,
        "builtins.int": int,
        "operator.add": operator.add,
        "operator.sub": operator.sub,
        "operator.mul": operator.mul,
        "operator.truediv": operator.truediv,
        "operator.floordiv": operator.floordiv,
        "operator.mod": operator.mod,
        "operator.pow": _power,
        "operator.neg": operator.neg,
        "operator.pos": operator.pos,
        "operator.and_": operator.and_,
        "operator.or_": operator.or_,
        "operator.xor": operator.xor,
        "operator.eq": operator.eq,
        "operator.ne": operator.ne,
        "operator.lt": operator.lt,
        "operator.le": operator.le,
        "operator.gt": operator.gt,
        "operator.ge": operator.ge,
    }
)


def fold(op: str, operands: Sequence[object]) -> Number | None:
    """Computes an op on plain numbers; None where that is left to the engine."""
    function = _FUNCTIONS.get(op)
    if function is None or not all(isinstance(operand, bool | int | float) for operand in operands):
        return None
    try:
        value = function(*operands)
    except (ArithmeticError, TypeError, ValueError):
        return None
    if isinstance(value, int):
        return value if value in INTEGERS else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def count(start: int, stop: int, step: int) -> int:
    """Counts the items of a `range`, which may be more than Python's own `len` can tell."""
    distance = stop - start if step > 0 else start - stop
    return max(0, -(-distance // abs(step)))
