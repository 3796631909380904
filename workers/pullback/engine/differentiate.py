"""Gradients of a program that has run, from the same forward pass as its values.

Which gradients:

- A program that calls `backward()` has differentiated itself: each leaf's accumulated ``.grad`` is taken.
- Else the outputs with cotangents, or the last output, are differentiated here with respect to the leaves: the
  inputs asked for; and, where the evaluation asks for none by name and has none that could be, the leaves that the
  program made and named.
- A program that calls `torch.autograd.grad` itself may end in a value with no graph behind it, its own gradient. That
  is no fault: the leaves are then absent as independent, unless cotangents were given, which would be lost.
- A program without any output, which only prints, has nothing to differentiate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.program.diagnose import exceeded_at
from pullback.engine.faults import (
    TORCH_ERRORS,
    BackwardFailed,
    TooBig,
    is_about_a_node,
    is_freed_graph,
    is_out_of_memory,
    out_of_memory,
    plain,
    spoken,
)
from pullback.engine.wire import describe_tensor, read
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.contract.program.ir import Program
    from pullback.engine.meter import Meter
    from pullback.engine.request import Request
    from pullback.engine.run import Run

_GRAD = "torch.autograd.grad"


@dataclass
class Gradients:
    """What came of differentiating.

    Attributes:
        found: the gradients by leaf name, each with its leaf's shape and data type.
        absent: the leaves without one, and why.
    """

    found: dict[str, torch.Tensor] = field(default_factory=dict)
    absent: dict[str, evaluation_pb2.GradientAbsence] = field(default_factory=dict)


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


def differentiate(
    program: Program, request: Request, run: Run, outputs: Mapping[str, object], meter: Meter
) -> Gradients:
    """Computes, or collects, the gradients that an evaluation asks for.

    Args:
        program: what has run.
        request: what is asked for.
        run: what the program left.
        outputs: the values of the outputs.
        meter: counts what the backward pass takes.

    Raises:
        InvalidArgument: the outputs cannot be differentiated.
        LimitExceeded: the backward pass would be beyond a limit.
        BackwardFailed: torch cannot compute it.
    """
    if not request.differentiates:
        return Gradients()
    if program.calls_backward:
        return _accumulated(request, run)
    if not request.outputs:
        return Gradients()
    leaves = _leaves(request, run)
    if _GRAD in program.ops and not request.cotangents and not _is_tracked(outputs[request.outputs[-1]]):
        independent = evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT
        return Gradients(absent=dict.fromkeys(request.wrt, independent))
    seeds = _seeds(request, outputs, leaves)
    _price(program, leaves, seeds, meter)
    return _reverse(request, leaves, seeds)


def _price(
    program: Program, leaves: Mapping[str, torch.Tensor], seeds: Mapping[str, _Seed], meter: Meter
) -> None:
    outputs = [seed.output for seed in seeds.values() if _is_tracked(seed.output)]
    try:
        meter.begin_backward(outputs, [*leaves.values()], create_graph=False)
    except TooBig as error:
        subject = f"the backward pass from `{next(iter(seeds))}` {error}"
        if error.call is None:
            raise LimitExceeded(subject, metadata=error.metadata) from error
        place = error.call.place
        raise exceeded_at(
            program.source, place, f"`{spoken(error.call.op)}`: {subject}", error.metadata
        ) from error


def _leaves(request: Request, run: Run) -> dict[str, torch.Tensor]:
    if request.wrt:
        return {name: run.inputs[name] for name in request.wrt}
    return made_leaves(run)


def _is_tracked(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def _accumulated(request: Request, run: Run) -> Gradients:
    result = Gradients()
    leaves = {name: run.inputs[name] for name in request.wrt} | made_leaves(run)
    for name, leaf in leaves.items():
        if leaf.grad is not None:
            result.found[name] = leaf.grad
        elif not leaf.requires_grad:
            result.absent[name] = evaluation_pb2.GRADIENT_ABSENCE_NOT_TRACKED
        else:
            result.absent[name] = evaluation_pb2.GRADIENT_ABSENCE_NOT_ACCUMULATED
    return result


def _reverse(request: Request, leaves: dict[str, torch.Tensor], seeds: dict[str, _Seed]) -> Gradients:
    result = Gradients()
    tracked = {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
    gradients = _backward(
        request, tracked, {name: seed for name, seed in seeds.items() if _is_tracked(seed.output)}
    )
    for name in leaves:
        gradient = gradients.get(name)
        if gradient is not None:
            result.found[name] = gradient
        elif name in tracked:
            result.absent[name] = evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT
        else:
            result.absent[name] = evaluation_pb2.GRADIENT_ABSENCE_NOT_TRACKED
    return result


@dataclass(frozen=True)
class _Seed:
    output: torch.Tensor
    cotangent: torch.Tensor


def _backward(
    request: Request, leaves: dict[str, torch.Tensor], seeds: dict[str, _Seed]
) -> dict[str, torch.Tensor | None]:
    if not leaves:
        return {}
    try:
        gradients = torch.autograd.grad(
            [seed.output for seed in seeds.values()],
            list(leaves.values()),
            grad_outputs=[seed.cotangent for seed in seeds.values()],
            allow_unused=True,
        )
    except TORCH_ERRORS as error:
        name = next(iter(seeds))
        if is_out_of_memory(error):
            raise out_of_memory(f"the backward pass from `{name}`") from error
        path = request.output_field(name)
        if is_freed_graph(error):
            raise InvalidArgument(
                "the graph behind it was freed by the program's own torch.autograd.grad; give that call "
                "retain_graph=True, or ask for values only",
                field=path,
            ) from error
        failure = InvalidArgument(f"cannot be differentiated: {plain(error)}", field=path)
        if is_about_a_node(error):
            raise BackwardFailed(failure, error) from error
        raise failure from error
    return dict(zip(leaves, gradients, strict=True))


def _seeds(
    request: Request, outputs: Mapping[str, object], leaves: dict[str, torch.Tensor]
) -> dict[str, _Seed]:
    if not request.cotangents:
        name = request.outputs[-1]
        return {name: _unit_seed(name, outputs[name], request, leaves)}
    seeds = {name: _given_seed(name, outputs[name], request) for name in request.cotangents}
    if not any(_is_tracked(seed.output) for seed in seeds.values()):
        raise _untracked(next(iter(seeds)), request, leaves)
    return seeds


def _unit_seed(name: str, output: object, request: Request, leaves: dict[str, torch.Tensor]) -> _Seed:
    path = request.output_field(name)
    if not isinstance(output, torch.Tensor) or not output.requires_grad:
        raise _untracked(name, request, leaves)
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
    return _Seed(output, torch.ones_like(output))


def _given_seed(name: str, output: object, request: Request) -> _Seed:
    path = f'cotangents["{name}"]'
    if not isinstance(output, torch.Tensor):
        raise InvalidArgument(f"`{name}` is a plain number, which has no gradient", field=path)
    cotangent = read(request.cotangents[name], str(output.device))
    if cotangent.shape != output.shape or cotangent.dtype is not output.dtype:
        raise InvalidArgument(
            f"it is {describe_tensor(cotangent)}, but `{name}` is {describe_tensor(output)}", field=path
        )
    return _Seed(output, cotangent)


def _untracked(name: str, request: Request, leaves: dict[str, torch.Tensor]) -> InvalidArgument:
    if leaves:
        reason = "nothing that it depends on requires a gradient, or only through detach() or torch.no_grad()"
    else:
        reason = (
            "nothing requires a gradient: there is no floating-point input, and the program makes no leaf"
        )
    return InvalidArgument(
        f"`{name}` cannot be differentiated: {reason}. Ask for values only (value_only) where no gradient is wanted",
        field=request.output_field(name),
    )
