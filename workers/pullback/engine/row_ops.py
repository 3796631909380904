"""The ops that run in rows: those that the op table calls safe in batches.

One test for each shows that a row's bits do not depend on its batch. Any other runs alone, however harmless it looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

#: Elementwise ops that run in rows.
POINTWISE_ROW_OPS = frozenset(key for key, op in OPS.items() if op.pointwise and op.batch_safe)


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

#: Every op that runs in rows.
ROW_OPS = frozenset(key for key, op in OPS.items() if op.batch_safe)
