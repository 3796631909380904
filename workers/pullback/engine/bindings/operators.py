"""Operators: torch's where a tensor takes part, bounded ones of our own between plain numbers."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import torch

from pullback.engine import arithmetic
from pullback.engine.faults import Refused
from pullback.engine.values import describe_value, is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pullback.engine.bindings.binding import Binding


def _operator(of_tensors: Callable[..., object], of_numbers: Callable[..., object] | None = None) -> Binding:
    """Makes an operator.

    Args:
        of_tensors: what is called where an operand is a tensor.
        of_numbers: what is called where none is; the same one, where it is not given.
    """
    number_function = of_numbers or of_tensors

    def apply(*operands: object) -> object:
        for operand in operands:
            if isinstance(operand, torch.Tensor):
                return of_tensors(*operands)
        return arithmetic.call(number_function, *operands)

    return apply


def _update(in_place: Callable[[Any, Any], object], new: Callable[..., object]) -> Binding:
    """Makes what an augmented assignment does to what may be a leaf.

    A leaf is changed in place, for it keeps its name, its gradient and what depends on it; torch refuses that where it
    is tracked. The memory is the evaluation's own. What is no leaf gets a new value.
    """
    apply = _operator(new, arithmetic.power if new is operator.pow else None)

    def update(target: object, operand: object) -> object:
        if isinstance(target, torch.Tensor) and target.is_leaf and target.requires_grad:
            if torch.is_grad_enabled():
                raise Refused(
                    "a leaf that requires a gradient is not changed while it is tracked; do so under torch.no_grad(), "
                    "or make a new value with = and the operator"
                )
            return in_place(target, operand)
        return apply(target, operand)

    return update


def _getitem(container: object, index: object) -> object:
    if isinstance(container, torch.Tensor):
        _check_index(index)
        return container[index]  # type: ignore[index]
    if not isinstance(container, (tuple, list)):
        raise Refused(f"{describe_value(container)} cannot be indexed")
    if type(index) is not int and not isinstance(index, slice):
        raise Refused(f"a tuple is indexed by an int or a slice, not by {describe_value(index)}")
    return container[index]


def _check_index(index: object) -> None:
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        if isinstance(part, list):
            if not all(type(item) in {int, bool} for item in part):
                raise Refused("a list in an index holds ints, or True and False")
        elif not (part is None or part is Ellipsis or isinstance(part, (int, slice, torch.Tensor))):
            raise Refused(f"a tensor cannot be indexed by {describe_value(part)}")


def _matmul(left: object, right: object) -> object:
    if is_number(left) or is_number(right):
        raise Refused("multiplies matrices and vectors; numbers are multiplied with *")
    return operator.matmul(left, right)


#: Elementwise operators -> what is called where an operand is a tensor.
TENSOR_OPERATORS: Mapping[str, Callable[..., object]] = {
    "operator.add": operator.add,
    "operator.and_": operator.and_,
    "operator.eq": operator.eq,
    "operator.floordiv": operator.floordiv,
    "operator.ge": operator.ge,
    "operator.gt": operator.gt,
    "operator.invert": operator.invert,
    "operator.le": operator.le,
    "operator.lt": operator.lt,
    "operator.mod": operator.mod,
    "operator.mul": operator.mul,
    "operator.ne": operator.ne,
    "operator.neg": operator.neg,
    "operator.or_": operator.or_,
    "operator.pos": operator.pos,
    "operator.pow": operator.pow,
    "operator.sub": operator.sub,
    "operator.truediv": operator.truediv,
    "operator.xor": operator.xor,
}

OPERATORS: Mapping[str, Binding] = {
    **{key: _operator(function) for key, function in TENSOR_OPERATORS.items()},
    "operator.iadd": _update(operator.iadd, operator.add),
    "operator.imul": _update(operator.imul, operator.mul),
    "operator.ipow": _update(operator.ipow, operator.pow),
    "operator.isub": _update(operator.isub, operator.sub),
    "operator.itruediv": _update(operator.itruediv, operator.truediv),
    "operator.getitem": _getitem,
    "operator.matmul": _matmul,
    "operator.pow": _operator(operator.pow, arithmetic.power),
}
