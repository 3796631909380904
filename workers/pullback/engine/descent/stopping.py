"""When a descent is at its end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable


def end_of(
    stop: pb.Stop,
    step: int,
    loss: float,
    last_loss: float | None,
    gradient_norm: Callable[[], float],
) -> pb.DescentEnd:
    """Tells why a descent ends at a step; `DESCENT_END_UNSPECIFIED` where it goes on.

    Args:
        stop: its rules.
        step: the steps made.
        loss: the loss behind them.
        last_loss: the loss before the last of them; None before the first.
        gradient_norm: gives the length of the gradient, where a rule asks for it.
    """
    if not math.isfinite(loss):
        return pb.DESCENT_END_NOT_FINITE
    if stop.HasField("loss_target") and loss <= stop.loss_target:
        return pb.DESCENT_END_LOSS_TARGET
    if stop.HasField("gradient_tolerance") and gradient_norm() <= stop.gradient_tolerance:
        return pb.DESCENT_END_GRADIENT_TOLERANCE
    if stop.HasField("loss_tolerance") and last_loss is not None:
        scale = max(1.0, abs(loss), abs(last_loss))
        if abs(loss - last_loss) <= stop.loss_tolerance * scale:
            return pb.DESCENT_END_LOSS_TOLERANCE
    return pb.DESCENT_END_STEPS if step >= stop.steps else pb.DESCENT_END_UNSPECIFIED
