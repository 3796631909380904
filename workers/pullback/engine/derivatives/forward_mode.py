"""Forward mode: the program run on dual numbers, each tensor with the direction in which it moves.

Strategy: one run for a tangent, or for as many of a stack as memory allows, mapped over the tangents alone, so that the
values are computed once. What the program sees must not depend on how it is differentiated. So a program that asks
autograd itself, changes leaves, or prints, which shows what autograd knows, does not run so; nor does one with an
operation that torch cannot differentiate forward. `reverse_twice` gives the same by two passes in reverse: the first is
linear in its cotangent, and the derivative by that, along the tangent, is the product.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch._vmap_internals import _vmap
from torch.autograd import forward_ad

from pullback.contract.errors import PullbackError
from pullback.contract.program.ops.autograd import AUTOGRAD
from pullback.engine.derivatives.found import Found
from pullback.engine.derivatives.reverse_pass import ReversePass
from pullback.engine.derivatives.seeds import check_seed, is_tracked
from pullback.engine.faults import TORCH_ERRORS
from pullback.engine.meter import Meter
from pullback.engine.outputs import check_result_bytes, output_values

with warnings.catch_warnings(action="ignore"):  # it calls what torch calls deprecated
    # torch loads it at the first dual number, when an evaluator may open no file.
    import torch._decomp.decompositions_for_jvp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pullback.engine.run import Run
    from pullback.engine.stage import Stage

# Most bytes of the tangents of all inputs that one run takes.
STACK_BYTES = 64 * 2**20

# A tangent's part of a call, in units of the call: a product has two operands that move.
TANGENT_WORK = 3

# torch gives neither a type.
_make_dual: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = forward_ad.make_dual
_unpack_dual: Callable[[torch.Tensor], forward_ad.UnpackedDualTensor] = forward_ad.unpack_dual

_UPDATES = ("operator.iadd", "operator.imul", "operator.ipow", "operator.isub", "operator.itruediv")
# Forward, torch 2.13 gives other numbers for these than in reverse, or other shapes where tangents are stacked.
_WRONG = ("cholesky_inverse", "nanquantile", "quantile", "scatter_reduce")

_UNFIT = frozenset(
    {
        *(op.key for op in AUTOGRAD),
        *_UPDATES,
        *(f"{owner}.{name}" for owner in ("Tensor", "torch") for name in _WRONG),
    }
)


class Pushed(NamedTuple):
    """What a run forward gave.

    Attributes:
        state: what the program left.
        outputs: the values by name.
        tangents: how they move; none for an output that does not depend on what moves.
    """

    state: Run
    outputs: dict[str, torch.Tensor]
    tangents: dict[str, torch.Tensor]


def can_push(stage: Stage) -> bool:
    """Tells whether a program gives the same on dual numbers as it does where autograd tracks it."""
    program = stage.program
    return not program.prints and _UNFIT.isdisjoint(program.ops) and not stage.request.detects_anomaly


def read_tangents(stage: Stage) -> dict[str, torch.Tensor]:
    """Takes the tangents off the wire.

    Raises:
        InvalidArgument: one has not its input's shape.
    """
    request = stage.request
    found = {}
    for name in sorted(request.tangents):
        found[name] = stage.read(request.tangents[name])
        check_seed(f'tangents["{name}"]', name, stage.inputs[name], found[name], request.stack)
    return found


def push(stage: Stage, tangents: Mapping[str, torch.Tensor], meter: Meter) -> tuple[Pushed, Meter] | None:
    """Runs the program with its inputs moving; None where it cannot be done so.

    Args:
        stage: the program.
        tangents: by input name, each with an axis in front where the request stacks them.
        meter: what was taken so far.

    Returns:
        What came of it, and the meter that counted it too.
    """
    count = stage.request.stack
    if not count:
        return _pushed(stage, tangents, 0, meter)
    return push_parts(stage, count, lambda start, stop: _cut(tangents, start, stop), meter)


def push_parts(
    stage: Stage, count: int, seeds: Callable[[int, int], Mapping[str, torch.Tensor]], meter: Meter
) -> tuple[Pushed, Meter] | None:
    """Runs the program for a stack of tangents, as many at a time as memory allows; None where it cannot be done so.

    Args:
        stage: the program.
        count: how many tangents there are, at least one.
        seeds: gives those from one number up to another, stacked.
        meter: what was taken so far.
    """
    size = max(1, sum(each.nbytes for each in seeds(0, 1).values()))
    for together in dict.fromkeys((max(1, min(count, STACK_BYTES // size)), 1)):
        found = _pushed_parts(stage, count, together, seeds, meter)
        if found is not None:
            return found
    return None


def _pushed_parts(
    stage: Stage,
    count: int,
    together: int,
    seeds: Callable[[int, int], Mapping[str, torch.Tensor]],
    meter: Meter,
) -> tuple[Pushed, Meter] | None:
    parts: list[Pushed] = []
    for start in range(0, count, together):
        found = _pushed(stage, seeds(start, min(start + together, count)), together, meter)
        if found is None:
            return None
        part, meter = found
        parts.append(part)
        if start == 0:
            check_result_bytes(count * sum(each[0].nbytes for each in part.tangents.values()), stage.limits)
        else:
            part.state.close()
    first = parts[0]
    joined = {name: torch.cat([part.tangents[name] for part in parts]) for name in first.tangents}
    return Pushed(first.state, first.outputs, joined), meter


def _pushed(
    stage: Stage, tangents: Mapping[str, torch.Tensor], count: int, spent: Meter
) -> tuple[Pushed, Meter] | None:
    moving = max(1, count)
    meter = Meter(
        stage.limits,
        stage.inputs.values(),
        is_dry=spent.is_dry,
        memory_scale=1 + moving,
        work_scale=1 + TANGENT_WORK * moving,
        spent=spent,
    )
    try:
        if not count:
            return _run(stage, tangents, meter), meter
        if count == 1:
            return _run_single(stage, tangents, meter), meter
        return _run_mapped(stage, tangents, meter), meter
    except (PullbackError, *TORCH_ERRORS):
        # Whatever it is, it comes again where the program is differentiated in reverse, or is forward's alone.
        meter.close()
        return None


def _run(stage: Stage, tangents: Mapping[str, torch.Tensor], meter: Meter) -> Pushed:
    with forward_ad.dual_level():
        inputs = {
            name: _make_dual(tensor, tangents[name]) if name in tangents else tensor
            for name, tensor in stage.inputs.items()
        }
        state = stage.run(inputs, meter)
        outputs = output_values(stage.code, stage.request, state)
        parts = {name: _unpack_dual(value) for name, value in outputs.items()}
        return Pushed(
            state,
            {name: part.primal for name, part in parts.items()},
            {name: part.tangent for name, part in parts.items() if part.tangent is not None},
        )


def _run_single(stage: Stage, tangents: Mapping[str, torch.Tensor], meter: Meter) -> Pushed:
    found = _run(stage, {name: stack[0] for name, stack in tangents.items()}, meter)
    return found._replace(tangents={name: each.unsqueeze(0) for name, each in found.tangents.items()})


def _run_mapped(stage: Stage, tangents: Mapping[str, torch.Tensor], meter: Meter) -> Pushed:
    runs: list[Pushed] = []

    def moved(*slices: torch.Tensor) -> tuple[torch.Tensor, ...]:
        runs.append(_run(stage, dict(zip(tangents, slices, strict=True)), meter))
        return tuple(runs[0].tangents.values())

    # What `torch.autograd.functional` maps duals with: `torch.func.vmap` has no rule for making them.
    found = _vmap(moved)(*tangents.values())
    names = runs[0].tangents
    return runs[0]._replace(tangents=dict(zip(names, found, strict=True)))


def _cut(tangents: Mapping[str, torch.Tensor], start: int, stop: int) -> dict[str, torch.Tensor]:
    return {name: tensor[start:stop] for name, tensor in tangents.items()}


def moved_outputs(
    outputs: Mapping[str, torch.Tensor], tangents: Mapping[str, torch.Tensor | None], stack: int
) -> Found:
    """Gives the tangent of each output that can move; zeros for what does not."""
    found = Found()
    for name, output in outputs.items():
        if output.is_floating_point() or output.is_complex():
            tangent = tangents.get(name)
            shape = (stack, *output.shape) if stack else output.shape
            found.tangents[name] = output.new_zeros(shape) if tangent is None else tangent.detach()
    return found


def reverse_twice(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> Found:
    """Computes the tangents of the outputs by two passes in reverse."""
    stack = stage.request.stack
    tangents = read_tangents(stage)
    check_result_bytes(max(1, stack) * sum(each.nbytes for each in outputs.values()), stage.limits)
    found = dict(_twice(stage, leaves, outputs, tangents, meter))
    return moved_outputs(outputs, found, stack)


def _twice(
    stage: Stage,
    leaves: Mapping[str, torch.Tensor],
    outputs: Mapping[str, torch.Tensor],
    tangents: Mapping[str, torch.Tensor],
    meter: Meter,
) -> Iterator[tuple[str, torch.Tensor | None]]:
    for name, output in outputs.items():
        if is_tracked(output):
            # Any would do, but the derivatives of some operations take its logarithm.
            cotangent = torch.ones_like(output).detach().requires_grad_()
            first = ReversePass(stage, meter, name, [output], [*leaves.values()])
            gradients = first.once([cotangent], create_graph=True)
            pairs = [
                (gradient, tangents[leaf])
                for leaf, gradient in zip(leaves, gradients, strict=True)
                if gradient is not None and gradient.requires_grad
            ]
            if pairs:
                second = ReversePass(stage, meter, name, [pair[0] for pair in pairs], [cotangent])
                seeds = [pair[1] for pair in pairs]
                found = second.stack(seeds) if stage.request.stack else second.once(seeds)
                yield name, found[0]
