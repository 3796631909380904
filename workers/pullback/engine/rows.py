"""Like evaluations computed together, as the rows of one stack. See `row_plan` for what is promised and why."""

from __future__ import annotations

from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch

from pullback.engine.row_plan import ROW_BLOCK
from pullback.engine.wire import TORCH_DTYPES, number_tensor, write
from pullback.v1 import evaluation_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pullback.engine.bindings.binding import Binding
    from pullback.engine.row_plan import RowPlan, RowTensor

# Up to so many bytes, Python's own sum tells whether there may be NaNs. A lone small evaluation finds the processor's
# caches cold, and what numpy takes for the same costs it more than the arithmetic.
MAX_SUMMED_BYTES = 128

_FLOATS: Mapping[str, Literal["f", "d"]] = {"float32": "f", "float64": "d"}

#: The bytes of an evaluation's inputs, in the order of their names.
RowData = tuple[bytes, ...]


class _Turn(NamedTuple):
    """A step of the plan as the loop wants it."""

    function: Binding
    operands: Callable[[Sequence[object]], Iterable[object]]
    keywords: tuple[tuple[str, int], ...]
    target: int


class _Cut(NamedTuple):
    """A tensor of the result.

    Attributes:
        message: where a row's bytes go.
        size: how many they are.
        floats: how Python calls its elements, where NaNs are made one; else None.
    """

    message: tensor_pb2.Tensor
    size: int
    floats: Literal["f", "d"] | None


class RowRunner:
    """Runs evaluations of one plan.

    Args:
        plan: what they have in common.
        names: the names of all their inputs, in order.
        blank: a result whose fields that say who computed it are set.

    Raises:
        ValueError: a stack of rows gives other shapes or data types than the plan says.
    """

    def __init__(self, plan: RowPlan, names: Sequence[str], blank: evaluation_pb2.Result) -> None:
        self._plan = plan
        self._places = tuple(names.index(row.name) for row in plan.inputs)
        self._turns = tuple(
            _Turn(step.function, _picker(step.operands), step.keywords, step.target) for step in plan.steps
        )
        tracked = [row for row in plan.inputs if row.name in plan.tracked]
        ones = [torch.ones(ROW_BLOCK, *row.shape, dtype=_dtype(row)) for row in plan.inputs]
        outputs, gradients = self._compute(ones)
        found = {
            row: gradient for row, gradient in zip(tracked, gradients, strict=True) if gradient is not None
        }
        _check_shapes(plan.outputs, outputs)
        _check_shapes([*found], [*found.values()])
        self._template = self._result_template(
            blank, [*found], [row.name for row in tracked if row not in found]
        )
        given = {row.slot for row in plan.inputs}
        self._cuts = (
            *(_cut(self._template.values[row.name], row, row.slot not in given) for row in plan.outputs),
            *(_cut(self._template.gradients[row.name], row, True) for row in found),
        )

    def run(self, rows: Sequence[RowData]) -> list[evaluation_pb2.Result]:
        """Computes evaluations, any number of them, and gives their results in order."""
        step = self._plan.max_rows
        results = self._run_stack(rows[:step])
        for start in range(step, len(rows), step):
            results += self._run_stack(rows[start : start + step])
        return results

    def _run_stack(self, rows: Sequence[RowData]) -> list[evaluation_pb2.Result]:
        # The last row is repeated: it is as ordinary as the others, where zeros might be a singular point.
        padding = -len(rows) % ROW_BLOCK
        stacks = []
        for row, place in zip(self._plan.inputs, self._places, strict=True):
            stacks.append(_stack(row, [data[place] for data in rows], padding))
        tensors, gradients = self._compute(stacks)
        tensors += [gradient for gradient in gradients if gradient is not None]
        parts = []
        for cut, tensor in zip(self._cuts, tensors, strict=True):
            parts.append((cut.message, cut.size, _bytes(tensor, cut, len(rows))))
        results = []
        for index in range(len(rows)):
            # The messages are the template's own: to look a copy's tensors up by name takes longer than to copy it.
            for message, size, data in parts:
                message.data = data[index * size : (index + 1) * size]
            result = evaluation_pb2.Result()
            result.CopyFrom(self._template)
            results.append(result)
        return results

    def _compute(
        self, stacks: Sequence[torch.Tensor]
    ) -> tuple[list[torch.Tensor], tuple[torch.Tensor | None, ...]]:
        """Computes the outputs and, for each leaf, the gradients of all rows, each of shape ``[rows, *shape]``."""
        plan = self._plan
        slots: list[Any] = [*plan.template]
        leaves = []
        for row, stack in zip(plan.inputs, stacks, strict=True):
            slots[row.slot] = stack
            if row.name in plan.tracked:
                leaves.append(stack.requires_grad_())
        with torch.set_grad_enabled(plan.differentiated is not None):
            for function, operands, keywords, target in self._turns:
                if keywords:
                    named = {name: slots[slot] for name, slot in keywords}
                    slots[target] = function(*operands(slots), **named)
                else:
                    slots[target] = function(*operands(slots))
        outputs = [slots[row.slot] for row in plan.outputs]
        if plan.differentiated is None:
            return outputs, ()
        last = slots[plan.differentiated]
        # Rows do not meet, so the gradient of their sum holds each row's own.
        return outputs, torch.autograd.grad((last,), leaves, (torch.ones_like(last),), allow_unused=True)

    def _result_template(
        self, blank: evaluation_pb2.Result, leaves: Sequence[RowTensor], unused: Sequence[str]
    ) -> evaluation_pb2.Result:
        template = evaluation_pb2.Result()
        template.CopyFrom(blank)
        for row in self._plan.outputs:
            template.values[row.name].MergeFrom(_empty(row))
        for name, number in self._plan.numbers.items():
            template.values[name].CopyFrom(write(number_tensor(number)))
        for row in leaves:
            template.gradients[row.name].MergeFrom(_empty(row))
        for name in (*unused, *self._plan.independent):
            template.absent_gradients[name] = evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT
        return template


def _picker(slots: tuple[int, ...]) -> Callable[[Sequence[object]], Iterable[object]]:
    """Makes what picks operands out of the slots."""
    if len(slots) > 1:
        return itemgetter(*slots)
    # Given one place, `itemgetter` makes no tuple; given a slice, it gives a list.
    return itemgetter(slice(slots[0], slots[0] + 1) if slots else slice(0))


def _stack(row: RowTensor, data: list[bytes], padding: int) -> torch.Tensor:
    joined = bytearray().join(data + data[-1:] * padding)
    # A clone's memory begins where torch's own does, see `wire.ALIGNMENT`.
    flat = torch.frombuffer(joined, dtype=_dtype(row)).clone()
    return flat.view(-1, *row.shape) if row.shape else flat


def _bytes(stack: torch.Tensor, cut: _Cut, count: int) -> bytes:
    """Gives the bytes of a stack, of which `count` rows are asked for, with all NaNs made the same one.

    Where both operands are NaN, which of the two an addition hands on differs between the vectors of one unrolled
    loop, and so with a row's place. An input that is handed on untouched keeps its bits.
    """
    # By force: torch may leave the zeros of a gradient of nothing to be filled in.
    array = stack.numpy(force=True)
    data = array.tobytes()
    size = count * cut.size
    if not cut.floats or (
        size <= MAX_SUMMED_BYTES and isfinite(sum(memoryview(data)[:size].cast(cut.floats)))
    ):
        return data
    missing = np.isnan(array)
    return np.where(missing, array.dtype.type(np.nan), array).tobytes() if missing.any() else data


def _dtype(row: RowTensor) -> torch.dtype:
    return TORCH_DTYPES[row.dtype.name]


def _empty(row: RowTensor) -> tensor_pb2.Tensor:
    return tensor_pb2.Tensor(dtype=row.dtype.code, shape=row.shape)


def _cut(message: tensor_pb2.Tensor, row: RowTensor, is_computed: bool) -> _Cut:
    floats = _FLOATS.get(row.dtype.name) if is_computed else None
    return _Cut(message, row.byte_count, floats)


def _check_shapes(rows: Sequence[RowTensor], tensors: Sequence[torch.Tensor]) -> None:
    for row, tensor in zip(rows, tensors, strict=True):
        if tensor.shape != (ROW_BLOCK, *row.shape) or tensor.dtype is not _dtype(row):
            raise ValueError(f"{row.name}: a stack of rows disagrees with one row")
