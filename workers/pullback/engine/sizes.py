"""How much a call would make, from the shapes and numbers that it is given, before anything is allocated.

Only calls that can make more than they are given have an estimate here. Whatever has none is measured after the call.
Estimates are in Python integers, which do not wrap; sizes that torch refuses anyway are left to torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from pullback.contract.program.ops import OPS
from pullback.engine import sizes_products as products
from pullback.engine.data_sizes import DATA_ESTIMATES
from pullback.engine.faults import TooBig
from pullback.engine.sizes_products import broadcast, matmul

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pullback.contract.limits import Limits

# Most tensors that one call may return: `unbind` and `split` of a long tensor make a Python object for each.
MAX_PARTS = 4_096


def check_parts(op: str, arguments: Mapping[str, Any]) -> None:
    """Refuses a call that would return too many tensors.

    Raises:
        TooBig: it would.
    """
    if op in _PARTS and (parts := _PARTS[op](arguments)) > MAX_PARTS:
        raise TooBig("tensors", parts, MAX_PARTS)


def check_size(value: object, limits: Limits) -> None:
    """Refuses a result that is bigger than a tensor may be, views counted as if they were copies.

    Raises:
        TooBig: it is.
    """
    if isinstance(value, torch.Tensor):
        refuse_above(value.numel(), limits)
        if value.dim() > limits.rank:
            raise TooBig("dimensions", value.dim(), limits.rank, "rank")
    elif isinstance(value, (tuple, list)):
        if len(value) > MAX_PARTS:
            raise TooBig("tensors", len(value), MAX_PARTS)
        for item in value:
            check_size(item, limits)


def refuse_above(estimate: int, limits: Limits) -> None:
    """Refuses a tensor of so many elements.

    Raises:
        TooBig: that is more than a tensor may have.
    """
    if estimate > limits.elements:
        raise TooBig("elements", estimate, limits.elements, "elements")


def _count(sizes: object) -> int:
    """Multiplies sizes; one that is negative counts as one, for torch to refuse or to infer."""
    if isinstance(sizes, (list, tuple)):
        return math.prod(max(size, 0) if size >= 0 else 1 for size in sizes)
    return sizes if isinstance(sizes, int) else 1


def _of_size(arguments: Mapping[str, Any]) -> int:
    return _count(arguments.get("size"))


def _expand(arguments: Mapping[str, Any]) -> int:
    wanted = arguments["size"]
    sizes = list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]
    own = [1] * (len(sizes) - arguments["input"].dim()) + list(arguments["input"].shape)
    return math.prod(int(have if want == -1 else want) for want, have in zip(sizes, own, strict=False))


def _repeat(arguments: Mapping[str, Any]) -> int:
    times = arguments["repeats"] if "repeats" in arguments else arguments["dims"]
    return int(arguments["input"].numel()) * _count(times)


def _arange(arguments: Mapping[str, Any]) -> int:
    start, end, step = arguments.get("start", 0), arguments["end"], arguments.get("step", 1)
    try:
        steps: float = (end - start) / step
        return max(0, math.ceil(steps))
    except (ArithmeticError, ValueError):
        return 0  # a step of zero, or a bound that is no finite number: torch says so


def _steps(arguments: Mapping[str, Any]) -> int:
    return int(arguments["steps"])


def _eye(arguments: Mapping[str, Any]) -> int:
    columns = arguments.get("m")
    return int(arguments["n"]) * int(arguments["n"] if columns is None else columns)


def _triangle(arguments: Mapping[str, Any]) -> int:
    return 2 * int(arguments["row"]) * int(arguments["col"])


def _product(first: str, second: str) -> Callable[[Mapping[str, Any]], int]:
    return lambda arguments: int(arguments[first].numel()) * int(arguments[second].numel())


def _cdist(arguments: Mapping[str, Any]) -> int:
    left, right = arguments["x1"].shape, arguments["x2"].shape
    if len(left) < 2 or len(right) < 2:
        return 0
    return broadcast([left[:-2], right[:-2]]) * int(left[-2]) * int(right[-2])


def _grid(arguments: Mapping[str, Any]) -> int:
    return math.prod(int(tensor.numel()) for tensor in arguments["tensors"])


def _cartesian(arguments: Mapping[str, Any]) -> int:
    return _grid(arguments) * len(arguments["tensors"])


def _combinations(arguments: Mapping[str, Any]) -> int:
    count, size = arguments["input"].numel(), arguments.get("r", 2)
    if not 0 <= size <= 64:  # torch makes a grid of that many axes on its way
        return MAX_GRID
    return int(int(count) ** int(size))


def _diagonal(arguments: Mapping[str, Any]) -> int:
    side = arguments["input"].shape[-1] if arguments["input"].dim() else 1
    offset = abs(int(arguments.get("offset") or arguments.get("diagonal") or 0))
    rest = arguments["input"].numel() // side if side else 0
    return int(rest) * (int(side) + offset) ** 2


def _diag(arguments: Mapping[str, Any]) -> int:
    return _diagonal(arguments) if arguments["input"].dim() == 1 else 0


def _flat_diagonal(arguments: Mapping[str, Any]) -> int:
    return (int(arguments["input"].numel()) + abs(int(arguments.get("offset") or 0))) ** 2


def _block_diag(arguments: Mapping[str, Any]) -> int:
    blocks = [(1, 1, *tensor.shape)[-2:] for tensor in arguments["tensors"]]
    return int(sum(block[0] for block in blocks)) * int(sum(block[1] for block in blocks))


def _vander(arguments: Mapping[str, Any]) -> int:
    columns = arguments.get("N")
    count = arguments["x"].numel()
    return int(count) * int(columns if columns is not None else count)


def _pad(arguments: Mapping[str, Any]) -> int:
    sizes = list(arguments["input"].shape)
    pads = arguments["pad"] if isinstance(arguments["pad"], (list, tuple)) else [arguments["pad"]]
    for index, amount in enumerate(pads[: 2 * len(sizes)]):
        sizes[-1 - index // 2] += amount
    return math.prod(max(0, int(size)) for size in sizes)


def _fourier(arguments: Mapping[str, Any]) -> int:
    length = arguments.get("n")
    shape = arguments["input"].shape
    if length is None or not shape:
        return 0
    return int(arguments["input"].numel()) // max(1, int(min(shape))) * int(length)


def _frequencies(arguments: Mapping[str, Any]) -> int:
    return int(arguments["n"])


def _nothing(_: Mapping[str, Any]) -> int:
    return 0


def _sections(arguments: Mapping[str, Any]) -> int:
    sections = arguments.get("indices_or_sections", arguments.get("chunks", 0))
    return int(sections) if isinstance(sections, int) else len(sections) + 1


def _slices(arguments: Mapping[str, Any]) -> int:
    dim, shape = arguments.get("dim", 0) or 0, arguments["input"].shape
    length = int(shape[dim]) if -len(shape) <= dim < len(shape) else 0
    size = arguments.get("split_size", 1)
    return math.ceil(length / size) if isinstance(size, int) and size > 0 else 0


#: A grid with more axes than any tensor has.
MAX_GRID = 2**62

_PARTS: Mapping[str, Callable[[Mapping[str, Any]], int]] = {
    f"{owner}.{name}": count
    for owner in ("torch", "Tensor")
    for name, count in {
        "dsplit": _sections,
        "hsplit": _sections,
        "split": _slices,
        "tensor_split": _sections,
        "unbind": _slices,
        "vsplit": _sections,
    }.items()
}

_BY_NAME: Mapping[str, Callable[[Mapping[str, Any]], int]] = {
    "addbmm": matmul("batch1", "batch2"),
    "addmm": matmul("mat1", "mat2"),
    "addmv": matmul("mat", "vec"),
    "addr": _product("vec1", "vec2"),
    "baddbmm": matmul("batch1", "batch2"),
    "bmm": matmul("input", "mat2"),
    "broadcast_to": _expand,
    "corrcoef": products.covariance,
    "cov": products.covariance,
    "diag": _diag,
    "diag_embed": _diagonal,
    "diagflat": _flat_diagonal,
    "gather": products.as_index,
    "ger": _product("input", "vec2"),
    "index_select": products.picked_rows,
    "inner": products.inner,
    "kron": _product("input", "other"),
    "matmul": matmul("input", "other"),
    "mm": matmul("input", "mat2"),
    "nanquantile": products.quantiles,
    "outer": _product("input", "vec2"),
    "quantile": products.quantiles,
    "svd": products.singular_vectors("input"),
    "take": products.as_index,
    "tile": _repeat,
}

#: key of the op table -> estimate of the elements of the result, from the arguments by name
_RULES: Mapping[str, Callable[[Mapping[str, Any]], int]] = {
    **dict.fromkeys(_PARTS, _nothing),
    **DATA_ESTIMATES,
    **{f"{owner}.{name}": rule for owner in ("torch", "Tensor") for name, rule in _BY_NAME.items()},
    **{f"torch.fft.{name}": _fourier for name in ("fft", "hfft", "ifft", "ihfft", "irfft", "rfft")},
    **{
        f"torch.fft.{kind}fft{axes}": products.many_fourier
        for kind in ("", "h", "i", "ih", "ir", "r")
        for axes in ("2", "n")
    },
    **{f"torch.nn.functional.conv{axes}d": products.convolution for axes in (1, 2, 3)},
    **{f"torch.nn.functional.conv_transpose{axes}d": products.transposed_convolution for axes in (1, 2, 3)},
    "Tensor.expand": _expand,
    "Tensor.new_full": _of_size,
    "Tensor.new_ones": _of_size,
    "Tensor.new_zeros": _of_size,
    "Tensor.repeat": _repeat,
    "operator.getitem": products.indexed,
    "operator.matmul": matmul("a", "b"),
    "torch.arange": _arange,
    "torch.block_diag": _block_diag,
    "torch.cartesian_prod": _cartesian,
    "torch.cdist": _cdist,
    "torch.chain_matmul": products.chain("matrices"),
    "torch.combinations": _combinations,
    "torch.einsum": products.einsum,
    "torch.eye": _eye,
    "torch.fft.fftfreq": _frequencies,
    "torch.fft.rfftfreq": _frequencies,
    "torch.full": _of_size,
    "torch.linalg.matmul": matmul("input", "other"),
    "torch.linalg.multi_dot": products.chain("tensors"),
    "torch.linalg.qr": products.orthogonal,
    "torch.linalg.svd": products.singular_vectors("A"),
    "torch.linalg.vander": _vander,
    "torch.linspace": _steps,
    "torch.logspace": _steps,
    "torch.meshgrid": _grid,
    "torch.nn.functional.bilinear": products.bilinear,
    "torch.nn.functional.embedding": products.embedded,
    "torch.nn.functional.interpolate": products.interpolate,
    "torch.nn.functional.linear": products.linear,
    "torch.nn.functional.pad": _pad,
    "torch.nn.functional.pdist": products.distances,
    "torch.nn.functional.scaled_dot_product_attention": products.attention,
    "torch.ones": _of_size,
    "torch.tensordot": products.tensordot,
    "torch.tril_indices": _triangle,
    "torch.triu_indices": _triangle,
    "torch.vander": _vander,
    "torch.zeros": _of_size,
}


def _rule(key: str) -> Callable[[Mapping[str, Any]], int] | None:
    # A function of both modules is one function, and has one rule.
    return _RULES.get(key) or _RULES.get(key.replace("torch.", "torch.nn.functional.", 1))


#: The rules of the op table's keys alone: what goes by a family's name here may not be there for all its members.
ESTIMATES: Mapping[str, Callable[[Mapping[str, Any]], int]] = {
    key: rule for key in OPS if (rule := _rule(key)) is not None
}
