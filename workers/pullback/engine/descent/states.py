"""What an optimiser and a schedule keep from step to step, as named tensors and numbers, and back.

A state comes from outside, so what goes back into an optimiser is looked at entry by entry: torch itself would take
whatever it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pullback.contract.errors import InvalidArgument
from pullback.engine.wire import describe_tensor, read, write_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from pullback.v1 import optimization_pb2 as pb

# Where L-BFGS, whose state is of all parameters together, has it.
_LBFGS = "lbfgs"

# What L-BFGS keeps: vectors of all elements, lists of them, what is one element, numbers. A step length, and the scale
# of its first Hessian, are numbers or tensors of one element.
_VECTORS = ("d", "prev_flat_grad")
_VECTOR_LISTS = ("old_dirs", "old_stps")
_SCALAR_LIST = "ro"
_SCALARS = ("t", "H_diag")
_NUMBERS = ("prev_loss",)
_COUNTS = ("func_evals", "n_iter")

# What a schedule counts, by its attributes in torch. The rest follows from the plan.
_SCHEDULE_COUNTS = {
    "last_epoch": "schedule.last_epoch", "_step_count": "schedule.step_count", "T_cur": "schedule.t_cur",
    "T_i": "schedule.t_i",
}  # fmt: skip
_LEARNING_RATE = "learning_rate"


def write_state(
    message: pb.DescentState,
    parameters: Mapping[str, torch.Tensor],
    optimizer: Optimizer,
    schedule: LRScheduler | None,
) -> None:
    """Puts parameters, optimiser and schedule into an empty state."""
    for name, parameter in parameters.items():
        write_to(message.parameters[name], parameter)
    if isinstance(optimizer, torch.optim.LBFGS):
        held = optimizer.state[next(iter(parameters.values()))]
        _write_entries(message, _LBFGS, {key: value for key, value in held.items() if key != "al"})
    else:
        for name, parameter in parameters.items():
            _write_entries(message, name, optimizer.state.get(parameter, {}))
    if schedule is not None:
        for attribute, name in _SCHEDULE_COUNTS.items():
            if hasattr(schedule, attribute):
                message.numbers[name] = getattr(schedule, attribute)
        message.numbers[_LEARNING_RATE] = optimizer.param_groups[0]["lr"]


def _write_entries(message: pb.DescentState, owner: str, entries: Mapping[str, Any]) -> None:
    for key, value in entries.items():
        name = f"{owner}.{key}"
        if isinstance(value, torch.Tensor):
            write_to(message.tensors[name], value)
        elif isinstance(value, (int, float)):
            message.numbers[name] = value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                write_to(message.tensors[f"{name}.{index}"], item)


def state_tensors(optimizer: Optimizer) -> Iterator[torch.Tensor]:
    """Gives the tensors that an optimiser keeps."""
    for entries in optimizer.state.values():
        for key, value in entries.items():
            if isinstance(value, torch.Tensor):
                yield value
            elif isinstance(value, list) and key != "al":
                yield from value


def load_state(
    message: pb.DescentState,
    parameters: Mapping[str, torch.Tensor],
    optimizer: Optimizer,
    schedule: LRScheduler | None,
) -> None:
    """Puts a state back, but for its parameters, into an optimiser and a schedule at their beginning.

    Raises:
        InvalidArgument: it is no state of theirs.
    """
    tensors, numbers = {**message.tensors}, {**message.numbers}
    if isinstance(optimizer, torch.optim.LBFGS):
        _load_lbfgs(tensors, numbers, [*parameters.values()], optimizer)
    else:
        for name, parameter in parameters.items():
            _load_parameter(name, parameter, tensors, optimizer)
    if schedule is not None:
        _load_schedule(numbers, optimizer, schedule)
    for field, left in (("tensors", tensors), ("numbers", numbers)):
        if left:
            name = min(left)
            raise InvalidArgument(
                f"`{name[:80]}` belongs to nothing that this plan has", field=f"state.{field}"
            )


def _load_schedule(numbers: dict[str, float], optimizer: Optimizer, schedule: LRScheduler) -> None:
    for attribute, name in _SCHEDULE_COUNTS.items():
        if hasattr(schedule, attribute):
            setattr(schedule, attribute, _count(numbers, name))
    rate = _number(numbers, _LEARNING_RATE)
    for group in optimizer.param_groups:
        group["lr"] = rate


def _load_parameter(
    name: str, parameter: torch.Tensor, tensors: dict[str, Any], optimizer: Optimizer
) -> None:
    wanted = _kept(optimizer)
    if not any(f"{name}.{key}" in tensors for key in wanted):
        return  # it has had no gradient so far
    entries = {}
    for key in wanted:
        is_count = key == "step"
        shape, dtype = (torch.Size(), torch.float32) if is_count else (parameter.shape, parameter.dtype)
        # torch counts steps on the host, whatever the device.
        device = "cpu" if is_count else parameter.device
        entries[key] = _tensor(tensors, f"{name}.{key}", shape, dtype, device)
    optimizer.state[parameter].update(entries)


def _kept(optimizer: Optimizer) -> tuple[str, ...]:
    """Names what an optimiser keeps for a parameter, as it is set."""
    group = optimizer.param_groups[0]
    match optimizer:
        case torch.optim.SGD():
            return ("momentum_buffer",) if group["momentum"] else ()
        case torch.optim.Adam():  # AdamW is one
            return ("step", "exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else []))
        case torch.optim.RMSprop():
            momentum = ["momentum_buffer"] if group["momentum"] else []
            return ("step", "square_avg", *momentum, *(["grad_avg"] if group["centered"] else []))
        case _:
            return ("step", "sum")


def _load_lbfgs(
    tensors: dict[str, Any],
    numbers: dict[str, float],
    parameters: list[torch.Tensor],
    optimizer: torch.optim.LBFGS,
) -> None:
    entries: dict[str, Any] = {key: _count(numbers, f"{_LBFGS}.{key}") for key in _COUNTS}
    if entries["n_iter"]:
        first = parameters[0]
        size = torch.Size([sum(each.numel() * (1 + each.is_complex()) for each in parameters)])
        dtype = first.dtype.to_real()
        for key in _VECTORS:
            entries[key] = _tensor(tensors, f"{_LBFGS}.{key}", size, dtype, first.device)
        known = 0
        while f"{_LBFGS}.{_SCALAR_LIST}.{known}" in tensors:
            known += 1
        if known > optimizer.param_groups[0]["history_size"]:
            raise InvalidArgument(
                f"it remembers {known} iterations, which is more than the plan's history_size",
                field="state.tensors",
            )
        for key in (*_VECTOR_LISTS, _SCALAR_LIST):
            shape = torch.Size() if key == _SCALAR_LIST else size
            names = [f"{_LBFGS}.{key}.{index}" for index in range(known)]
            entries[key] = [_tensor(tensors, name, shape, dtype, first.device) for name in names]
        for key in _SCALARS:
            name = f"{_LBFGS}.{key}"
            is_tensor = name in tensors
            entries[key] = (
                _tensor(tensors, name, torch.Size(), dtype, first.device)
                if is_tensor
                else _number(numbers, name)
            )
        for key in _NUMBERS:
            entries[key] = _number(numbers, f"{_LBFGS}.{key}")
    optimizer.state[parameters[0]].update(entries)


def _tensor(
    tensors: dict[str, Any], name: str, shape: torch.Size, dtype: torch.dtype, device: torch.device | str
) -> torch.Tensor:
    path = f'state.tensors["{name}"]'
    if name not in tensors:
        raise InvalidArgument("is missing", field=path)
    found = read(tensors.pop(name))
    if found.shape != shape or found.dtype is not dtype:
        wanted = describe_tensor(torch.empty(shape, dtype=dtype, device="meta"))
        raise InvalidArgument(f"it is {describe_tensor(found)}, but {wanted} belongs there", field=path)
    return found.to(device)


def _number(numbers: dict[str, float], name: str) -> float:
    if name not in numbers:
        raise InvalidArgument("is missing", field=f'state.numbers["{name}"]')
    return numbers.pop(name)


def _count(numbers: dict[str, float], name: str) -> int:
    value = _number(numbers, name)
    if not value.is_integer() or not 0 <= value < 2**53:
        raise InvalidArgument(f"{value} is no count", field=f'state.numbers["{name}"]')
    return int(value)
