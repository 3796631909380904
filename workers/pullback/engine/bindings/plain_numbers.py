"""Python's own numbers: the builtins, and the `math` module. All stay within the bounds of `arithmetic`."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import torch

from pullback.engine import arithmetic
from pullback.engine.faults import Refused
from pullback.engine.values import describe_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pullback.engine.bindings.binding import Binding

# The strings that `float` reads. Any other number is written without quotes.
_SPECIAL_FLOATS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def _number(function: Callable[..., object]) -> Binding:
    return partial(arithmetic.call, function)


def item(tensor: torch.Tensor) -> arithmetic.Number:
    """Reads the one element of a tensor as a plain number, which no gradient flows through."""
    if tensor.numel() != 1:
        raise Refused(f"only one element can become a number, but there are {tensor.numel():,}")
    return arithmetic.checked(tensor.detach().item(), math.inf)  # an infinite element is no overflow


def _float(value: object) -> arithmetic.Number:
    if isinstance(value, str) and value in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[value]
    return arithmetic.call(float, *_plain(value))


def _int(value: object) -> arithmetic.Number:
    return arithmetic.call(int, *_plain(value))


def _abs(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return torch.abs(value)
    return arithmetic.call(abs, *_plain(value))


def _plain(value: object) -> tuple[arithmetic.Number]:
    if isinstance(value, torch.Tensor):
        return (item(value),)
    if isinstance(value, (bool, int, float)):
        return (value,)
    raise Refused(f"takes a number or a tensor of one element, not {describe_value(value)}")


def _len(value: object) -> int:
    if isinstance(value, torch.Tensor) and not value.dim():
        raise Refused("a 0-d tensor has no length")
    if isinstance(value, (torch.Tensor, tuple, list)):
        return len(value)
    raise Refused(f"{describe_value(value)} has no length")


PLAIN_NUMBERS: Mapping[str, Binding] = {
    "builtins.abs": _abs,
    "builtins.float": _float,
    "builtins.int": _int,
    "builtins.len": _len,
    "math.acos": _number(math.acos),
    "math.acosh": _number(math.acosh),
    "math.asin": _number(math.asin),
    "math.asinh": _number(math.asinh),
    "math.atan": _number(math.atan),
    "math.atan2": _number(math.atan2),
    "math.atanh": _number(math.atanh),
    "math.cbrt": _number(math.cbrt),
    "math.ceil": _number(math.ceil),
    "math.comb": _number(math.comb),
    "math.copysign": _number(math.copysign),
    "math.cos": _number(math.cos),
    "math.cosh": _number(math.cosh),
    "math.degrees": _number(math.degrees),
    "math.erf": _number(math.erf),
    "math.erfc": _number(math.erfc),
    "math.exp": _number(math.exp),
    "math.exp2": _number(math.exp2),
    "math.expm1": _number(math.expm1),
    "math.fabs": _number(math.fabs),
    "math.factorial": _number(math.factorial),
    "math.floor": _number(math.floor),
    "math.fmod": _number(math.fmod),
    "math.gamma": _number(math.gamma),
    "math.gcd": _number(math.gcd),
    "math.hypot": _number(math.hypot),
    "math.isfinite": _number(math.isfinite),
    "math.isinf": _number(math.isinf),
    "math.isnan": _number(math.isnan),
    "math.lgamma": _number(math.lgamma),
    "math.log": _number(math.log),
    "math.log10": _number(math.log10),
    "math.log1p": _number(math.log1p),
    "math.log2": _number(math.log2),
    "math.pow": _number(math.pow),
    "math.radians": _number(math.radians),
    "math.sin": _number(math.sin),
    "math.sinh": _number(math.sinh),
    "math.sqrt": _number(math.sqrt),
    "math.tan": _number(math.tan),
    "math.tanh": _number(math.tanh),
    "math.trunc": _number(math.trunc),
}
