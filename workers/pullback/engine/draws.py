"""The random numbers of one evaluation."""

from __future__ import annotations

import torch


class Draws:
    """A generator of its own for one evaluation, so that what it draws depends on nothing else in the process.

    Args:
        seed: where it begins, from 0 to 2**64 - 1.
        device: the torch device that draws.
    """

    def __init__(self, seed: int = 0, device: str = "cpu") -> None:
        self._seed = seed
        self._device = device
        self._generator: torch.Generator | None = None

    @property
    def generator(self) -> torch.Generator:
        """The generator; made when it is first asked for, since most programs draw nothing."""
        if self._generator is None:
            self._generator = torch.Generator(self._device)
            self._generator.manual_seed(self._seed)
        return self._generator
