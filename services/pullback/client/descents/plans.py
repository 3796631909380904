"""What a descent is to do, as a message. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pullback.client.building import as_names, write_evaluation
from pullback.client.descents.optimizers import write_optimizer
from pullback.client.descents.schedules import write_schedule
from pullback.client.tensors import tensor
from pullback.contract.errors import InvalidArgument
from pullback.contract.tensors import BY_CODE
from pullback.v1 import descent_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.client.building import Device, Names, Values
    from pullback.client.descents.optimizers import Optimizer
    from pullback.client.descents.reading import DescentState
    from pullback.client.descents.schedules import Schedule
    from pullback.v1.optimization_pb2 import OptimizationPlan

#: Bounds by parameter name: lower and upper, each a number, an array of the parameter's shape, or None.
Bounds = "Mapping[str, tuple[Any, Any]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniBatches:
    """Rows of inputs that each step sees, of all of which an epoch sees each once.

    Attributes:
        inputs: the inputs that have rows, along an axis in front.
        size: the rows of a step.
        seed: where the random orders of epochs begin.
        shuffle: False to go through the rows in their own order.
        drop_last: True to leave out the last step of an epoch where it would have fewer rows.
    """

    inputs: Names
    size: int
    seed: int = 0
    shuffle: bool = True
    drop_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `Client.descend` is asked for, besides its program and inputs. The fields are its arguments."""

    optimizer: Optimizer | str
    steps: int
    schedule: Schedule | None
    loss_target: float | None
    loss_tolerance: float | None
    gradient_tolerance: float | None
    seconds: float | None
    bounds: Mapping[str, tuple[Any, Any]] | None
    batches: MiniBatches | None
    interval: int
    watch: Names
    state: DescentState | None
    outputs: Names
    wrt: Names
    device: Device
    leg_timeout: float | None
    seed: int


def descend_request(program: str, inputs: Values, plan: Plan) -> pb.DescendRequest:
    """Makes the request of a descent.

    Raises:
        InvalidArgument: an argument cannot be sent; `field` names it.
    """
    request = pb.DescendRequest()
    write_evaluation(
        request.evaluation, program, inputs, outputs=plan.outputs, wrt=plan.wrt, device=plan.device,
        timeout=plan.leg_timeout, seed=plan.seed,
    )  # fmt: skip
    message = request.plan
    write_optimizer(message.optimizer, plan.optimizer)
    if plan.schedule is not None:
        write_schedule(message.schedule, plan.schedule)
    _write_stop(message, plan)
    if plan.batches is not None:
        _write_batches(message, plan.batches)
    for name, (lower, upper) in (plan.bounds or {}).items():
        _write_bounds(request, name, lower, upper)
    message.progress_interval = _in_range("interval", plan.interval, 2**63)
    message.watched.extend(as_names(plan.watch))
    if plan.state is not None:
        request.state.CopyFrom(plan.state.message)
    return request


def _write_stop(message: OptimizationPlan, plan: Plan) -> None:
    stop = message.stop
    stop.steps = _in_range("steps", plan.steps, 2**63)
    for name in ("loss_target", "loss_tolerance", "gradient_tolerance"):
        if (value := getattr(plan, name)) is not None:
            setattr(stop, name, value)
    if plan.seconds is not None:
        if not 0 < plan.seconds < float("inf"):
            raise InvalidArgument(f"{plan.seconds} is not a number of seconds above 0", field="seconds")
        stop.time.FromNanoseconds(max(1, round(plan.seconds * 1e9)))


def _write_batches(message: OptimizationPlan, batches: MiniBatches) -> None:
    wire = message.mini_batches
    wire.inputs.extend(as_names(batches.inputs))
    wire.size = _in_range("batches.size", batches.size, 2**63)
    wire.seed = _in_range("batches.seed", batches.seed, 2**64)
    wire.in_order = not batches.shuffle
    wire.drop_last = batches.drop_last


def _write_bounds(request: pb.DescendRequest, name: str, lower: object, upper: object) -> None:
    if name not in request.evaluation.inputs:
        raise InvalidArgument(f"`{name}` is no input", field="bounds")
    dtype = BY_CODE[request.evaluation.inputs[name].dtype].name
    box: Any = request.plan.bounds[name]
    for side, value in (("lower", lower), ("upper", upper)):
        if value is not None:
            try:
                getattr(box, side).CopyFrom(tensor(value, dtype))
            except InvalidArgument as error:
                raise InvalidArgument(error.message, field=f'bounds["{name}"]') from error


def _in_range(name: str, value: int, end: int) -> int:
    if not 0 <= value < end:
        raise InvalidArgument(f"{value} is not from 0 to {end - 1:,}", field=name)
    return value
