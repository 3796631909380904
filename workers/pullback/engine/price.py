"""What one call takes, from its operands' shapes and data types, before it is made."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from pullback.contract.program.ops import OPS
from pullback.engine.sizes import ESTIMATES, refuse_above
from pullback.engine.sizes_products import broadcast, can_broadcast
from pullback.engine.work import WORK, WORKSPACE, copies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pullback.contract.limits import Limits
    from pullback.engine.work import Rule

# Names of ops whose result is a view of their operand: no memory, and no element is visited.
_VIEWS = frozenset(
    {
        "H",
        "T",
        "adjoint",
        "broadcast_tensors",
        "broadcast_to",
        "chunk",
        "detach",
        "diagonal",
        "dsplit",
        "expand",
        "expand_as",
        "hsplit",
        "imag",
        "mH",
        "mT",
        "meshgrid",
        "moveaxis",
        "movedim",
        "narrow",
        "permute",
        "real",
        "select",
        "split",
        "squeeze",
        "swapaxes",
        "swapdims",
        "t",
        "tensor_split",
        "transpose",
        "unbind",
        "unflatten",
        "unsqueeze",
        "view",
        "view_as",
        "view_as_complex",
        "view_as_real",
        "vsplit",
    }
)

# Names of ops that read something about a tensor and visit none of its elements.
_READINGS = frozenset(
    {
        "dim",
        "dtype",
        "grad",
        "grad_fn",
        "is_complex",
        "is_floating_point",
        "is_leaf",
        "ndim",
        "ndimension",
        "nelement",
        "numel",
        "requires_grad",
        "requires_grad_",
        "retain_grad",
        "shape",
        "size",
    }
)

# Names of ops that make 64-bit elements, or wider ones than they are given -> bytes of an element.
_WIDTHS = {
    "arange": 8,
    "argsort": 8,
    "cdouble": 16,
    "cfloat": 8,
    "complex": 16,
    "double": 8,
    "long": 8,
    "one_hot": 8,
    "polar": 16,
    "tril_indices": 8,
    "triu_indices": 8,
}

# Bytes of an element where an operand has narrower ones, or there is none: torch's default type.
_LEAST_WIDTH = 4


class Price(NamedTuple):
    """What a call takes.

    Attributes:
        work: multiplications and element visits.
        given: bytes of its operands, views counted as if they were copies.
        made: bytes of its result.
        workspace: bytes that it takes besides.
        has_rule: whether its work has a rule of its own, by which its derivative is priced too.
    """

    work: int
    given: int
    made: int
    workspace: int
    has_rule: bool = False


class _Rates(NamedTuple):
    """What is known about an op."""

    is_free: bool
    is_plain: bool
    is_view: bool
    is_pointwise: bool
    estimate: Callable[[Mapping[str, Any]], int] | None
    work: Rule | None
    workspace: Callable[[Mapping[str, Any]], int] | None
    copies: int
    width: int


@cache
def _rates(op: str) -> _Rates:
    owner, _, name = op.rpartition(".")
    is_view = name in _VIEWS or op in {"torch.linalg.diagonal", "builtins.len", "Tensor.unfold"}
    is_wide = owner == "torch.fft" or name in {"eig", "eigvals"}
    has_rules = op in ESTIMATES or op in WORK or op in WORKSPACE
    return _Rates(
        is_free=name in _READINGS or owner in {"Tuple", "math"},
        is_plain=not is_view and not has_rules and copies(op) == 0,
        is_view=is_view,
        is_pointwise=OPS[op].pointwise,
        estimate=ESTIMATES.get(op),
        work=WORK.get(op),
        workspace=WORKSPACE.get(op),
        copies=copies(op),
        width=16 if is_wide else _WIDTHS.get(name, _LEAST_WIDTH),
    )


FREE = Price(0, 0, 0, 0)


def needs_arguments(op: str) -> bool:
    """Tells whether the price of an op depends on more than the sizes of its operands."""
    return op in ESTIMATES or op in WORK or op in WORKSPACE


def price_call(
    op: str, operands: Sequence[object], arguments: Mapping[str, object] | None, limits: Limits
) -> Price:
    """Prices a call.

    Args:
        op: its key in the op table.
        operands: all of them.
        arguments: the same by parameter name, where `needs_arguments` says so.
        limits: how many elements a tensor may have.

    Raises:
        TooBig: it would make a tensor of too many elements.
    """
    rates = _rates(op)
    if rates.is_free:
        return FREE
    if rates.is_plain and (price := _price_of_likes(rates, operands, limits)) is not None:
        return price
    elements = given = largest = 0
    width = rates.width
    shapes: set[torch.Size] = set()
    for value in _flat(operands):
        if isinstance(value, torch.Tensor):
            count, size = value.numel(), value.nbytes
            shapes.add(value.shape)
            elements += count
            given += size
            largest = max(largest, count)
            if count and size > width * count:
                width = size // count
        elif isinstance(value, torch.dtype):
            width = max(width, value.itemsize)
    known = _known(rates, shapes, arguments)
    refuse_above(known, limits)
    if rates.is_view:
        return Price(0, given, 0, 0)
    made = known if rates.estimate is not None else max(known, largest if rates.is_pointwise else elements)
    work = (
        elements + made if rates.work is None or arguments is None else rates.work(arguments, elements, made)
    )
    workspace = rates.copies * given
    if rates.workspace is not None and arguments is not None:
        workspace += rates.workspace(arguments) * width
    return Price(work, given, made * width, workspace, rates.work is not None)


def _price_of_likes(rates: _Rates, operands: Sequence[object], limits: Limits) -> Price | None:
    """Prices a call without rules on tensors of one shape and data type, as most are; None where it is another."""
    first, number = None, 0
    for value in operands:
        if isinstance(value, torch.Tensor):
            if first is None:
                first = value
            elif value.shape != first.shape or value.dtype is not first.dtype:
                return None
            number += 1
        elif isinstance(value, (list, tuple, torch.dtype)):
            return None
    if first is None:
        return None
    count, size = first.numel(), first.nbytes
    made = count if rates.is_pointwise else number * count
    if made > limits.elements:
        return None
    bytes_made = max(size if rates.is_pointwise else number * size, made * rates.width)
    return Price(number * count + made, number * size, bytes_made, 0)


def _flat(operands: Sequence[object]) -> Sequence[object]:
    if any(isinstance(value, (list, tuple)) for value in operands):
        return [
            item for value in operands for item in (value if isinstance(value, (list, tuple)) else (value,))
        ]
    return operands


def _known(rates: _Rates, shapes: set[torch.Size], arguments: Mapping[str, object] | None) -> int:
    """Counts the elements of the largest tensor that a call makes, where more than its operands' say how many."""
    if rates.estimate is not None and arguments is not None:
        return max(rates.estimate(arguments), 0)
    # Whatever takes several tensors broadcasts them, if they can be, unless its rule says otherwise.
    return broadcast(shapes) if len(shapes) > 1 and (rates.is_pointwise or can_broadcast(shapes)) else 0
