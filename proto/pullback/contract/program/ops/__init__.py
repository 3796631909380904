"""The op table: every name that a program may call, with its parameters; no torch.

A key is a complete dotted name and is matched as a whole, so nothing that a module merely re-exports is reachable.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pullback.contract.program.ops.autograd import AUTOGRAD
from pullback.contract.program.ops.functional import ACTIVATIONS, LAYERS, LOSSES
from pullback.contract.program.ops.linear_algebra import FOURIER, LINEAR_ALGEBRA
from pullback.contract.program.ops.operators import NUMBERS, OPERATORS
from pullback.contract.program.ops.pointwise import POINTWISE
from pullback.contract.program.ops.reductions import REDUCTIONS
from pullback.contract.program.ops.shapes import FIELDS, SHAPES
from pullback.contract.program.ops.signature import KINDS, STRING_KINDS, Binding, Op, Param, Signature

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "OPS", "STRING_KINDS", "Binding", "Op", "Param", "Signature"]


def _table(*groups: list[Op]) -> Mapping[str, Op]:
    table: dict[str, Op] = {}
    for op in (op for group in groups for op in group):
        if op.key in table:
            raise ValueError(f"two rows for {op.key}")
        table[op.key] = op
    return MappingProxyType(table)


#: key -> row
OPS = _table(
    ACTIVATIONS,
    AUTOGRAD,
    FIELDS,
    FOURIER,
    LAYERS,
    LINEAR_ALGEBRA,
    LOSSES,
    NUMBERS,
    OPERATORS,
    POINTWISE,
    REDUCTIONS,
    SHAPES,
)
