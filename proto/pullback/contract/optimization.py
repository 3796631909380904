"""The rules on optimisers, schedules and stopping rules: which numbers each of their fields may have.

torch's own constructors know most of these, but only where torch is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import DEFAULT_LIMITS, limit_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pullback.contract.limits import Limits
    from pullback.v1 import optimization_pb2 as pb

#: The most milestones of a schedule.
MAX_MILESTONES = 1_000


class _Range(NamedTuple):
    """Which numbers a field may have."""

    words: str
    holds: Callable[[float], bool]


_ABOVE_0 = _Range("above 0", lambda value: 0 < value < math.inf)
_FROM_0 = _Range("0 or more", lambda value: 0 <= value < math.inf)
_FINITE = _Range("finite", math.isfinite)
_DECAY = _Range("from 0 to below 1", lambda value: 0 <= value < 1)
_PART = _Range("from 0 to 1", lambda value: 0 <= value <= 1)
_PART_ABOVE_0 = _Range("above 0 and at most 1", lambda value: 0 < value <= 1)
_FROM_1 = _Range("1 or more", lambda value: value >= 1)
_TO_1000 = _Range("from 1 to 1,000", lambda value: 1 <= value <= 1_000)
_TO_10000 = _Range("from 1 to 10,000", lambda value: 1 <= value <= 10_000)

_ADAM = {
    "learning_rate": _ABOVE_0,
    "beta1": _DECAY,
    "beta2": _DECAY,
    "eps": _FROM_0,
    "weight_decay": _FROM_0,
}

_OPTIMIZERS: Mapping[str, Mapping[str, _Range]] = {
    "sgd": {
        "learning_rate": _ABOVE_0,
        "momentum": _FROM_0,
        "dampening": _FINITE,
        "weight_decay": _FROM_0,
    },
    "adam": _ADAM,
    "adamw": _ADAM,
    "rmsprop": {
        "learning_rate": _ABOVE_0,
        "alpha": _PART,
        "eps": _FROM_0,
        "weight_decay": _FROM_0,
        "momentum": _FROM_0,
    },
    "adagrad": {
        "learning_rate": _ABOVE_0,
        "lr_decay": _FROM_0,
        "weight_decay": _FROM_0,
        "initial_accumulator_value": _FROM_0,
        "eps": _FROM_0,
    },
    "lbfgs": {
        "learning_rate": _ABOVE_0,
        "max_iter": _TO_1000,
        "max_eval": _TO_10000,
        "tolerance_grad": _FROM_0,
        "tolerance_change": _FROM_0,
        "history_size": _TO_1000,
    },
}

# The fields without which a schedule means nothing are looked at though they are not set: 0 is refused.
_SCHEDULES: Mapping[str, Mapping[str, _Range]] = {
    "step": {"step_size": _FROM_1, "gamma": _ABOVE_0},
    "multi_step": {"gamma": _ABOVE_0},
    "exponential": {"gamma": _ABOVE_0},
    "cosine": {"t_max": _FROM_1, "eta_min": _FROM_0},
    "cosine_warm_restarts": {"t_0": _FROM_1, "t_mult": _FROM_1, "eta_min": _FROM_0},
    "linear": {"start_factor": _PART_ABOVE_0, "end_factor": _PART, "total_iters": _FROM_1},
    "polynomial": {"total_iters": _FROM_1, "power": _ABOVE_0},
}


def check_optimizer(optimizer: pb.Optimizer) -> None:
    """Checks which optimiser is asked for, and its numbers.

    Raises:
        InvalidArgument: it is missing, or a number is out of its range.
    """
    kind = _kind("plan.optimizer", optimizer)
    path = f"plan.optimizer.{kind}"
    _check_ranges(path, getattr(optimizer, kind), _OPTIMIZERS[kind])
    if kind == "sgd" and optimizer.sgd.nesterov and (not optimizer.sgd.momentum or optimizer.sgd.dampening):
        raise InvalidArgument("needs momentum above 0, and no dampening", field=f"{path}.nesterov")


def check_schedule(schedule: pb.Schedule) -> None:
    """Checks which schedule is asked for, and its numbers.

    Raises:
        InvalidArgument: it is missing, or a number is out of its range.
    """
    kind = _kind("plan.schedule", schedule)
    path = f"plan.schedule.{kind}"
    _check_ranges(path, getattr(schedule, kind), _SCHEDULES[kind])
    if kind == "multi_step":
        steps = [*schedule.multi_step.milestones]
        if not steps or steps[0] < 1 or steps != sorted(set(steps)) or len(steps) > MAX_MILESTONES:
            raise InvalidArgument(
                f"are 1 to {MAX_MILESTONES:,} steps, rising, from 1", field=f"{path}.milestones"
            )


def check_stop(stop: pb.Stop, limits: Limits = DEFAULT_LIMITS, *, has_batches: bool) -> None:
    """Checks stopping rules.

    Args:
        stop: the rules.
        limits: how many steps are allowed.
        has_batches: whether each step sees other rows.

    Raises:
        InvalidArgument: the number of steps is missing, or a number is out of its range.
        LimitExceeded: there are too many steps.
    """
    if not stop.HasField("steps"):
        raise InvalidArgument("is required: the most steps that may be made", field="plan.stop.steps")
    if stop.steps < 0:
        raise InvalidArgument(f"{stop.steps} is not 0 or more", field="plan.stop.steps")
    if stop.steps > limits.descent_steps:
        raise LimitExceeded(
            f"{stop.steps:,} steps, but the limit is {limits.descent_steps:,}",
            field="plan.stop.steps",
            metadata=limit_metadata(limits.descent_steps, stop.steps, "descent_steps"),
        )
    ranges = {"loss_target": _FINITE, "loss_tolerance": _FROM_0, "gradient_tolerance": _FROM_0}
    _check_ranges("plan.stop", stop, ranges)
    if has_batches and stop.HasField("loss_tolerance"):
        raise InvalidArgument(
            "compares losses of different rows where there are mini-batches; stop by loss_target or time",
            field="plan.stop.loss_tolerance",
        )
    if stop.HasField("time") and stop.time.ToNanoseconds() <= 0:
        raise InvalidArgument("is not above 0", field="plan.stop.time")


def _kind(path: str, message: pb.Optimizer | pb.Schedule) -> str:
    kind = message.WhichOneof("kind")
    if kind is None:
        known = ", ".join(field.name for field in message.DESCRIPTOR.fields)
        raise InvalidArgument(f"is required: one of {known}", field=f"{path}.kind")
    return str(kind)


def _check_ranges(path: str, message: Any, ranges: Mapping[str, _Range]) -> None:
    for name, allowed in ranges.items():
        has_presence = message.DESCRIPTOR.fields_by_name[name].has_presence
        if has_presence and not message.HasField(name):
            continue
        value = getattr(message, name)
        if not allowed.holds(value):
            raise InvalidArgument(f"{value} is not {allowed.words}", field=f"{path}.{name}")
