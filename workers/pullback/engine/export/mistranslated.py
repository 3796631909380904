"""Operations that torch translates into ONNX wrongly: the model would be read, run, and give other values.

Found by running every call of the op table's vectors in an ONNX runtime, which a test repeats. Each is refused until
torch's translation gives what torch gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ATEN = torch.ops.aten


def _argument(node: torch.fx.Node, name: str) -> object:
    arguments = node.normalized_arguments(torch.nn.Module(), normalize_to_only_use_kwargs=True)
    return None if arguments is None else arguments.kwargs.get(name)


def _always(node: torch.fx.Node) -> bool:
    del node
    return True


def _divides_by_its_own(node: torch.fx.Node) -> bool:
    return _argument(node, "divisor_override") is not None  # ignored


def _is_mean(node: torch.fx.Node) -> bool:
    return _argument(node, "reduce") == "mean"  # made a sum


def _is_smoothed(node: torch.fx.Node) -> bool:
    return bool(
        _argument(node, "label_smoothing")
    )  # averaged without weights, over targets that are ignored too


def _mixes_types(node: torch.fx.Node) -> bool:
    weight, value = _argument(node, "weight"), node.args[0]
    if not isinstance(weight, torch.fx.Node) or not isinstance(value, torch.fx.Node):
        return False
    return bool(
        weight.meta["val"].dtype != value.meta["val"].dtype
    )  # the result is made of the weight's type


_WRONG: Mapping[object, Callable[[torch.fx.Node], bool]] = {
    _ATEN.avg_pool2d.default: _divides_by_its_own,
    _ATEN.avg_pool3d.default: _divides_by_its_own,
    _ATEN.binary_cross_entropy.default: _mixes_types,
    _ATEN.cross_entropy_loss.default: _is_smoothed,
    _ATEN.diagonal_scatter.default: _always,
    _ATEN.multilabel_margin_loss.default: _always,
    _ATEN.scatter_reduce.two: _is_mean,
}


def is_mistranslated(node: torch.fx.Node) -> bool:
    """Tells whether a node's translation would give other values."""
    rule = _WRONG.get(node.target)
    return rule is not None and rule(node)
