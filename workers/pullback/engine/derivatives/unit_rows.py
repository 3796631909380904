"""The rows of an identity matrix, as many at a time as are asked for: the seeds of a whole Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable


def unit_rows(like: torch.Tensor) -> Callable[[int, int], list[torch.Tensor]]:
    """Gives what makes unit tensors: number i is 1 at element i, in row-major order, and 0 elsewhere.

    Args:
        like: of whose shape and data type they are.
    """

    def rows(start: int, stop: int) -> list[torch.Tensor]:
        flat = torch.zeros(stop - start, like.numel(), dtype=like.dtype, device=like.device)
        flat.diagonal(start).fill_(1)
        return [flat.reshape(stop - start, *like.shape)]

    return rows
