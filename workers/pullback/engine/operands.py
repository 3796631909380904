"""Operands matched with an op's parameters: by number and name once, by kind in every run.

torch's own check comes too late and too loose: some of its functions take strings for operands, read tensors as
numbers, or run into native code with integers that no size can have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pullback.contract.program.ops import KINDS, OPS
from pullback.engine.faults import Refused, TooBig
from pullback.engine.values import describe_value, is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pullback.contract.program.ir import Call
    from pullback.contract.program.ops import Param


@dataclass(frozen=True)
class Matching:
    """The parameters that a call's operands belong to, under one signature of its op.

    Attributes:
        positional: the parameter of each positional operand.
        named: the parameter of each keyword.
        bounded: the parameters that do not take every number, each with the index or the keyword of its operand.
    """

    positional: tuple[Param, ...]
    named: Mapping[str, Param]
    bounded: tuple[tuple[Param, int | str], ...]

    def misfit(
        self, operands: tuple[object, ...], keywords: Mapping[str, object]
    ) -> tuple[Param, object] | None:
        """Finds the first operand that is not of its parameter's kind."""
        for param, value in zip(self.positional, operands, strict=True):
            if not _fits(param, value):
                return param, value
        for name, value in keywords.items():
            if not _fits(self.named[name], value):
                return self.named[name], value
        return None

    def check_ranges(self, operands: tuple[object, ...], keywords: Mapping[str, object]) -> None:
        """Refuses numbers that are out of their parameter's range.

        Raises:
            Refused: there is one.
            TooBig: there is one that asks for too much.
        """
        for param, where in self.bounded:
            outside = param.outside(keywords[where] if isinstance(where, str) else operands[where])
            if outside is None:
                continue
            if outside.is_too_much:
                raise TooBig(f"for `{param.name}`", int(outside.value), int(outside.limit))
            if param.is_ranged:
                raise Refused(f"`{param.name}` is {param.range_text()}, not {outside.value:,}")
            raise Refused(f"`{param.name}` holds {outside.value:,}, which is beyond any size")

    def arguments(self, operands: tuple[object, ...], keywords: Mapping[str, object]) -> dict[str, object]:
        """Gives the operands by parameter name; a variadic parameter's as one list."""
        values: dict[str, object] = dict(keywords)
        for param, value in zip(self.positional, operands, strict=True):
            if param.variadic and param is self.positional[-1]:
                given = [v for p, v in zip(self.positional, operands, strict=True) if p is param]
                values[param.name] = given[0] if isinstance(given[0], (list, tuple)) else given
            else:
                values[param.name] = value
        return values


def matchings(call: Call) -> tuple[Matching, ...]:
    """Finds the signatures that a call's operands fit by number and name."""
    names = [name for name, _ in call.keywords]
    found = []
    for signature in OPS[call.op].signatures:
        bound = signature.bind(len(call.arguments), names)
        if not isinstance(bound, str):
            places: list[tuple[Param, int | str]] = [(param, i) for i, param in enumerate(bound.positional)]
            places += [(param, name) for name, param in bound.keywords.items()]
            bounded = tuple(place for place in places if place[0].is_bounded)
            found.append(Matching(*bound, bounded))
    return tuple(found)


def match(
    candidates: tuple[Matching, ...], operands: tuple[object, ...], keywords: Mapping[str, object]
) -> Matching:
    """Picks the first signature whose kinds the operands are of.

    Raises:
        Refused: there is none.
    """
    misfit = None
    for candidate in candidates:
        misfit = candidate.misfit(operands, keywords)
        if misfit is None:
            return candidate
    if misfit is None:
        raise Refused("cannot be called with these operands")
    param, value = misfit
    if param.choices and isinstance(value, str):
        raise Refused(f"`{param.name}` is one of {', '.join(param.choices)}")
    wanted = " or ".join(KINDS[kind] for kind in param.kinds if kind != "enum")
    raise Refused(f"`{param.name}` takes {wanted or 'a string'}, not {describe_value(value)}")


def _fits(param: Param, value: object) -> bool:
    if value is None:
        return not param.required or "none" in param.kinds or "any" in param.kinds
    if isinstance(value, str):
        return value in param.choices or "equation" in param.kinds or "any" in param.kinds
    return any(_IS_OF_KIND[kind](value) for kind in param.kinds)


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def _is_operand(value: object) -> bool:
    return isinstance(value, torch.Tensor) or is_number(value)


def _is_integer(value: object) -> bool:
    return type(value) is int


def _are_integers(value: object) -> bool:
    return _is_integer(value) or (isinstance(value, (list, tuple)) and all(map(_is_integer, value)))


def _are_tensors(value: object) -> bool:
    if isinstance(value, torch.Tensor):
        return True
    return isinstance(value, (list, tuple)) and all(item is None or _is_tensor(item) for item in value)


_IS_OF_KIND: Mapping[str, Callable[[object], bool]] = {
    "any": lambda _: True,
    "bool": lambda value: isinstance(value, bool),
    "dim": _is_integer,
    "dims": _are_integers,
    "dtype": lambda value: isinstance(value, torch.dtype),
    "enum": lambda _: False,  # strings are seen to before
    "equation": lambda _: False,
    "float": is_number,
    "int": _is_integer,
    "ints": _are_integers,
    "none": lambda _: False,
    "number": is_number,
    "operand": _is_operand,
    "size": _is_integer,
    "sizes": _are_integers,
    "tensor": _is_tensor,
    "tensors": _are_tensors,
}
