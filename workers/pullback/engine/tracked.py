"""One run of a program under autograd, for its outputs and gradients alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.engine.derivatives import differentiate
from pullback.engine.meter import Meter
from pullback.engine.outputs import output_values

if TYPE_CHECKING:
    import torch

    from pullback.engine.derivatives import Found
    from pullback.engine.stage import Stage


def run_tracked(stage: Stage) -> tuple[dict[str, torch.Tensor], Found]:
    """Runs a program, and differentiates it.

    Args:
        stage: the program; the inputs that are asked for become leaves.

    Returns:
        Outputs and gradients, without the graph behind them.

    Raises:
        PullbackError: it failed, is too big, or cannot be differentiated.
        BackwardFailed: a backward pass failed at a node.
    """
    for name in stage.request.tracked:
        stage.inputs[name].requires_grad_()
    meter = Meter(stage.limits, stage.inputs.values())
    try:
        state = stage.run(stage.inputs, meter)
        try:
            outputs = output_values(stage.code, stage.request, state)
            found = differentiate(stage, state, outputs, meter)
            found.gradients = {name: each.detach() for name, each in found.gradients.items()}
            return {name: each.detach() for name, each in outputs.items()}, found
        finally:
            state.close()
    finally:
        meter.close()
