"""With respect to what an evaluation differentiates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pullback.contract.derivatives import REAL_ONLY
from pullback.contract.errors import InvalidArgument
from pullback.engine.values import describe_value

if TYPE_CHECKING:
    from pullback.contract.program.ir import Program
    from pullback.engine.request import Request
    from pullback.engine.run import Run


def find_leaves(program: Program, request: Request, run: Run) -> dict[str, torch.Tensor]:
    """Finds the tensors that are asked for: inputs, what the program bound, or else the leaves that it made.

    Raises:
        InvalidArgument: a name is bound to what has no gradient.
    """
    named = {name: _leaf(name, program, request, run) for name in request.wrt}
    leaves = named or made_leaves(run)
    if request.kind in REAL_ONLY:
        for name, leaf in leaves.items():
            if leaf.is_complex():
                raise InvalidArgument(
                    f"`{name}` is {describe_value(leaf)}, but this derivative is by real numbers",
                    field=request.wrt_field(name) if name in request.wrt else "wrt",
                )
    return leaves


def _leaf(name: str, program: Program, request: Request, run: Run) -> torch.Tensor:
    if name in run.inputs:
        return run.inputs[name]
    value = run.slots[program.names[name]]
    if isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex()):
        return value
    raise InvalidArgument(
        f"`{name}` is {describe_value(value)}; only floating-point and complex tensors have gradients",
        field=request.wrt_field(name),
    )


def made_leaves(run: Run) -> dict[str, torch.Tensor]:
    """Finds the leaves that the program made, under the first name that each was given.

    A name that an input has, or that was given to another leaf later, is not counted; nor is one that a function has
    to itself.
    """
    named: dict[str, torch.Tensor] = {}
    seen = {id(tensor) for tensor in run.inputs.values()}
    for name, tensor in run.bound:
        if (
            name
            and tensor.requires_grad
            and tensor.is_leaf
            and id(tensor) not in seen
            and name not in run.inputs
        ):
            seen.add(id(tensor))
            named[name] = tensor
    return named
