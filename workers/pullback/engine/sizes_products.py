"""Estimates, as in `sizes`, for products, convolutions, decompositions and what picks elements by indices.

Each gives the elements of the largest tensor that the call makes, the result or one on the way to it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Rule = Callable[[Mapping[str, Any]], int]


def broadcast(shapes: Iterable[Sequence[int]]) -> int:
    """Counts the elements of shapes that are broadcast to one; of those that do not fit, the larger size."""
    sizes: dict[int, int] = {}
    for shape in shapes:
        for axis, size in enumerate(reversed(shape)):
            sizes[axis] = max(int(size), sizes.get(axis, 1)) if size else 0
    return math.prod(sizes.values())


def can_broadcast(shapes: Iterable[Sequence[int]]) -> bool:
    """Tells whether shapes can be broadcast to one."""
    sizes: dict[int, int] = {}
    for shape in shapes:
        for axis, size in enumerate(reversed(shape)):
            if size != 1 and sizes.setdefault(axis, size) != size:
                return False
    return True


def matmul(first: str, second: str) -> Rule:
    """Makes the rule of a product of the last two dimensions."""

    def estimate(arguments: Mapping[str, Any]) -> int:
        left, right = arguments[first].shape, arguments[second].shape
        rows = left[-2] if len(left) > 1 else 1
        columns = right[-1] if len(right) > 1 else 1
        return broadcast([left[:-2], right[:-2]]) * int(rows) * int(columns)

    return estimate


def inner_size(tensor: torch.Tensor) -> int:
    """Gives the size of the dimension that a product sums over."""
    return int(tensor.shape[-1]) if tensor.dim() else 1


def linear(arguments: Mapping[str, Any]) -> int:
    """Counts ``input @ weight.T``."""
    weight = arguments["weight"]
    rows = int(arguments["input"].numel()) // max(1, inner_size(arguments["input"]))
    return rows * (int(weight.shape[0]) if weight.dim() > 1 else 1)


def inner(arguments: Mapping[str, Any]) -> int:
    """Counts the products of all rows of one with all rows of the other."""
    left, right = arguments["input"], arguments["other"]
    if not left.dim() or not right.dim():
        return int(left.numel() * right.numel())
    return int(left.numel() // max(1, inner_size(left)) * (right.numel() // max(1, inner_size(right))))


def bilinear(arguments: Mapping[str, Any]) -> int:
    """Counts what each of the matrices makes of each row."""
    return int(arguments["input1"].numel()) * int(arguments["weight"].shape[0])


def tensordot(arguments: Mapping[str, Any]) -> int:
    """Counts the product of the dimensions that are not summed over."""
    left, right, dims = arguments["a"], arguments["b"], arguments.get("dims", 2)
    try:
        if isinstance(dims, int):
            summed = math.prod(int(size) for size in left.shape[left.dim() - dims :]) if dims else 1
            other = math.prod(int(size) for size in right.shape[:dims])
        else:
            summed = math.prod(int(left.shape[axis]) for axis in dims[0])
            other = math.prod(int(right.shape[axis]) for axis in dims[1])
    except (IndexError, TypeError):
        return 0  # for torch to refuse
    return int(left.numel()) // max(1, summed) * (int(right.numel()) // max(1, other))


def chain(name: str) -> Rule:
    """Makes the rule of a chain of matrix products, in whichever order."""

    def estimate(arguments: Mapping[str, Any]) -> int:
        matrices = arguments[name]
        rows = max((matrix.shape[0] for matrix in matrices if matrix.dim()), default=1)
        return int(rows) * max((inner_size(matrix) for matrix in matrices), default=1)

    return estimate


class Contraction(NamedTuple):
    """What a contraction of several tensors takes.

    Attributes:
        elements: of the largest tensor on the way.
        work: multiplications of all steps.
    """

    elements: int
    work: int


def contraction(equation: str, operands: Sequence[torch.Tensor]) -> Contraction:
    """Plays an einsum through in torch's order, from left to right. What torch will refuse counts as nothing."""
    left, _, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        return Contraction(0, 0)
    sizes: dict[str, int] = {}
    named = [_letters(term, tensor, sizes) for term, tensor in zip(terms, operands, strict=True)]
    joined = "".join(left.replace(",", "").replace(".", ""))
    dots = {letter for letter in sizes if len(letter) > 1}
    wanted = dots | (set(right) - {"."} if "->" in equation else {x for x in joined if joined.count(x) == 1})
    held, elements, work = set(named[0]), 0, 0
    for index, term in enumerate(named[1:], start=1):
        later = wanted.union(*named[index + 1 :])
        # What only one of both has, and nobody asks for later, is summed over beforehand.
        both = (held & (term | later)) | (term & (held | later))
        work += math.prod(sizes[letter] for letter in both)
        held = both & later
        elements = max(elements, math.prod(sizes[letter] for letter in held))
    return Contraction(elements, work)


def _letters(term: str, tensor: torch.Tensor, sizes: dict[str, int]) -> set[str]:
    before, dots, after = term.partition("...")
    spare = max(0, tensor.dim() - len(before) - len(after)) if dots else 0
    # Dimensions under the dots are counted from the last, as they are broadcast.
    names = [*before, *(f"...{spare - index}" for index in range(spare)), *after]
    for name, size in zip(names, tensor.shape, strict=False):
        sizes[name] = max(sizes.get(name, 1), int(size))
    return {name for name in names if name in sizes}


def einsum(arguments: Mapping[str, Any]) -> int:
    """Counts the largest tensor of a contraction."""
    return contraction(arguments["equation"], arguments["operands"]).elements


def _per_axis(value: object, axes: int, default: int) -> list[int]:
    if isinstance(value, int):
        return [value] * axes
    if isinstance(value, (list, tuple)) and value:
        return [int(item) for item in value] if len(value) == axes else [int(value[0])] * axes
    return [default] * axes


def convolution(arguments: Mapping[str, Any]) -> int:
    """Counts the result of a convolution."""
    image, weight = arguments["input"].shape, arguments["weight"].shape
    kernel = weight[2:]
    axes = len(kernel)
    places = 1
    strides = _per_axis(arguments.get("stride"), axes, 1)
    dilations = _per_axis(arguments.get("dilation"), axes, 1)
    padding = arguments.get("padding")
    pads = _per_axis(padding, axes, 0)
    for size, width, stride, dilation, pad in zip(
        image[-axes:], kernel, strides, dilations, pads, strict=False
    ):
        reach = dilation * (int(width) - 1)
        length = int(size) if padding == "same" else int(size) + 2 * pad - reach
        places *= max(0, (length - 1) // max(1, stride) + 1)
    batch = int(image[0]) if len(image) > axes + 1 else 1
    return batch * int(weight[0]) * places if weight else 0


def transposed_convolution(arguments: Mapping[str, Any]) -> int:
    """Counts the result of a transposed convolution, which is bigger than what it is made of."""
    image, weight = arguments["input"].shape, arguments["weight"].shape
    kernel = weight[2:]
    axes = len(kernel)
    names = (("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1))
    parts = [_per_axis(arguments.get(name), axes, default) for name, default in names]
    places = 1
    for size, width, stride, pad, more, dilation in zip(image[-axes:], kernel, *parts, strict=False):
        places *= max(0, (int(size) - 1) * stride - 2 * pad + dilation * (int(width) - 1) + more + 1)
    batch = int(image[0]) if len(image) > axes + 1 else 1
    return batch * int(weight[1]) * int(arguments.get("groups") or 1) * places if axes else 0


def kernel_columns(arguments: Mapping[str, Any]) -> int:
    """Counts the copies that a convolution makes of its input, one for each place of the kernel."""
    weight = arguments["weight"]
    made = convolution(arguments)
    return made // max(1, int(weight.shape[0])) * int(weight[0].numel()) * int(arguments.get("groups") or 1)


def interpolate(arguments: Mapping[str, Any]) -> int:
    """Counts the result of resizing all dimensions behind the second."""
    shape = arguments["input"].shape
    axes = max(0, len(shape) - 2)
    size, scale = arguments.get("size"), arguments.get("scale_factor")
    kept = math.prod(shape[:2])
    if size is not None:
        return int(kept) * math.prod(max(0, each) for each in _per_axis(size, axes, 1))
    scales = list(scale) if isinstance(scale, (list, tuple)) else [scale] * axes
    try:
        places = math.prod(int(each * by) for each, by in zip(shape[2:], scales, strict=False))
    except (TypeError, ValueError, OverflowError):
        return 0  # for torch to refuse
    return int(kept) * max(0, places)


def covariance(arguments: Mapping[str, Any]) -> int:
    """Counts the pairs of rows."""
    data = arguments["input"]
    return max(int(data.numel()), int(data.shape[0]) ** 2 if data.dim() > 1 else 1)


def distances(arguments: Mapping[str, Any]) -> int:
    """Counts the pairs of rows, each once."""
    data = arguments["input"]
    return int(data.shape[0]) ** 2 // 2 if data.dim() else 0


def attention(arguments: Mapping[str, Any]) -> int:
    """Counts the weights of each key for each query, and the result."""
    query, key = arguments["query"].shape, arguments["key"].shape
    if len(query) < 2 or len(key) < 2:
        return 0
    batch = broadcast([query[:-2], key[:-2]])
    return batch * int(query[-2]) * max(int(key[-2]), int(arguments["value"].shape[-1]))


def singular_vectors(name: str) -> Rule:
    """Makes the rule of a singular value decomposition: its vectors may be as many as the longer side."""

    def estimate(arguments: Mapping[str, Any]) -> int:
        matrix = arguments[name]
        if matrix.dim() < 2:
            return 0
        rows, columns = int(matrix.shape[-2]), int(matrix.shape[-1])
        complete = arguments.get("full_matrices", True) is not False and arguments.get("some", False) is False
        side = max(rows, columns) if complete else min(rows, columns)
        return math.prod(int(each) for each in matrix.shape[:-2]) * max(rows, columns) * side

    return estimate


def orthogonal(arguments: Mapping[str, Any]) -> int:
    """Counts the square matrix of a complete QR decomposition."""
    matrix = arguments["A"]
    if matrix.dim() < 2 or arguments.get("mode") != "complete":
        return int(matrix.numel())
    return int(math.prod(matrix.shape[:-1])) * max(int(matrix.shape[-2]), int(matrix.shape[-1]))


def many_fourier(arguments: Mapping[str, Any]) -> int:
    """Counts the result of a transform of several dimensions, cut or filled to the sizes given."""
    shape, sizes = list(arguments["input"].shape), arguments.get("s")
    if sizes is None or isinstance(sizes, int):
        return 2 * int(arguments["input"].numel())
    dims = arguments.get("dim")
    axes = list(dims) if isinstance(dims, (list, tuple)) else list(range(-len(sizes), 0))
    for axis, size in zip(axes, sizes, strict=False):
        if -len(shape) <= axis < len(shape):
            shape[axis] = max(1, int(size)) if size != -1 else shape[axis]
    return 2 * math.prod(int(each) for each in shape)


def picked_rows(arguments: Mapping[str, Any]) -> int:
    """Counts a slice for each index."""
    source, index, dim = arguments["input"], arguments["index"], arguments["dim"]
    if not -source.dim() <= dim < source.dim():
        return 0
    return int(source.numel()) // max(1, int(source.shape[dim])) * int(index.numel())


def embedded(arguments: Mapping[str, Any]) -> int:
    """Counts a row of the table for each index."""
    return int(arguments["input"].numel()) * inner_size(arguments["weight"])


def as_index(arguments: Mapping[str, Any]) -> int:
    """Counts an element for each index."""
    index = arguments.get("index", arguments.get("indices"))
    return int(index.numel()) if isinstance(index, torch.Tensor) else 0


def quantiles(arguments: Mapping[str, Any]) -> int:
    """Counts a sorted copy, and one result for each quantile."""
    data, wanted, dim = arguments["input"], arguments["q"], arguments.get("dim")
    count = int(wanted.numel()) if isinstance(wanted, torch.Tensor) else 1
    length = (
        int(data.shape[dim]) if dim is not None and -data.dim() <= dim < data.dim() else int(data.numel())
    )
    return max(int(data.numel()), count * (int(data.numel()) // max(1, length)))


def indexed(arguments: Mapping[str, Any]) -> int:
    """Counts what ``a[b]`` copies: nothing for numbers and slices; for tensors, a slice for each index."""
    source, index = arguments["a"], arguments["b"]
    parts = list(index) if isinstance(index, tuple) else [index]
    if not isinstance(source, torch.Tensor) or not any(
        isinstance(part, (torch.Tensor, list)) for part in parts
    ):
        return 0
    kept = int(source.numel())
    shapes: list[Sequence[int]] = []
    for axis, part in _with_axes(parts, source.dim()):
        if isinstance(part, torch.Tensor) and part.dtype in _MASKS:
            continue  # a mask picks at most all that it covers
        if isinstance(part, (torch.Tensor, list)) and axis < source.dim():
            kept //= max(1, int(source.shape[axis]))
            shapes.append(part.shape if isinstance(part, torch.Tensor) else (len(part),))
    return kept * broadcast(shapes)


def _with_axes(parts: Sequence[object], rank: int) -> Iterator[tuple[int, object]]:
    """Gives each part of an index with the axis that it begins at."""
    widths = [_width(part) for part in parts]
    axis = 0
    for position, (part, width) in enumerate(zip(parts, widths, strict=True)):
        yield axis, part
        axis = rank - sum(widths[position + 1 :]) if part is Ellipsis else axis + width


def _width(part: object) -> int:
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.dim() if isinstance(part, torch.Tensor) and part.dtype in _MASKS else 1


_MASKS = frozenset({torch.bool, torch.uint8})
