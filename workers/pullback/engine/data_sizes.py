"""Estimates, as in `sizes`, for what makes as much as its operands' values or a window's geometry say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Rule = Callable[[Mapping[str, Any]], int]


def _several(value: object, count: int) -> list[int]:
    """Writes one number for each of so many axes, as torch reads one that stands for all."""
    items = [int(item) for item in value] if isinstance(value, (list, tuple)) else [int(value)]  # type: ignore[call-overload]
    return items * count if len(items) == 1 else items


def _of(name: str) -> Rule:
    """Estimates by a parameter that gives the size, or all sizes."""

    def estimate(arguments: Mapping[str, Any]) -> int:
        value = arguments.get(name)
        sizes = value if isinstance(value, (list, tuple)) else [0 if value is None else value]
        return math.prod(max(0, int(size)) for size in sizes)

    return estimate


def _greatest(tensor: torch.Tensor) -> int:
    if not tensor.numel() or tensor.is_floating_point() or tensor.is_complex():
        return 0
    return int(tensor.max())


def _bincount(arguments: Mapping[str, Any]) -> int:
    return max(_greatest(arguments["input"]) + 1, int(arguments.get("minlength") or 0))


def _one_hot(arguments: Mapping[str, Any]) -> int:
    tensor, classes = arguments["tensor"], arguments.get("num_classes")
    count = _greatest(tensor) + 1 if classes is None or classes == -1 else int(classes)
    return int(tensor.numel()) * max(0, count)


def _repeat_interleave(arguments: Mapping[str, Any]) -> int:
    tensor, repeats = arguments["input"], arguments["repeats"]
    if not isinstance(repeats, torch.Tensor):
        return int(tensor.numel()) * max(0, int(repeats))
    if not repeats.numel() or repeats.is_complex():
        return 0
    # In float64, which does not wrap; a share of the tensor for each of the repeats.
    total = float(repeats.double().sum())
    share = tensor.numel() if repeats.numel() == 1 else math.ceil(tensor.numel() / repeats.numel())
    return int(total) * int(share) if math.isfinite(total) else 2**62


def _multinomial(arguments: Mapping[str, Any]) -> int:
    tensor = arguments["input"]
    rows = int(tensor.shape[0]) if tensor.dim() == 2 else 1
    return rows * int(arguments["num_samples"])


def _pooled(axes: int) -> Rule:
    """Estimates a pooling to a given size."""

    def estimate(arguments: Mapping[str, Any]) -> int:
        wanted, shape = arguments["output_size"], arguments["input"].shape
        if len(shape) < axes:
            return 0
        return int(math.prod(shape[:-axes])) * math.prod(_several(wanted, axes))

    return estimate


def _unfolded(arguments: Mapping[str, Any]) -> int:
    """Estimates the windows of a picture: `F.unfold` holds each whole."""
    shape = arguments["input"].shape
    if len(shape) not in {3, 4}:
        return 0
    windows = int(math.prod(shape[:-2]))
    for size, kernel, dilation, padding, stride in zip(
        shape[-2:],
        _several(arguments["kernel_size"], 2),
        *(_several(arguments.get(name) or default, 2) for name, default in _GEOMETRY),
        strict=False,
    ):
        places = (int(size) + 2 * padding - dilation * (kernel - 1) - 1) // max(1, stride) + 1
        windows *= kernel * max(0, places)
    return windows


_GEOMETRY = (("dilation", 1), ("padding", 0), ("stride", 1))


def _folded(arguments: Mapping[str, Any]) -> int:
    shape, kernel = arguments["input"].shape, _several(arguments["kernel_size"], 2)
    channels = int(shape[-2]) // max(1, math.prod(kernel)) if len(shape) > 1 else 0
    batch = int(shape[0]) if len(shape) == 3 else 1
    padding = max(_several(arguments.get("padding") or 0, 2))
    sizes = (size + 2 * padding for size in _several(arguments["output_size"], 2))
    return batch * channels * math.prod(sizes)


def _windows(arguments: Mapping[str, Any]) -> int:
    """Estimates the windows along one axis: a view, priced as a copy."""
    tensor, size, step = arguments["input"], int(arguments["size"]), int(arguments["step"])
    dim, rank = int(arguments["dimension"]), tensor.dim()
    if not -rank <= dim < rank or step < 1:
        return 0
    length = int(tensor.shape[dim])
    return int(tensor.numel()) // max(1, length) * (max(0, length - size) // step + 1) * size


def _sampled(arguments: Mapping[str, Any]) -> int:
    shape, grid = arguments["input"].shape, arguments["grid"].shape
    return int(math.prod(shape[:2])) * int(math.prod(grid[1:-1]))


def _placed(arguments: Mapping[str, Any]) -> int:
    return 4 * _of("size")(arguments)  # a coordinate for each axis, and one to make them homogeneous


#: key of the op table -> estimate of the elements of the result, from the arguments by name
DATA_ESTIMATES: Mapping[str, Rule] = {
    **{
        f"{owner}.{name}": rule
        for owner in ("torch", "Tensor")
        for name, rule in {
            "bincount": _bincount,
            "histc": _of("bins"),
            "multinomial": _multinomial,
            "repeat_interleave": _repeat_interleave,
        }.items()
    },
    **{
        f"torch.nn.functional.adaptive_{kind}_pool{axes}d": _pooled(axes)
        for kind in ("avg", "max")
        for axes in (1, 2, 3)
    },
    **{f"torch.{name}": _of("size") for name in ("normal", "rand", "randint", "randn")},
    **{
        f"torch.{name}_window": _of("window_length")
        for name in ("bartlett", "blackman", "hamming", "hann", "kaiser")
    },
    "Tensor.unfold": _windows,
    "torch.adaptive_avg_pool1d": _pooled(1),
    "torch.adaptive_max_pool1d": _pooled(1),
    "torch.nn.functional.affine_grid": _placed,
    "torch.nn.functional.fold": _folded,
    "torch.nn.functional.grid_sample": _sampled,
    "torch.nn.functional.one_hot": _one_hot,
    "torch.nn.functional.unfold": _unfolded,
    "torch.randperm": _of("n"),
}
