"""The schedules of `torch.optim.lr_scheduler`, by torch's names and with its defaults. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.v1 import optimization_pb2 as pb


@dataclass(frozen=True, slots=True)
class StepLR:
    """Multiplies the learning rate by `gamma` after every `step_size` steps."""

    step_size: int
    gamma: float = 0.1


@dataclass(frozen=True, slots=True)
class MultiStepLR:
    """Multiplies the learning rate by `gamma` after each of the steps `milestones`."""

    milestones: Sequence[int]
    gamma: float = 0.1


@dataclass(frozen=True, slots=True)
class ExponentialLR:
    """Multiplies the learning rate by `gamma` after each step."""

    gamma: float


@dataclass(frozen=True, slots=True)
class CosineAnnealingLR:
    """Has the learning rate follow half a cosine wave, in `T_max` steps down to `eta_min`."""

    T_max: int
    eta_min: float = 0.0


@dataclass(frozen=True, slots=True)
class CosineAnnealingWarmRestarts:
    """As `CosineAnnealingLR`, beginning anew after `T_0` steps, and after `T_mult` times as many each time."""

    T_0: int
    T_mult: int = 1
    eta_min: float = 0.0


@dataclass(frozen=True, slots=True)
class LinearLR:
    """Has the learning rate go in a line from one part of itself to another, in `total_iters` steps."""

    start_factor: float = 1.0 / 3
    end_factor: float = 1.0
    total_iters: int = 5


@dataclass(frozen=True, slots=True)
class PolynomialLR:
    """Has the learning rate go down to 0 in `total_iters` steps, by a power of those that are left."""

    total_iters: int = 5
    power: float = 1.0


#: Any of them.
Schedule = (
    StepLR
    | MultiStepLR
    | ExponentialLR
    | CosineAnnealingLR
    | CosineAnnealingWarmRestarts
    | LinearLR
    | PolynomialLR
)

#: By the names of the wire, which the command line takes too.
SCHEDULES: dict[str, type[Schedule]] = {
    "step": StepLR,
    "multi_step": MultiStepLR,
    "exponential": ExponentialLR,
    "cosine": CosineAnnealingLR,
    "cosine_warm_restarts": CosineAnnealingWarmRestarts,
    "linear": LinearLR,
    "polynomial": PolynomialLR,
}

_WIRE_NAMES = {"T_max": "t_max", "T_0": "t_0", "T_mult": "t_mult"}


def write_schedule(message: pb.Schedule, schedule: Schedule) -> None:
    """Fills an empty message.

    Raises:
        InvalidArgument: it is no schedule, or a number of it cannot be sent.
    """
    kinds = {kind: name for name, kind in SCHEDULES.items()}
    if type(schedule) not in kinds:
        raise InvalidArgument(f"a {type(schedule).__name__} is no schedule", field="schedule")
    options = getattr(message, kinds[type(schedule)])
    options.SetInParent()
    try:
        for name in type(schedule).__slots__:
            value = getattr(schedule, name)
            if name == "milestones":
                options.milestones.extend(value)
            else:
                setattr(options, _WIRE_NAMES.get(name, name), value)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"cannot be sent: {error}", field="schedule") from error
