"""The ops that run in rows: one test for each shows that a row's bits do not depend on its batch.

An op outside these sets runs alone, however harmless it looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

# Elementwise ops that show the sign of a NaN, which is the one thing that differs from row to row.
_NAN_SIGN = frozenset({"copysign", "signbit"})

# Elementwise ops whose operands or results are not of the one floating-point type that a plan allows.
_OTHER_TYPES = frozenset(
    {
        "bfloat16",
        "bitwise_and",
        "bitwise_not",
        "bitwise_or",
        "bitwise_xor",
        "cdouble",
        "cfloat",
        "complex",
        "gcd",
        "half",
        "imag",
        "int",
        "lcm",
        "long",
        "polar",
        "short",
    }
)

#: Elementwise ops that run in rows.
POINTWISE_ROW_OPS = frozenset(
    key for key, op in OPS.items() if op.pointwise and key.rpartition(".")[2] not in _NAN_SIGN | _OTHER_TYPES
)

#: Ops that tell a number from a tensor's shape, the same for every row.
SHAPE_ROW_OPS = frozenset(
    {"Tensor.dim", "Tensor.ndim", "Tensor.ndimension", "Tensor.nelement", "Tensor.numel", "torch.numel"}
)

#: Ops on plain numbers only, which are computed once for all rows.
NUMBER_ROW_OPS = frozenset(key for key in OPS if key.startswith("math."))


def _sum(rows: torch.Tensor) -> torch.Tensor:
    return rows.reshape(rows.shape[0], -1).sum(1)


def _mean(rows: torch.Tensor) -> torch.Tensor:
    return rows.reshape(rows.shape[0], -1).mean(1)


#: Ops that make one number of a whole tensor -> the same for each row of a stack ``[rows, *shape]``.
REDUCTION_ROW_OPS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Tensor.mean": _mean,
    "Tensor.sum": _sum,
    "torch.mean": _mean,
    "torch.sum": _sum,
}

#: All of them.
ROW_OPS = POINTWISE_ROW_OPS | SHAPE_ROW_OPS | NUMBER_ROW_OPS | REDUCTION_ROW_OPS.keys()
