"""Gradients: a vector-Jacobian product for one cotangent or a stack of them, or what a program's `backward()` left.

Which gradients:

- A program that calls `backward()` has differentiated itself: each leaf's accumulated ``.grad`` is taken.
- Else the outputs with cotangents, or the last output, are differentiated here with respect to the leaves: the
  inputs asked for; and, where the evaluation asks for none by name and has none that could be, the leaves that the
  program made and named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.engine.derivatives.found import Found
from pullback.engine.derivatives.leaves import made_leaves
from pullback.engine.derivatives.reverse_pass import ReversePass
from pullback.engine.derivatives.seeds import find_seeds
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from pullback.engine.derivatives.reverse_pass import Gradients
    from pullback.engine.meter import Meter
    from pullback.engine.request import Request
    from pullback.engine.run import Run
    from pullback.engine.stage import Stage


def find_gradients(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> Found:
    """Computes the gradients with respect to some leaves."""
    seeds = find_seeds(stage, outputs, leaves)
    given = [seed.output for seed in seeds.values()]
    reverse = ReversePass(stage, meter, next(iter(seeds)), given, [*leaves.values()])
    cotangents = [seed.cotangent for seed in seeds.values()]
    found = reverse.stack(cotangents) if stage.request.stack else reverse.once(cotangents)
    return sort_out(leaves, found)


def sort_out(leaves: Mapping[str, torch.Tensor], gradients: Gradients) -> Found:
    """Tells the leaves that have a gradient from those that have none, and says why."""
    result = Found()
    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        if gradient is not None:
            result.gradients[name] = gradient
        elif leaf.requires_grad:
            result.absent[name] = evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT
        else:
            result.absent[name] = evaluation_pb2.GRADIENT_ABSENCE_NOT_TRACKED
    return result


def accumulated(request: Request, run: Run) -> Found:
    """Collects what the program's own `backward()` left."""
    result = Found()
    wanted = {name: run.inputs[name] for name in request.wrt if name in run.inputs}
    for name, leaf in (wanted | made_leaves(run)).items():
        if leaf.grad is not None:
            result.gradients[name] = leaf.grad
        elif not leaf.requires_grad:
            result.absent[name] = evaluation_pb2.GRADIENT_ABSENCE_NOT_TRACKED
        else:
            result.absent[name] = evaluation_pb2.GRADIENT_ABSENCE_NOT_ACCUMULATED
    return result
