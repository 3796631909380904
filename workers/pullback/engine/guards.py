"""The value checks that the op table names: operands with which torch's native code ends the process, or never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pullback.engine.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Highest rate of events to count. torch counts in 64 bits, and gives negative counts for more.
MAX_RATE = 2**53


def _filled(arguments: Mapping[str, Any]) -> None:
    for name, value in arguments.items():
        if isinstance(value, torch.Tensor) and not value.numel():
            raise Refused(f"`{name}` has no elements, which this operation cannot take")


def _finite(arguments: Mapping[str, Any]) -> None:
    for name, value in arguments.items():
        if isinstance(value, torch.Tensor) and not bool(torch.isfinite(value).all()):
            raise Refused(f"`{name}` holds NaN or an infinity, which this operation cannot take")


def _quotient(arguments: Mapping[str, Any]) -> None:
    dividend, divisor = arguments["input"], arguments["other"]
    if arguments.get("rounding_mode") != "trunc" or dividend.is_floating_point() or dividend.is_complex():
        return
    if dividend.dtype is torch.bool or not bool((dividend == torch.iinfo(dividend.dtype).min).any()):
        return
    if bool((divisor == -1).any()) if isinstance(divisor, torch.Tensor) else divisor == -1:
        raise Refused("the lowest integer divided by -1 does not fit its data type")


def _rate(arguments: Mapping[str, Any]) -> None:
    rates = arguments["input"]
    if not rates.is_complex() and not bool(((rates >= 0) & (rates <= MAX_RATE)).all()):
        raise Refused("`input` holds a rate that is negative, NaN or above 2**53")


def _spectral(arguments: Mapping[str, Any]) -> None:
    order, dim = arguments.get("ord", arguments.get("p")), arguments.get("dim")
    is_vector = isinstance(dim, int) or arguments["input"].dim() < 2 or (dim is not None and len(dim) == 1)
    if order == "nuc" or ("ord" in arguments and order in _SPECTRAL_ORDERS and not is_vector):
        _finite({"input": arguments["input"]})


# The largest and the smallest singular value; those of vectors are sums, which are checked for nothing.
_SPECTRAL_ORDERS = frozenset({2, -2})


#: name of a check, as in `CHECKS` of the op table -> check of the arguments by name
GUARDS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "filled": _filled,
    "finite": _finite,
    "quotient": _quotient,
    "rate": _rate,
    "spectral": _spectral,
}
