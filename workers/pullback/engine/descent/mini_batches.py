"""Which rows of the inputs each step of a descent sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.v1 import optimization_pb2 as pb

_SEEDS = 2**64


class MiniBatches:
    """Cuts inputs into mini-batches, by the number of the step alone.

    Args:
        plan: how.
        inputs: the inputs that have rows, all of the same number of them.
    """

    def __init__(self, plan: pb.MiniBatches, inputs: Mapping[str, torch.Tensor]) -> None:
        self._plan = plan
        self._inputs = inputs
        self._rows = next(iter(inputs.values())).shape[0]
        self._size = min(plan.size, self._rows)
        whole, rest = divmod(self._rows, self._size)
        self._per_epoch = whole + (1 if rest and not plan.drop_last else 0)
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def at(self, step: int) -> dict[str, torch.Tensor]:
        """Gives the rows of a step, copied, by input name."""
        epoch, index = divmod(step, self._per_epoch)
        if epoch != self._epoch:
            self._order = self._new_order(epoch)
            self._epoch = epoch
        chosen = self._order[index * self._size : (index + 1) * self._size]
        # A copy even where the rows lie side by side: kernels may take other paths through memory aligned otherwise.
        return {name: tensor.index_select(0, chosen) for name, tensor in self._inputs.items()}

    def _new_order(self, epoch: int) -> torch.Tensor:
        device = next(iter(self._inputs.values())).device
        if self._plan.in_order:
            return torch.arange(self._rows, device=device)
        generator = torch.Generator().manual_seed((self._plan.seed + epoch) % _SEEDS)
        return torch.randperm(self._rows, generator=generator).to(device)
