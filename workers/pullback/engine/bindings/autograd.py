"""What a program says to autograd, and what it reads from it."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch

from pullback.engine.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.engine.bindings.binding import Binding


def _grad(tensor: torch.Tensor) -> torch.Tensor | None:
    # torch warns where a result's gradient is read, since it is None unless the tensor retains it.
    return tensor.grad if tensor.is_leaf or tensor.retains_grad else None


def _zero_grad(tensor: torch.Tensor) -> torch.Tensor:
    gradient = _grad(tensor)
    if gradient is None:
        raise Refused("the tensor has no gradient yet: nothing was accumulated into its .grad")
    return gradient.zero_()


def _clear_grad(tensor: torch.Tensor) -> None:
    tensor.grad = None


AUTOGRAD: Mapping[str, Binding] = {
    "Tensor.backward": torch.Tensor.backward,
    "Tensor.grad": _grad,
    "Tensor.grad.clear": _clear_grad,
    "Tensor.grad.zero_": _zero_grad,
    "Tensor.grad_fn": operator.attrgetter("grad_fn"),
    "Tensor.is_leaf": operator.attrgetter("is_leaf"),
    "Tensor.requires_grad": operator.attrgetter("requires_grad"),
    "Tensor.requires_grad_": torch.Tensor.requires_grad_,
    "Tensor.retain_grad": torch.Tensor.retain_grad,
    "torch.autograd.backward": torch.autograd.backward,
    "torch.autograd.grad": torch.autograd.grad,
}
