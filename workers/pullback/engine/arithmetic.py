"""Arithmetic between plain Python numbers, with bounds that Python itself does not have.

Integers stay within 64 bits, so that no program can make one grow; a power's size is known before it is computed. A
float that overflows, a division by zero and a complex result are refused: each would come as a surprise later.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

from pullback.engine.faults import Refused
from pullback.engine.values import describe_value

if TYPE_CHECKING:
    from collections.abc import Callable

Number = bool | int | float

INT_MIN, INT_MAX = -(2**63), 2**63 - 1

# Most bits that an integer power may have before it is computed; anything that fits 64 bits has fewer.
MAX_POWER_BITS = 128


def checked(value: object, *operands: Number) -> Number:
    """Lets a number through that stays within the bounds.

    Raises:
        Refused: it is complex, an integer beyond 64 bits, or a float that overflowed.
    """
    if isinstance(value, int):
        if not INT_MIN <= value <= INT_MAX:
            raise Refused("the integer does not fit in 64 bits; write a float, as in 1.0e20")
        return value
    if isinstance(value, float):
        if not math.isfinite(value) and all(map(math.isfinite, operands)):
            raise Refused("the number is too big for a float")
        return value
    raise Refused("the result is complex; plain numbers are real here")


def power(base: Number, exponent: Number) -> object:
    """Raises a number to a power; an integer power is refused by its size, before it is computed."""
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        magnitude = abs(int(base))
        if magnitude > 1 and (magnitude.bit_length() - 1) * exponent > MAX_POWER_BITS:
            raise Refused("the integer does not fit in 64 bits; write a float, as in 2.0**100")
    return operator.pow(base, exponent)


def call(function: Callable[..., object], *operands: object) -> Number:
    """Calls a function on plain numbers, and lets its result through where it stays within the bounds.

    Raises:
        Refused: an operand is no number, the function does not take them, or the result is out of bounds.
    """
    numbers = [_number(operand) for operand in operands]
    try:
        return checked(function(*numbers), *numbers)
    except ZeroDivisionError:
        raise Refused("division by zero") from None
    except OverflowError:
        raise Refused("the number is too big for a float") from None
    except (ValueError, TypeError):
        raise Refused("not defined for " + " and ".join(map(str, operands))) from None


def _number(operand: object) -> Number:
    if isinstance(operand, (bool, int, float)):
        return operand
    raise Refused(f"takes plain numbers, not {describe_value(operand)}; for tensors there is torch")
