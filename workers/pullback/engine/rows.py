"""Like evaluations computed together, as the rows of one stack. See `row_plan` for what is promised and why."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch

from pullback.engine.row_plan import ROW_BLOCK
from pullback.engine.tape import Recorder, picker
from pullback.engine.wire import TORCH_DTYPES, number_tensor, write
from pullback.v1 import evaluation_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pullback.engine.bindings.binding import Binding
    from pullback.engine.row_plan import RowPlan, RowTensor
    from pullback.engine.tape import Tape

# Up to so many bytes, Python's own sum tells whether there may be NaNs. A lone small evaluation finds the processor's
# caches cold, and what numpy takes for the same costs it more than the arithmetic.
MAX_SUMMED_BYTES = 128

# Most bytes that one block of all inputs may take for a tape to be kept. In bigger ones the arithmetic counts.
MAX_TAPE_BYTES = 2**14

# The block at which a tape is recorded. What is asked for once does not pay for it.
RECORDED_BLOCK = 2

_FLOATS: Mapping[str, Literal["f", "d"]] = {"float32": "f", "float64": "d"}

#: The bytes of an evaluation's inputs, in the order of their names.
RowData = tuple[bytes, ...]


#: The outputs; and for each leaf its gradient, if there is one.
_Found = tuple[list[torch.Tensor], tuple[torch.Tensor | None, ...]]


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


class _Taped:
    """A tape for one block of rows, with memory for its inputs."""

    def __init__(self, tape: Tape, inputs: Sequence[RowTensor]) -> None:
        self._tape = tape
        self._stacks = [torch.empty(ROW_BLOCK, *row.shape, dtype=_dtype(row)) for row in inputs]
        self._bytes = [stack.view(-1).view(torch.uint8).numpy().data for stack in self._stacks]

    def play(self, columns: Iterable[bytearray]) -> list[NDArray[np.generic]]:
        """Computes a block from the bytes of each input. What it gives is good until the next."""
        for memory, column in zip(self._bytes, columns, strict=True):
            memory[:] = column
        return [tensor.numpy() for tensor in self._tape.play(self._stacks)]


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
        self._taped: _Taped | None = None
        self._blocks_to_tape = RECORDED_BLOCK if _is_small(plan.inputs) else 0
        self._places = tuple(names.index(row.name) for row in plan.inputs)
        self._turns = tuple(
            _Turn(step.function, picker(step.operands), step.keywords, step.target) for step in plan.steps
        )
        tracked = [row for row in plan.inputs if row.name in plan.tracked]
        outputs, gradients = self._compute(self._ones())
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

    @property
    def slot_count(self) -> int:
        """How many values its plan computes or holds."""
        return len(self._plan.template)

    @property
    def work(self) -> int:
        """Multiplications and element visits of one row."""
        return self._plan.work

    @property
    def result_bytes(self) -> int:
        """Bytes of the values and gradients of one row."""
        return sum(cut.size for cut in self._cuts) + 8 * len(self._plan.numbers)

    def sweep(self, columns: Sequence[tuple[bytes, bool]], count: int) -> evaluation_pb2.Result:
        """Computes rows whose inputs lie one after the other, and gives their results stacked.

        Args:
            columns: for each input, in the order of their names, its bytes, and whether they are those of all rows.
            count: how many rows there are.
        """
        found: list[list[bytes]] = [[] for _ in self._cuts]
        for start in range(0, count, self._plan.max_rows):
            stop = min(start + self._plan.max_rows, count)
            padding = -(stop - start) % ROW_BLOCK
            stacks = [
                _column(*columns[place], row.byte_count, start, stop, padding)
                for place, row in zip(self._places, self._plan.inputs, strict=True)
            ]
            arrays = self._arrays(stacks, stop - start + padding)
            for parts, cut, array in zip(found, self._cuts, arrays, strict=True):
                parts.append(_bytes(array, cut, stop - start)[: (stop - start) * cut.size])
        result = evaluation_pb2.Result()
        for (message, _, _), parts in zip(self._cuts, found, strict=True):
            message.data = b"".join(parts)
        result.CopyFrom(self._template)
        for tensors in (result.values, result.gradients):
            for name in tensors:
                tensors[name].shape.insert(0, count)
        for name in self._plan.numbers:
            result.values[name].data *= count
        return result

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
        columns = []
        for place in self._places:
            data = [row[place] for row in rows]
            columns.append(bytearray().join(data + data[-1:] * padding))
        arrays = self._arrays(columns, len(rows) + padding)
        parts = []
        for cut, array in zip(self._cuts, arrays, strict=True):
            parts.append((cut.message, cut.size, _bytes(array, cut, len(rows))))
        results = []
        for index in range(len(rows)):
            # The messages are the template's own: to look a copy's tensors up by name takes longer than to copy it.
            for message, size, whole in parts:
                message.data = whole[index * size : (index + 1) * size]
            result = evaluation_pb2.Result()
            result.CopyFrom(self._template)
            results.append(result)
        return results

    def _arrays(self, columns: Sequence[bytearray], count: int) -> list[NDArray[np.generic]]:
        """Computes what is cut into results, from the bytes of each input in all rows."""
        if count == ROW_BLOCK:
            if self._taped:
                return self._taped.play(columns)
            self._blocks_to_tape -= 1
            if self._blocks_to_tape == 0:
                return self._record(columns)
        return self._autograd(self._stacks(columns))

    def _record(self, columns: Sequence[bytearray]) -> list[NDArray[np.generic]]:
        arrays = self._autograd(self._stacks(columns))
        try:
            taped = self._new_tape()
            # torch may choose other kernels while it is watched.
            if taped and all(map(_is_same, arrays, taped.play(columns))):
                self._taped = taped
        except Exception:  # noqa: BLE001 - whatever it is, the block is computed, and so will be the others
            self._taped = None
        return arrays

    def _new_tape(self) -> _Taped | None:
        # On other numbers than it is tried with, so that none of them is taken for a constant.
        stacks = self._ones()
        constants = (value for value in self._plan.template if isinstance(value, torch.Tensor))
        with Recorder(stacks, constants) as recorder:
            found = _flat(self._compute(stacks))
        tape = recorder.tape(found)
        return None if tape is None else _Taped(tape, self._plan.inputs)

    def _autograd(self, stacks: Sequence[torch.Tensor]) -> list[NDArray[np.generic]]:
        # By force: torch may leave the zeros of a gradient of nothing to be filled in.
        return [tensor.numpy(force=True) for tensor in _flat(self._compute(stacks))]

    def _ones(self) -> list[torch.Tensor]:
        return [torch.ones(ROW_BLOCK, *row.shape, dtype=_dtype(row)) for row in self._plan.inputs]

    def _stacks(self, columns: Sequence[bytearray]) -> list[torch.Tensor]:
        return [_stack(row, column) for row, column in zip(self._plan.inputs, columns, strict=True)]

    def _compute(self, stacks: Sequence[torch.Tensor]) -> _Found:
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


def _column(data: bytes, is_batched: bool, size: int, start: int, stop: int, padding: int) -> bytearray:  # noqa: PLR0917 - a cut through a column
    """Gives the bytes of some rows, the last of them as often again as makes blocks whole."""
    if not is_batched:
        return bytearray(data) * (stop - start + padding)
    last = data[(stop - 1) * size : stop * size]
    return bytearray().join([data[start * size : stop * size], last * padding])


def _flat(found: _Found) -> list[torch.Tensor]:
    outputs, gradients = found
    return outputs + [gradient for gradient in gradients if gradient is not None]


def _is_same(array: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return array.dtype == other.dtype and array.shape == other.shape and array.tobytes() == other.tobytes()


def _stack(row: RowTensor, column: bytearray) -> torch.Tensor:
    # A clone's memory begins where torch's own does, see `wire.ALIGNMENT`.
    flat = torch.frombuffer(column, dtype=_dtype(row)).clone()
    return flat.view(-1, *row.shape) if row.shape else flat


def _is_small(inputs: Iterable[RowTensor]) -> bool:
    return ROW_BLOCK * sum(row.byte_count for row in inputs) <= MAX_TAPE_BYTES


def _bytes(array: NDArray[np.generic], cut: _Cut, count: int) -> bytes:
    """Gives the bytes of a stack, of which `count` rows are asked for, with all NaNs made the same one.

    Where both operands are NaN, which of the two an addition hands on differs between the vectors of one unrolled
    loop, and so with a row's place. An input that is handed on untouched keeps its bits.
    """
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
