"""The op table: every name that a program may call, with its parameters; no torch.

A key is a complete dotted name and is matched as a whole, so nothing that a module merely re-exports is reachable.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from pullback.contract.program.ops.autograd import AUTOGRAD
from pullback.contract.program.ops.functional import ACTIVATIONS, LOSSES
from pullback.contract.program.ops.layers import LAYERS
from pullback.contract.program.ops.linear_algebra import FOURIER, LINEAR_ALGEBRA
from pullback.contract.program.ops.operators import NUMBERS, OPERATORS
from pullback.contract.program.ops.pointwise import POINTWISE
from pullback.contract.program.ops.random import RANDOM
from pullback.contract.program.ops.reductions import REDUCTIONS
from pullback.contract.program.ops.shapes import FIELDS, SHAPES
from pullback.contract.program.ops.signature import (
    CHECKS,
    KINDS,
    MAX_INTEGER,
    STRING_KINDS,
    Binding,
    Op,
    Outside,
    Param,
    Signature,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CHECKS",
    "KINDS",
    "MAX_INTEGER",
    "OPS",
    "STRING_KINDS",
    "TABLE_VERSION",
    "Binding",
    "Op",
    "Outside",
    "Param",
    "Signature",
    "version",
]


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
    RANDOM,
    REDUCTIONS,
    SHAPES,
)


def version(table: Mapping[str, Op]) -> str:
    """Gives a table's version: a digest of all that its rows say, so that no change of a row can be forgotten in it."""
    return hashlib.sha256("\n".join(repr(table[key]) for key in sorted(table)).encode()).hexdigest()[:16]


#: The version of `OPS`. What is remembered of a program, such as its price, holds for one version only.
TABLE_VERSION = version(OPS)
