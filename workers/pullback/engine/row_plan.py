"""Whether an evaluation runs in rows, and how: decided from the evaluation alone, never from what else is queued.

Rows are stacked as ``[rows, *shape]`` and every op is called once for all of them. An operand of lower rank than the
others gets axes of size 1 behind the rows' axis, so that it is broadcast within its row as it would be alone.

How torch treats an element must not depend on the batch. Its vector kernels treat the end of an array otherwise than
its body, with other last bits; a whole multiple of `ROW_BLOCK` rows has no such end, or one within each row. So a
stack is always padded to such a multiple, and a lone evaluation too. What else could differ is kept out: tensors are
of one floating-point type (or bool), so that no operand is promoted by its rank; every op is one that a property test
has shown to give the same bits at each place of each batch.

A plan is made by running the program once on ones, alone and in a block of rows. Where the two disagree about a shape
or a data type, or anything fails, there is no plan, and the evaluation runs alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from pullback.contract.program.ir import Bind
from pullback.contract.tensors import BY_CODE
from pullback.engine.calls import ReadyCall
from pullback.engine.meter import Meter
from pullback.engine.row_ops import REDUCTION_ROW_OPS, ROW_OPS
from pullback.engine.row_steps import RowStep, StepWriter
from pullback.engine.values import is_number
from pullback.engine.wire import ROWS, TORCH_DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pullback.contract.limits import Limits
    from pullback.contract.tensors import DType
    from pullback.engine.interpret import Code
    from pullback.engine.request import Request
    from pullback.v1 import evaluation_pb2

# A stack has a whole multiple of this many rows: twice the widest vector of 32-bit elements (16 in AVX-512), which
# is what torch's loops take in one turn.
ROW_BLOCK = 32

# Most elements of any tensor of one row. Bigger evaluations gain nothing from company, and would make others wait.
MAX_ROW_ELEMENTS = 4_096

# Most elements of any tensor of a stack: 1 MiB of float32, which stays in a processor's cache.
MAX_STACK_ELEMENTS = 2**18

# Most rows of a stack.
MAX_ROWS = 8_192

# Most dimensions of a row's tensors: torch's iterators handle 64, with ours in front.
MAX_ROW_RANK = 8

_ROW_DTYPES = frozenset({"float32", "float64"})


@dataclass(frozen=True)
class RowTensor:
    """A tensor that every row has.

    Attributes:
        name: the input, output or leaf.
        slot: where it is, in a stack of all rows.
        dtype: its data type.
        shape: its shape in one row.
    """

    name: str
    slot: int
    dtype: DType
    shape: tuple[int, ...]

    @property
    def byte_count(self) -> int:
        """The bytes of one row's tensor."""
        return self.dtype.size * math.prod(self.shape)


@dataclass(frozen=True)
class RowPlan:
    """How like evaluations run as rows of one stack.

    Attributes:
        steps: the calls.
        template: the slots before the first call; what is the same for all rows is there.
        inputs: the tensors that are read.
        tracked: the names of those that are leaves.
        outputs: the tensors that are returned.
        numbers: the outputs that are plain numbers, the same for all rows.
        differentiated: the slot that is differentiated; None where no gradient is asked for.
        independent: the inputs asked for that the program does not read.
        max_rows: the most rows of one stack, a multiple of `ROW_BLOCK`.
        work: multiplications and element visits of one row.
    """

    steps: tuple[RowStep, ...]
    template: tuple[object, ...]
    inputs: tuple[RowTensor, ...]
    tracked: frozenset[str]
    outputs: tuple[RowTensor, ...]
    numbers: Mapping[str, bool | int | float]
    differentiated: int | None
    independent: tuple[str, ...]
    max_rows: int
    work: int


def plan_rows(
    code: Code, request: Request, evaluation: evaluation_pb2.Evaluation, limits: Limits
) -> RowPlan | None:
    """Plans how an evaluation runs in rows; None where it runs alone.

    Raises:
        Exception: whatever the program raises when it runs on ones; the evaluation then runs alone.
    """
    if not _may_run_in_rows(code, request):
        return None
    inputs = _inputs(code, evaluation)
    if inputs is None:
        return None
    trial = _Trial(code, inputs, request, limits)
    trial.run()
    return trial.plan()


def _may_run_in_rows(code: Code, request: Request) -> bool:
    program = code.program
    return (
        request.kind in {"gradient", "value_only"}
        and not request.wants_graph
        and not request.wants_program_graph
        and not request.checks_gradient
        and not request.detects_anomaly
        and not request.cotangents
        and request.wrt == request.tracked  # and nothing that the program binds
        and bool(program.inputs)
        and bool(request.outputs)
        and ROW_OPS.issuperset(program.ops)
        and all(isinstance(step, (ReadyCall, Bind)) for step in code.steps)
    )


def _inputs(code: Code, evaluation: evaluation_pb2.Evaluation) -> tuple[RowTensor, ...] | None:
    found = []
    for name, slot in code.program.inputs.items():
        message = evaluation.inputs[name]
        row = RowTensor(name, slot, BY_CODE[message.dtype], tuple(message.shape))
        if not _fits_in_row(row.shape) or row.dtype.name not in _ROW_DTYPES:
            return None
        found.append(row)
    return tuple(found) if len({row.dtype for row in found}) == 1 else None


def _fits_in_row(shape: Sequence[int]) -> bool:
    return 0 < math.prod(shape) <= MAX_ROW_ELEMENTS and len(shape) <= MAX_ROW_RANK


class _Trial:
    """A run on ones, which finds the shape and data type of every value."""

    def __init__(self, code: Code, inputs: tuple[RowTensor, ...], request: Request, limits: Limits) -> None:
        self._code = code
        self._request = request
        self._inputs = inputs
        self._meter = Meter(limits)
        self._dtype = TORCH_DTYPES[inputs[0].dtype.name]
        self._slots: list[Any] = list(code.template)
        self._writer = StepWriter(self._slots, self._dtype)
        self._fits = True
        for row in inputs:
            wanted = row.name in request.wrt
            self._slots[row.slot] = torch.ones(row.shape, dtype=self._dtype, requires_grad=wanted)

    def run(self) -> None:
        for step in self._code.steps:
            if isinstance(step, ReadyCall) and self._fits:
                self._call(step)

    def plan(self) -> RowPlan | None:
        if not self._fits:
            return None
        values = {name: self._code.program.names.get(name) for name in self._request.outputs}
        slots = {name: slot for name, slot in values.items() if slot is not None}
        if len(slots) < len(values):  # an input that the program does not read
            return None
        outputs: list[RowTensor] = []
        numbers: dict[str, bool | int | float] = {}
        for name, slot in slots.items():
            value = self._slots[slot]
            if isinstance(value, torch.Tensor):
                outputs.append(RowTensor(name, slot, ROWS[value.dtype], tuple(value.shape)))
            elif isinstance(value, (bool, int, float)):
                numbers[name] = value
            else:
                return None
        if self._request.differentiates and not self._is_differentiable(slots[self._request.outputs[-1]]):
            return None
        last = slots[self._request.outputs[-1]]
        max_rows = self._max_rows(last)
        size = sum(row.byte_count for row in outputs)
        if max_rows < ROW_BLOCK or size > self._meter.limits.result_bytes // 2:
            return None  # so near a limit, gradients included, that it is measured where it runs alone
        return self._assemble(tuple(outputs), numbers, last, max_rows)

    def _max_rows(self, last: int) -> int:
        """Prices the derivative too, once for all evaluations of the plan, and shares memory out among rows."""
        if self._request.differentiates:
            leaves = [self._slots[row.slot] for row in self._inputs if row.name in self._request.wrt]
            self._meter.begin_backward([self._slots[last]], leaves, create_graph=False, closely=True)
        largest = max(value.numel() for value in self._slots if isinstance(value, torch.Tensor))
        rows = min(MAX_ROWS, max(ROW_BLOCK, MAX_STACK_ELEMENTS // largest))
        return min(rows, self._meter.limits.live_bytes // max(1, self._meter.peak)) // ROW_BLOCK * ROW_BLOCK

    def _assemble(
        self,
        outputs: tuple[RowTensor, ...],
        numbers: Mapping[str, bool | int | float],
        last: int,
        max_rows: int,
    ) -> RowPlan:
        read = {row.name for row in self._inputs}
        template = [None if isinstance(value, torch.Tensor) else value for value in self._slots]
        return RowPlan(
            steps=tuple(self._writer.steps),
            template=(*template, *self._writer.further),
            inputs=self._inputs,
            tracked=frozenset(read & {*self._request.wrt}),
            outputs=outputs,
            numbers=numbers,
            differentiated=last if self._request.differentiates else None,
            independent=tuple(name for name in self._request.wrt if name not in read),
            max_rows=max_rows,
            work=self._meter.work,
        )

    def _is_differentiable(self, slot: int) -> bool:
        value = self._slots[slot]
        return isinstance(value, torch.Tensor) and value.requires_grad and value.numel() == 1

    def _call(self, ready: ReadyCall) -> None:
        call = ready.call
        operands = tuple(self._slots[slot] for slot in call.arguments)
        keywords = {name: self._slots[slot] for name, slot in call.keywords}
        value = ready.invoke(operands, keywords, self._meter)
        self._slots[call.target] = value
        if not isinstance(value, torch.Tensor):
            self._fits = self._fits and is_number(value)
            return
        is_odd_reduction = call.op in REDUCTION_ROW_OPS and len(operands) + len(keywords) > 1
        self._fits = (
            _fits_in_row(value.shape) and value.dtype in {self._dtype, torch.bool} and not is_odd_reduction
        )
        if self._fits:
            self._writer.write(ready)
