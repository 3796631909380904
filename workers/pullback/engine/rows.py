"""Like evaluations computed together, as the rows of one stack. See `row_plan` for what is promised and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pullback.engine.row_plan import ROW_BLOCK
from pullback.engine.wire import TORCH_DTYPES, aligned_copy, elements, number_tensor, write
from pullback.v1 import evaluation_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pullback.engine.row_plan import Operand, RowPlan, RowTensor


class RowRunner:
    """Runs evaluations of one plan.

    Args:
        plan: what they have in common.
        blank: a result whose fields that say who computed it are set.

    Raises:
        ValueError: a stack of rows gives other shapes or data types than the plan says.
    """

    def __init__(self, plan: RowPlan, blank: evaluation_pb2.Result) -> None:
        self._plan = plan
        self._given = frozenset(row.slot for row in plan.inputs)
        ones = {row.name: torch.ones(ROW_BLOCK, *row.shape, dtype=_dtype(row)) for row in plan.inputs}
        outputs, gradients = self._compute(ones)
        _check_shapes(plan.outputs, outputs)
        self._leaves = tuple(row for row in plan.inputs if gradients.get(row.name) is not None)
        _check_shapes(self._leaves, [gradients[row.name] for row in self._leaves])
        self._template = self._result_template(blank, gradients)

    def run(self, evaluations: Sequence[evaluation_pb2.Evaluation]) -> Iterator[evaluation_pb2.Result]:
        """Computes evaluations, any number of them, and gives their results in order."""
        step = self._plan.max_rows
        for start in range(0, len(evaluations), step):
            yield from self._run_stack(evaluations[start : start + step])

    def _run_stack(self, evaluations: Sequence[evaluation_pb2.Evaluation]) -> list[evaluation_pb2.Result]:
        maps = [evaluation.inputs for evaluation in evaluations]
        # The last row is repeated: it is as ordinary as the others, where zeros might be a singular point.
        maps.extend([maps[-1]] * (-len(maps) % ROW_BLOCK))
        outputs, gradients = self._compute({row.name: _stack(row, maps) for row in self._plan.inputs})
        values = [
            _Cut(row, tensor, computed=row.slot not in self._given)
            for row, tensor in zip(self._plan.outputs, outputs, strict=True)
        ]
        leaves = [_Cut(row, gradients[row.name], computed=True) for row in self._leaves]
        return [self._result(index, values, leaves) for index in range(len(evaluations))]

    def _result(self, index: int, values: Sequence[_Cut], leaves: Sequence[_Cut]) -> evaluation_pb2.Result:
        # Copying a template and setting the bytes takes a third of the time of building a result from its parts.
        result = evaluation_pb2.Result()
        result.CopyFrom(self._template)
        for cut in values:
            result.values[cut.name].data = cut.data[index * cut.size : (index + 1) * cut.size]
        for cut in leaves:
            result.gradients[cut.name].data = cut.data[index * cut.size : (index + 1) * cut.size]
        return result

    def _compute(self, stacks: dict[str, torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        """Computes outputs and gradients of all rows, each of shape ``[rows, *shape]``."""
        plan = self._plan
        slots = list(plan.template)
        for row in plan.inputs:
            slots[row.slot] = stacks[row.name].requires_grad_(row.name in plan.tracked)
        with torch.set_grad_enabled(plan.differentiated is not None):
            for step in plan.steps:
                keywords = {name: _fetch(slots, operand) for name, operand in step.keywords}
                slots[step.target] = step.function(
                    *[_fetch(slots, operand) for operand in step.operands], **keywords
                )
        outputs = [_tensor(slots[row.slot]) for row in plan.outputs]
        if plan.differentiated is None:
            return outputs, {}
        leaves = [stacks[row.name] for row in plan.inputs if row.name in plan.tracked]
        last = _tensor(slots[plan.differentiated])
        # Rows do not meet, so the gradient of their sum holds each row's own.
        gradients = torch.autograd.grad(last, leaves, torch.ones_like(last), allow_unused=True)
        names = [row.name for row in plan.inputs if row.name in plan.tracked]
        return outputs, dict(zip(names, gradients, strict=True))

    def _result_template(
        self, blank: evaluation_pb2.Result, gradients: dict[str, torch.Tensor]
    ) -> evaluation_pb2.Result:
        template = evaluation_pb2.Result()
        template.CopyFrom(blank)
        for row in self._plan.outputs:
            template.values[row.name].MergeFrom(_empty(row))
        for name, number in self._plan.numbers.items():
            template.values[name].CopyFrom(write(number_tensor(number)))
        for row in self._leaves:
            template.gradients[row.name].MergeFrom(_empty(row))
        if self._plan.differentiated is not None:
            unused = [name for name, gradient in gradients.items() if gradient is None]
            for name in (*unused, *self._plan.independent):
                template.absent_gradients[name] = evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT
        return template


class _Cut:
    """A stack's bytes, to be cut into rows."""

    def __init__(self, row: RowTensor, stack: torch.Tensor, *, computed: bool) -> None:
        self.name = row.name
        self.size = row.byte_count
        self.data = (_with_one_nan(elements(stack)) if computed else elements(stack)).tobytes()


def _with_one_nan(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Makes all NaNs the same one.

    Where both operands are NaN, which of the two an addition hands on differs between the vectors of one unrolled
    loop, and so with a row's place. An input that is handed on untouched keeps its bits.
    """
    if array.dtype.kind == "f":
        missing = np.isnan(array)
        if missing.any():
            return np.where(missing, array.dtype.type(np.nan), array)
    return array


def _stack(row: RowTensor, maps: Sequence[Mapping[str, tensor_pb2.Tensor]]) -> torch.Tensor:
    data = b"".join([inputs[row.name].data for inputs in maps])
    return torch.from_numpy(aligned_copy(data)).view(_dtype(row)).view(-1, *row.shape)


def _fetch(slots: list[object], operand: Operand) -> object:
    value = slots[operand.slot]
    return value if operand.shape is None else _tensor(value).view(-1, *operand.shape)


def _tensor(value: object) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        raise TypeError("a plan names a slot that holds no tensor")
    return value


def _dtype(row: RowTensor) -> torch.dtype:
    return TORCH_DTYPES[row.dtype.name]


def _empty(row: RowTensor) -> tensor_pb2.Tensor:
    return tensor_pb2.Tensor(dtype=row.dtype.code, shape=row.shape)


def _check_shapes(rows: Sequence[RowTensor], tensors: Sequence[torch.Tensor]) -> None:
    for row, tensor in zip(rows, tensors, strict=True):
        if tensor.shape != (ROW_BLOCK, *row.shape) or tensor.dtype is not _dtype(row):
            raise ValueError(f"{row.name}: a stack of rows disagrees with one row")
