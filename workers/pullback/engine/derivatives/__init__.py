"""Every derivative of a program that has run, from the same forward pass as its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.engine.derivatives.forward_jacobian import find_jacobian
from pullback.engine.derivatives.forward_mode import reverse_twice
from pullback.engine.derivatives.found import Block, Found
from pullback.engine.derivatives.gradient import accumulated, find_gradients
from pullback.engine.derivatives.leaves import find_leaves, made_leaves
from pullback.engine.derivatives.second_order import (
    find_hessian,
    find_laplacian,
    find_nth_derivatives,
    find_products,
)
from pullback.engine.derivatives.seeds import is_tracked
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from pullback.engine.meter import Meter
    from pullback.engine.run import Run
    from pullback.engine.stage import Stage

__all__ = ["Block", "Found", "differentiate", "made_leaves"]

_GRAD = "torch.autograd.grad"

_FINDERS = {
    "gradient": find_gradients,
    "jvp": reverse_twice,
    "jacobian": find_jacobian,
    "hessian": find_hessian,
    "hessian_vector_product": find_products,
    "nth_derivative": find_nth_derivatives,
    "laplacian": find_laplacian,
}


def differentiate(stage: Stage, run: Run, outputs: Mapping[str, torch.Tensor], meter: Meter) -> Found:
    """Computes, or collects, what an evaluation asks for.

    - A program that calls `torch.autograd.grad` itself may end in a value with no graph behind it, its own gradient.
      That is no fault: the leaves are then absent as independent, unless cotangents were given, which would be lost.
    - A program without any output, which only prints, has nothing to differentiate.

    Args:
        stage: the program, and what is asked for.
        run: what it left.
        outputs: the values of the outputs.
        meter: counts what the backward passes take.

    Raises:
        InvalidArgument: the outputs cannot be differentiated.
        LimitExceeded: a pass would be beyond a limit.
        BackwardFailed: torch cannot compute it.
    """
    request, program = stage.request, stage.program
    if not request.differentiates:
        return Found()
    if program.calls_backward:
        return accumulated(request, run)
    if not request.outputs:
        return Found()
    if _GRAD in program.ops and not request.cotangents and not is_tracked(outputs[request.outputs[-1]]):
        independent = evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT
        return Found(absent=dict.fromkeys(request.wrt, independent))
    leaves = find_leaves(program, request, run)
    return _FINDERS[request.kind](stage, leaves, outputs, meter)
