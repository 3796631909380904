"""Whole Jacobians forward: a tangent for each element of the inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument
from pullback.engine.derivatives.forward_mode import can_push, push_parts
from pullback.engine.derivatives.jacobian import (
    assemble,
    check_room,
    differentiable_outputs,
    reverse_jacobian,
)
from pullback.engine.derivatives.unit_rows import unit_rows
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from pullback.engine.derivatives.found import Found
    from pullback.engine.meter import Meter
    from pullback.engine.stage import Stage

_FORWARD = evaluation_pb2.Jacobian.MODE_FORWARD
_REVERSE = evaluation_pb2.Jacobian.MODE_REVERSE


def find_jacobian(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> Found:
    """Computes the Jacobian of each output, forward or in reverse.

    Args:
        stage: the program, which has run.
        leaves: with respect to what, by name.
        outputs: what it gave.
        meter: counts what is taken.
    """
    bound = [name for name in leaves if name not in stage.inputs]
    if stage.request.mode == _FORWARD and bound:
        raise InvalidArgument(
            f"`{bound[0]}` is no input, and only inputs can move; leave the mode out, or ask for MODE_REVERSE",
            field="jacobian.mode",
        )
    if bound or stage.request.mode == _REVERSE or not can_push(stage):
        return reverse_jacobian(stage, leaves, outputs, meter)
    real = differentiable_outputs(stage, leaves, outputs)
    narrow = sum(leaf.numel() for leaf in leaves.values()) < sum(each.numel() for each in real.values())
    if stage.request.mode == _FORWARD or narrow:
        check_room(stage, leaves, real)
        found = _forward(stage, leaves, real, meter)
        if found is not None:
            return found
    return reverse_jacobian(stage, leaves, outputs, meter)


def _forward(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> Found | None:
    inputs = {name: tensor.detach() for name, tensor in stage.inputs.items()}
    still = replace(stage, inputs=inputs)
    columns: dict[str, list[torch.Tensor | None]] = {name: [] for name in outputs}
    for leaf_name, leaf in leaves.items():
        tangents: Mapping[str, torch.Tensor] = {}
        if leaf.numel():
            rows = unit_rows(inputs[leaf_name])
            pushed = push_parts(
                still,
                leaf.numel(),
                lambda start, stop, name=leaf_name, rows=rows: {name: rows(start, stop)[0]},  # type: ignore[misc]
                meter,
            )
            if pushed is None:
                return None
            result, meter = pushed
            result.state.close()
            meter.close()
            tangents = result.tangents
        for name, output in outputs.items():
            stack = tangents.get(name)
            shape = (*output.shape, *leaf.shape)
            if not leaf.numel():
                columns[name].append(output.new_zeros(shape))
            else:
                columns[name].append(None if stack is None else stack.movedim(0, -1).reshape(shape))
    return assemble(leaves, outputs, {name: tuple(column) for name, column in columns.items()})
