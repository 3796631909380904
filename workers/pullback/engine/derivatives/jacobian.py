"""Whole Jacobians, in reverse: a backward pass for each element of an output. `forward_mode` has the other way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument
from pullback.engine.derivatives.found import Block, Found
from pullback.engine.derivatives.gradient import sort_out
from pullback.engine.derivatives.reverse_pass import ReversePass, join
from pullback.engine.derivatives.seeds import is_tracked, untracked
from pullback.engine.derivatives.unit_rows import unit_rows
from pullback.engine.outputs import check_result_bytes
from pullback.engine.wire import describe_tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from pullback.engine.derivatives.reverse_pass import Gradients
    from pullback.engine.meter import Meter
    from pullback.engine.stage import Stage


def reverse_jacobian(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> Found:
    """Computes the Jacobian of each real output."""
    real = differentiable_outputs(stage, leaves, outputs)
    check_room(stage, leaves, real)
    rows = {name: _rows(name, output, stage, leaves, meter) for name, output in real.items()}
    return assemble(leaves, real, rows)


def _rows(
    name: str, output: torch.Tensor, stage: Stage, leaves: Mapping[str, torch.Tensor], meter: Meter
) -> Gradients:
    if not output.numel():
        return tuple(output.new_zeros((*output.shape, *leaf.shape)) for leaf in leaves.values())
    reverse = ReversePass(stage, meter, name, [output], [*leaves.values()])
    parts = [*reverse.parts(output.numel(), unit_rows(output))]
    return tuple(
        None if rows is None else rows.reshape((*output.shape, *leaf.shape))
        for rows, leaf in zip(join(parts, len(leaves)), leaves.values(), strict=True)
    )


def differentiable_outputs(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Gives the outputs that have a Jacobian: those of floating-point types.

    Raises:
        InvalidArgument: one is complex, or none of them is tracked.
    """
    for name, output in outputs.items():
        if output.is_complex():
            raise InvalidArgument(
                f"`{name}` is {describe_tensor(output)}, but a Jacobian is of real outputs. Return its real and "
                "imaginary part, or ask for jvp or gradient",
                field=stage.request.output_field(name),
            )
    real = {name: output for name, output in outputs.items() if output.is_floating_point()}
    if not any(map(is_tracked, real.values())):
        raise untracked(stage.request.outputs[-1], stage, leaves)
    return real


def check_room(stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor]) -> None:
    """Refuses a Jacobian that is too big for a result, before it is computed."""
    elements = sum(leaf.numel() for leaf in leaves.values())
    check_result_bytes(
        sum(output.numel() * output.element_size() * elements for output in outputs.values()), stage.limits
    )


def assemble(
    leaves: Mapping[str, torch.Tensor],
    outputs: Mapping[str, torch.Tensor],
    rows: Mapping[str, Gradients],
) -> Found:
    """Makes the blocks. A leaf that no output depends on is absent; else what it has no part in is zero.

    Args:
        leaves: with respect to what, by name.
        outputs: what was differentiated, by name.
        rows: for each output, its block for each leaf; None where it does not depend on it.
    """
    columns = zip(*rows.values(), strict=True)
    used = tuple(next((each for each in column if each is not None), None) for column in columns)
    found = sort_out(leaves, used)
    found.gradients.clear()
    for output_name, output in outputs.items():
        for (name, leaf), block in zip(leaves.items(), rows[output_name], strict=True):
            if name not in found.absent:
                tensor = output.new_zeros((*output.shape, *leaf.shape)) if block is None else block
                found.blocks.append(Block(output_name, (name,), tensor.detach()))
    return found
