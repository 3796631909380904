"""The rules on descents: how a plan, a state and an evaluation go together.

The gateway refuses by these rules at the door, and the engine keeps to them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pullback.contract.derivatives import DEFAULT_KIND, kind_of
from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import DEFAULT_LIMITS, limit_metadata
from pullback.contract.optimization import check_optimizer, check_schedule, check_stop
from pullback.contract.tensors import BY_CODE, check_tensor, decode, describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pullback.contract.limits import Limits
    from pullback.v1 import evaluation_pb2, tensor_pb2
    from pullback.v1 import optimization_pb2 as pb

# Points of a descent that are given where the plan does not say how many.
_POINTS = 100

# The most tensors in a state: those of L-BFGS with the longest memory, and some.
_MAX_STATE_TENSORS = 4_096

# Fields of an evaluation that a descent has no use for.
_FOREIGN = (
    "cotangents", "tangents", "stacked", "batched_inputs", "return_graph", "return_program_graph",
    "check_gradient", "detect_anomaly", "export",
)  # fmt: skip


def parameters_of(evaluation: evaluation_pb2.Evaluation, plan: pb.OptimizationPlan) -> tuple[str, ...]:
    """Names what is moved: `wrt`, or every input that could be, but for those in mini-batches; sorted then."""
    if evaluation.wrt:
        return tuple(evaluation.wrt)
    rows = frozenset(plan.mini_batches.inputs)
    inputs = evaluation.inputs
    return tuple(
        sorted(name for name in inputs if BY_CODE[inputs[name].dtype].differentiable and name not in rows)
    )


def interval_of(plan: pb.OptimizationPlan) -> int:
    """Gives the number of steps from one point to the next."""
    return plan.progress_interval or max(1, plan.stop.steps // _POINTS)


def check_descent(
    evaluation: evaluation_pb2.Evaluation,
    plan: pb.OptimizationPlan,
    state: pb.DescentState | None,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Checks a descent.

    Args:
        evaluation: the loss, whose names and tensors are checked already.
        plan: what is followed.
        state: where it goes on from, with its parameters; None where it begins.
        limits: the bounds on it.

    Raises:
        InvalidArgument: something is missing, out of its range, or does not go together.
        LimitExceeded: it is too long, or what it keeps too big.
    """
    if kind_of(evaluation) != DEFAULT_KIND:
        raise InvalidArgument("a descent follows the gradient; leave it out", field=kind_of(evaluation))
    for field in _FOREIGN:
        if getattr(evaluation, field):
            raise InvalidArgument("does not go with a descent", field=field)
    check_optimizer(plan.optimizer)
    if plan.HasField("schedule"):
        check_schedule(plan.schedule)
    check_stop(plan.stop, limits, has_batches=plan.HasField("mini_batches"))
    if plan.progress_interval < 0:
        raise InvalidArgument(f"{plan.progress_interval} is not 0 or more", field="plan.progress_interval")
    if plan.HasField("mini_batches"):
        _check_batches(evaluation, plan.mini_batches)
    parameters = _check_parameters(evaluation, plan)
    if plan.optimizer.HasField("lbfgs"):
        _check_joint(evaluation, parameters)
    _check_watched(plan.watched, parameters)
    _check_bounds(evaluation, plan, parameters)
    _check_room(evaluation, plan, parameters, limits)
    if state is not None:
        _check_state(evaluation, plan, state, parameters, limits)


def _check_parameters(evaluation: evaluation_pb2.Evaluation, plan: pb.OptimizationPlan) -> tuple[str, ...]:
    parameters = parameters_of(evaluation, plan)
    if not parameters:
        raise InvalidArgument("there is nothing to move: no floating-point input", field="evaluation.inputs")
    for index, name in enumerate(evaluation.wrt):
        path = f"wrt[{index}]"
        if name not in evaluation.inputs:
            raise InvalidArgument(f"`{name}` is no input, and only inputs can be moved", field=path)
        if name in plan.mini_batches.inputs:
            raise InvalidArgument(f"`{name}` comes in mini-batches, and cannot be moved", field=path)
        row = BY_CODE[evaluation.inputs[name].dtype]
        if not row.differentiable:
            raise InvalidArgument(f"`{name}` is {row.name}, which does not move", field=path)
    return parameters


def _check_joint(evaluation: evaluation_pb2.Evaluation, parameters: tuple[str, ...]) -> None:
    """Checks that parameters can be one vector, as L-BFGS takes them."""
    first = evaluation.inputs[parameters[0]]
    for name in parameters[1:]:
        row, other = BY_CODE[evaluation.inputs[name].dtype], BY_CODE[first.dtype]
        if row is not other:
            raise InvalidArgument(
                f"L-BFGS moves parameters of one data type, but `{parameters[0]}` is {other.name} and `{name}` is "
                f"{row.name}",
                field="plan.optimizer.lbfgs",
            )
    if not any(evaluation.inputs[name].data for name in parameters):
        raise InvalidArgument(
            "L-BFGS needs an element to move, and the parameters have none", field="plan.optimizer.lbfgs"
        )


def _check_batches(evaluation: evaluation_pb2.Evaluation, batches: pb.MiniBatches) -> None:
    if not batches.inputs:
        raise InvalidArgument("needs at least one name", field="plan.mini_batches.inputs")
    if batches.size < 1:
        raise InvalidArgument(f"{batches.size} is not 1 or more", field="plan.mini_batches.size")
    rows: int | None = None
    for index, name in enumerate(batches.inputs):
        path = f"plan.mini_batches.inputs[{index}]"
        if name not in evaluation.inputs:
            raise InvalidArgument(f"`{name}` is no input", field=path)
        if name in batches.inputs[:index]:
            raise InvalidArgument(f"`{name}` is named twice", field=path)
        shape = evaluation.inputs[name].shape
        if not shape or not shape[0]:
            raise InvalidArgument(f"`{name}` has no rows", field=path)
        if rows not in {None, shape[0]}:
            raise InvalidArgument(
                f"`{name}` has {shape[0]:,} rows, but `{batches.inputs[0]}` has {rows:,}", field=path
            )
        rows = shape[0]


def _check_watched(watched: Iterable[str], parameters: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for index, name in enumerate(watched):
        path = f"plan.watched[{index}]"
        if name not in parameters:
            raise InvalidArgument(
                f"`{name[:64]}` is none of the parameters: {', '.join(parameters)}", field=path
            )
        if name in seen:
            raise InvalidArgument(f"`{name}` is named twice", field=path)
        seen.add(name)


def _check_bounds(
    evaluation: evaluation_pb2.Evaluation, plan: pb.OptimizationPlan, parameters: tuple[str, ...]
) -> None:
    for name in sorted(plan.bounds):
        path = f'plan.bounds["{name[:64]}"]'
        if name not in parameters:
            raise InvalidArgument(f"is none of the parameters: {', '.join(parameters)}", field=path)
        moved, bounds = evaluation.inputs[name], plan.bounds[name]
        if BY_CODE[moved.dtype].is_complex:
            raise InvalidArgument("complex numbers have no order to be bounded in", field=path)
        for side in ("lower", "upper"):
            if bounds.HasField(side):
                _check_bound(f"{path}.{side}", getattr(bounds, side), name, moved)
        has_both = bounds.HasField("lower") and bounds.HasField("upper")
        if has_both and not np.all(np.less_equal(decode(bounds.lower), decode(bounds.upper))):
            raise InvalidArgument("is below the lower one somewhere", field=f"{path}.upper")


def _check_bound(path: str, bound: tensor_pb2.Tensor, name: str, moved: tensor_pb2.Tensor) -> None:
    row = check_tensor(path, bound)
    shape, wanted = tuple(bound.shape), tuple(moved.shape)
    if row.code != moved.dtype or (shape not in {(), (1,), wanted}):
        raise InvalidArgument(
            f"it is {describe(row, shape)}, but `{name}` is {describe(BY_CODE[moved.dtype], wanted)}; a bound has one "
            "element, or its shape",
            field=path,
        )
    if np.isnan(decode(bound)).any():
        raise InvalidArgument("has NaN, which bounds nothing", field=path)


def _check_room(
    evaluation: evaluation_pb2.Evaluation,
    plan: pb.OptimizationPlan,
    parameters: tuple[str, ...],
    limits: Limits,
) -> None:
    """Refuses what would not fit beside the inputs: what the optimiser keeps goes with each leg."""
    moved = sum(len(evaluation.inputs[name].data) for name in parameters)
    given = sum(len(tensor.data) for tensor in evaluation.inputs.values())
    bounds = sum(len(each.lower.data) + len(each.upper.data) for each in plan.bounds.values())
    size = given + bounds + copies_kept(plan.optimizer) * moved
    if size > limits.input_bytes:
        raise LimitExceeded(
            f"inputs, bounds and what the optimiser keeps take up to {size:,} bytes, but the limit is "
            f"{limits.input_bytes:,}",
            field="plan.optimizer",
            metadata=limit_metadata(limits.input_bytes, size, "input_bytes"),
        )


def copies_kept(optimizer: pb.Optimizer) -> int:
    """Gives how many tensors of a parameter's size an optimiser keeps for it, at most."""
    match optimizer.WhichOneof("kind"):
        case "sgd":
            return 1 if optimizer.sgd.momentum else 0
        case "adam":
            return 3 if optimizer.adam.amsgrad else 2
        case "adamw":
            return 3 if optimizer.adamw.amsgrad else 2
        case "rmsprop":
            return 1 + bool(optimizer.rmsprop.momentum) + optimizer.rmsprop.centered
        case "lbfgs":
            history = optimizer.lbfgs.history_size if optimizer.lbfgs.HasField("history_size") else 100
            return 2 * history + 2
        case _:
            return 1


def _check_state(
    evaluation: evaluation_pb2.Evaluation,
    plan: pb.OptimizationPlan,
    state: pb.DescentState,
    parameters: tuple[str, ...],
    limits: Limits,
) -> None:
    kind = plan.optimizer.WhichOneof("kind")
    if state.optimizer != kind:
        raise InvalidArgument(
            f"it comes from {state.optimizer[:64] or 'no optimiser'}, but the plan has {kind}",
            field="state.optimizer",
        )
    if not 0 <= state.step <= limits.descent_steps:
        raise InvalidArgument(f"{state.step} is not from 0 to {limits.descent_steps:,}", field="state.step")
    if sorted(state.parameters) != sorted(parameters):
        raise InvalidArgument(
            f"are {', '.join(sorted(state.parameters))[:200] or 'none'}, but the descent moves "
            f"{', '.join(sorted(parameters))}",
            field="state.parameters",
        )
    for name in parameters:
        path = f'state.parameters["{name}"]'
        row = check_tensor(path, state.parameters[name], limits)
        given, wanted = state.parameters[name], evaluation.inputs[name]
        if given.dtype != wanted.dtype or [*given.shape] != [*wanted.shape]:
            raise InvalidArgument(
                f"it is {describe(row, given.shape)}, but the input is "
                f"{describe(BY_CODE[wanted.dtype], wanted.shape)}",
                field=path,
            )
    if len(state.tensors) + len(state.numbers) > _MAX_STATE_TENSORS:
        raise InvalidArgument(f"has more than {_MAX_STATE_TENSORS:,} entries", field="state.tensors")
    for name in state.tensors:
        check_tensor(f'state.tensors["{name[:80]}"]', state.tensors[name], limits)
