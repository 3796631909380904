"""Tensors from numbers that the program holds."""

from __future__ import annotations

import torch

from pullback.engine.faults import Refused
from pullback.engine.values import describe_value, is_number


def tensor(
    data: object, *, dtype: torch.dtype | None = None, requires_grad: bool | None = None
) -> torch.Tensor:
    """Makes a tensor from a number or from nested lists of numbers.

    A tensor among the numbers is refused: torch would copy its value and cut it off from its gradient in silence.
    """
    _check_numbers(data)
    return torch.tensor(data, dtype=dtype, requires_grad=bool(requires_grad))


def new_tensor(
    like: torch.Tensor, data: object, *, dtype: torch.dtype | None = None, requires_grad: bool | None = None
) -> torch.Tensor:
    """Makes a tensor as `tensor` does, with another tensor's data type where none is given."""
    return tensor(data, dtype=dtype or like.dtype, requires_grad=requires_grad)


def as_tensor(data: object, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Makes a tensor as `tensor` does; one that is one already is converted, and keeps its gradient."""
    if isinstance(data, torch.Tensor):
        return data if dtype is None else data.to(dtype)
    return tensor(data, dtype=dtype)


def _check_numbers(data: object) -> None:
    waiting = [data]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (list, tuple)):
            waiting.extend(item)
        elif isinstance(item, torch.Tensor):
            raise Refused(
                "takes numbers, not tensors: torch.stack joins tensors, .clone() and .detach() copy one"
            )
        elif not is_number(item):
            raise Refused(f"takes numbers and lists of numbers, not {describe_value(item)}")
