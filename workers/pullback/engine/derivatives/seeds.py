"""What is differentiated, and with which cotangents."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import torch

from pullback.contract.errors import InvalidArgument
from pullback.engine.wire import describe_tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.engine.stage import Stage


class Seed(NamedTuple):
    """An output, and its cotangent, which has an axis more where it is a stack."""

    output: torch.Tensor
    cotangent: torch.Tensor


def is_tracked(value: object) -> TypeGuard[torch.Tensor]:
    """Tells whether a value has a graph behind it, or is a leaf."""
    return isinstance(value, torch.Tensor) and value.requires_grad


def find_seeds(
    stage: Stage, outputs: Mapping[str, object], leaves: Mapping[str, torch.Tensor]
) -> dict[str, Seed]:
    """Gives the outputs with cotangents, by name; or the last output, seeded with 1.

    Raises:
        InvalidArgument: they cannot be differentiated, or a cotangent has not its output's shape.
    """
    request = stage.request
    if not request.cotangents:
        name = request.outputs[-1]
        return {name: _unit_seed(name, outputs[name], stage, leaves)}
    seeds = {name: _given_seed(name, outputs[name], stage) for name in request.cotangents}
    if not any(is_tracked(seed.output) for seed in seeds.values()):
        raise untracked(next(iter(seeds)), stage, leaves)
    return seeds


def _unit_seed(name: str, output: object, stage: Stage, leaves: Mapping[str, torch.Tensor]) -> Seed:
    path = stage.request.output_field(name)
    if not is_tracked(output):
        raise untracked(name, stage, leaves)
    if output.numel() != 1:
        raise InvalidArgument(
            f"`{name}` is {describe_tensor(output)}; only one element can be differentiated without a cotangent. "
            f"Reduce it in the program, as in {name}.sum(), or give cotangents[{name!r}]",
            field=path,
        )
    if output.is_complex():
        raise InvalidArgument(
            f"`{name}` is {describe_tensor(output)}; a complex value can be differentiated only with a cotangent. "
            f"Make it real in the program, as in {name}.abs(), or give cotangents[{name!r}]",
            field=path,
        )
    return Seed(output, torch.ones_like(output))


def _given_seed(name: str, output: object, stage: Stage) -> Seed:
    path = f'cotangents["{name}"]'
    if not isinstance(output, torch.Tensor):
        raise InvalidArgument(f"`{name}` is a plain number, which has no gradient", field=path)
    cotangent = stage.read(stage.request.cotangents[name])
    check_seed(path, name, output, cotangent, _stack(stage))
    return Seed(output, cotangent)


def _stack(stage: Stage) -> int:
    return stage.request.stack if stage.request.kind == "gradient" else 0


def check_seed(path: str, name: str, of: torch.Tensor, seed: torch.Tensor, stack: int) -> None:
    """Checks that a cotangent or tangent has the type and shape of what it belongs to.

    Args:
        path: the field that it came in.
        name: what it belongs to.
        of: the same.
        seed: the cotangent or tangent.
        stack: how many are stacked; 0 for a single one.

    Raises:
        InvalidArgument: it has another type or shape.
    """
    shape = (stack, *of.shape) if stack else tuple(of.shape)
    if tuple(seed.shape) == shape and seed.dtype is of.dtype:
        return
    behind = ", and a stack has one axis more, in front" if stack else ""
    raise InvalidArgument(
        f"it is {describe_tensor(seed)}, but `{name}` is {describe_tensor(of)}{behind}", field=path
    )


def untracked(name: str, stage: Stage, leaves: Mapping[str, torch.Tensor]) -> InvalidArgument:
    """Makes the error for an output that has no graph behind it."""
    if leaves:
        reason = "nothing that it depends on requires a gradient, or only through detach() or torch.no_grad()"
    else:
        reason = (
            "nothing requires a gradient: there is no floating-point input, and the program makes no leaf"
        )
    return InvalidArgument(
        f"`{name}` cannot be differentiated: {reason}. Ask for values only (value_only) where no gradient is wanted",
        field=stage.request.output_field(name),
    )
