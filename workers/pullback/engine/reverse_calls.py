"""The calls with which a program differentiates by itself, priced before they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pullback.engine.meter import Meter


def _backward(meter: Meter, function: Callable[..., Any], arguments: Mapping[str, Any]) -> object:
    outputs = _tensors(arguments.get("input", arguments.get("tensors")))
    inputs = arguments.get("inputs")
    create_graph = bool(arguments.get("create_graph"))
    reverse = meter.begin_backward(
        outputs, None if inputs is None else _tensors(inputs), create_graph=create_graph
    )
    result = function(**_renamed(arguments))
    meter.end_backward(reverse, (), create_graph=create_graph)
    return result


def _grad(meter: Meter, function: Callable[..., Any], arguments: Mapping[str, Any]) -> object:
    create_graph = bool(arguments.get("create_graph"))
    reverse = meter.begin_backward(
        _tensors(arguments["outputs"]), _tensors(arguments["inputs"]), create_graph=create_graph
    )
    result = function(**arguments)
    meter.end_backward(reverse, result, create_graph=create_graph)
    return result


def _renamed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Gives the receiver of a method the name that torch knows it by."""
    return {"self" if name == "input" else name: value for name, value in arguments.items()}


def _tensors(value: object) -> Sequence[torch.Tensor]:
    items = value if isinstance(value, (list, tuple)) else (value,)
    return [item for item in items if isinstance(item, torch.Tensor)]


#: key of the op table -> what calls it
BACKWARD: Mapping[str, Callable[[Meter, Callable[..., Any], Mapping[str, Any]], object]] = {
    "Tensor.backward": _backward,
    "torch.autograd.backward": _backward,
    "torch.autograd.grad": _grad,
}
