"""torch's optimisers and schedules, as a plan asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import optim
from torch.optim import lr_scheduler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from pullback.v1 import optimization_pb2 as pb

_OPTIMIZERS: Mapping[str, Any] = {
    "sgd": optim.SGD,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "rmsprop": optim.RMSprop,
    "adagrad": optim.Adagrad,
    "lbfgs": optim.LBFGS,
}

_SCHEDULES: Mapping[str, Any] = {
    "step": lr_scheduler.StepLR,
    "multi_step": lr_scheduler.MultiStepLR,
    "exponential": lr_scheduler.ExponentialLR,
    "cosine": lr_scheduler.CosineAnnealingLR,
    "cosine_warm_restarts": lr_scheduler.CosineAnnealingWarmRestarts,
    "linear": lr_scheduler.LinearLR,
    "polynomial": lr_scheduler.PolynomialLR,
}

# The wire's names, where torch has others.
_TORCH_NAMES = {"learning_rate": "lr", "t_max": "T_max", "t_0": "T_0", "t_mult": "T_mult"}

# torch's defaults for a pair of which the wire may have one alone.
_BETAS = (0.9, 0.999)


def make_optimizer(plan: pb.Optimizer, parameters: Sequence[torch.Tensor]) -> Optimizer:
    """Makes an optimiser; what the plan leaves out is torch's default."""
    kind = str(plan.WhichOneof("kind"))
    options = _options(getattr(plan, kind))
    if kind in {"adam", "adamw"}:
        first, second = _BETAS
        options["betas"] = (options.pop("beta1", first), options.pop("beta2", second))
    if kind == "lbfgs" and options.pop("strong_wolfe", False):
        options["line_search_fn"] = "strong_wolfe"
    made: Optimizer = _OPTIMIZERS[kind](parameters, **options)
    return made


def make_schedule(plan: pb.Schedule, optimizer: Optimizer) -> LRScheduler:
    """Makes a schedule at its beginning, and sets the optimiser's learning rate to where that is."""
    kind = str(plan.WhichOneof("kind"))
    made: LRScheduler = _SCHEDULES[kind](optimizer, **_options(getattr(plan, kind)))
    return made


def _options(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        found[_TORCH_NAMES.get(field.name, field.name)] = [*value] if field.is_repeated else value
    return found
