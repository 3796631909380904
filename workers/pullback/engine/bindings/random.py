"""What draws random numbers, from the generator that every one of these is given by name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from pullback.engine.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pullback.engine.bindings.binding import Binding

# Where SELU's negative branch ends, sign left out: its scale times its alpha. Dropped elements are put there.
_SELU_FLOOR = 1.7580993408473766


def _manual_seed(seed: int, *, generator: torch.Generator) -> None:
    generator.manual_seed(seed)


def _dropout(
    input: torch.Tensor,  # noqa: A002 - torch's name
    p: float = 0.5,
    training: bool | None = None,
    *,
    generator: torch.Generator,
) -> torch.Tensor:
    """Zeroes elements, as torch does by its own generator; the bits are those that its mask would give."""
    return _drop(input, input.shape, p, training, generator)


def _train_dropout(
    input: torch.Tensor,  # noqa: A002 - torch's name
    p: float,
    train: bool,
    *,
    generator: torch.Generator,
) -> torch.Tensor:
    return _drop(input, input.shape, p, train, generator)


def _channel_dropout(name: str, ranks: tuple[int, int], unbatched: int | None) -> Binding:
    def dropout(
        input: torch.Tensor,  # noqa: A002 - torch's name
        p: float = 0.5,
        training: bool | None = None,
        *,
        generator: torch.Generator,
    ) -> torch.Tensor:
        rank = input.dim()
        if rank not in ranks:
            raise Refused(f"`input` of {name} has {ranks[0]} or {ranks[1]} dimensions, not {rank}")
        channels = input.shape[:1] if rank == unbatched else input.shape[:2]
        return _drop(input, (*channels, *[1] * (rank - len(channels))), p, training, generator)

    return dropout


def _drop(
    tensor: torch.Tensor, shape: Sequence[int], p: float, training: bool | None, generator: torch.Generator
) -> torch.Tensor:
    if training is False or not p or not tensor.numel():
        return tensor
    if p == 1:
        return tensor * torch.zeros((), dtype=tensor.dtype)
    mask = torch.zeros(shape, dtype=tensor.dtype).bernoulli_(1 - p, generator=generator)
    return tensor * mask.div_(1 - p)


def _alpha_dropout(
    input: torch.Tensor,  # noqa: A002 - torch's name
    p: float = 0.5,
    training: bool | None = None,
    *,
    generator: torch.Generator,
) -> torch.Tensor:
    if not training or not p or not input.numel():  # torch's default is not to train, here alone
        return input
    if p == 1:
        return input * torch.zeros((), dtype=input.dtype)
    mask = torch.zeros(input.shape, dtype=input.dtype).bernoulli_(1 - p, generator=generator)
    scale = 1 / math.sqrt((_SELU_FLOOR**2 * p + 1) * (1 - p))
    shift = (mask - 1) * (_SELU_FLOOR * scale) + _SELU_FLOOR * scale * p
    return input * (mask * scale) + shift


def _gumbel_softmax(
    logits: torch.Tensor,
    tau: float = 1,
    hard: bool | None = None,
    *,
    dim: int = -1,
    generator: torch.Generator,
) -> torch.Tensor:
    noise = -torch.zeros(logits.shape, dtype=logits.dtype).exponential_(generator=generator).log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    chosen = torch.zeros_like(soft).scatter(dim, soft.argmax(dim, keepdim=True), 1.0)
    return chosen - soft.detach() + soft


RANDOM: Mapping[str, Binding] = {
    "Tensor.bernoulli": torch.Tensor.bernoulli,
    "Tensor.multinomial": torch.Tensor.multinomial,
    "torch.bernoulli": torch.bernoulli,
    "torch.dropout": _train_dropout,
    "torch.manual_seed": _manual_seed,
    "torch.multinomial": torch.multinomial,
    "torch.nn.functional.alpha_dropout": _alpha_dropout,
    "torch.nn.functional.dropout": _dropout,
    "torch.nn.functional.dropout1d": _channel_dropout("dropout1d", (2, 3), 2),
    # Three dimensions are a batch here, as in torch.
    "torch.nn.functional.dropout2d": _channel_dropout("dropout2d", (3, 4), None),
    "torch.nn.functional.dropout3d": _channel_dropout("dropout3d", (4, 5), 4),
    "torch.nn.functional.gumbel_softmax": _gumbel_softmax,
    "torch.normal": torch.normal,
    "torch.poisson": torch.poisson,
    "torch.rand": torch.rand,
    "torch.rand_like": torch.rand_like,
    "torch.randint": torch.randint,
    "torch.randint_like": torch.randint_like,
    "torch.randn": torch.randn,
    "torch.randn_like": torch.randn_like,
    "torch.randperm": torch.randperm,
}
