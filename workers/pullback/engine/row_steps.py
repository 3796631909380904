"""The calls of a row plan, each bound as directly as its operands allow: they are known when the plan is made.

The bits are those of the call as the program writes it. torch makes a tensor of a number in every run, and converts
it to the other operand's type, forward and backward; here that is done once. Only where a test shows the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from pullback.engine.bindings.operators import TENSOR_OPERATORS
from pullback.engine.row_ops import REDUCTION_ROW_OPS
from pullback.engine.wire import number_tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pullback.contract.program.ir import Call
    from pullback.engine.bindings.binding import Binding
    from pullback.engine.calls import ReadyCall


class RowStep(NamedTuple):
    """One call for all rows.

    Attributes:
        function: what is called.
        operands: the slots of its positional operands.
        keywords: the slots of its named ones.
        target: the slot of what it returns.
    """

    function: Binding
    operands: tuple[int, ...]
    keywords: tuple[tuple[str, int], ...]
    target: int


class _Method(NamedTuple):
    """What an operator calls, past torch's wrappers in Python.

    Attributes:
        function: where the tensor is on the left.
        reflected: where a number is, with the operands swapped; None where torch calls more than one function.
    """

    function: Binding
    reflected: Binding | None


# Arithmetic with numbers on either side, by far the most of what programs consist of.
_METHODS: Mapping[str, _Method] = {
    "operator.add": _Method(torch.Tensor.add, torch.Tensor.add),
    "operator.mul": _Method(torch.Tensor.mul, torch.Tensor.mul),
    "operator.sub": _Method(torch.Tensor.sub, torch.rsub),
    "operator.truediv": _Method(torch.Tensor.div, None),
}


class StepWriter:
    """Writes the calls of a plan.

    Args:
        values: the value of each slot in one row. Read as calls are written, and filled in by the caller.
        dtype: the floating-point type of the rows.

    Attributes:
        steps: the calls so far.
        further: the values of further slots, behind those of `values`: constants, and None for what calls fill in.
    """

    def __init__(self, values: Sequence[object], dtype: torch.dtype) -> None:
        self.steps: list[RowStep] = []
        self.further: list[torch.Tensor | None] = []
        self._values = values
        self._dtype = dtype

    def write(self, ready: ReadyCall) -> None:
        """Writes a call that makes a tensor."""
        call = ready.call
        slots = (*call.arguments, *(slot for _, slot in call.keywords))
        rank = max(value.dim() for value in map(self._tensor, slots) if value is not None)
        function, arguments = self._direct(call) or (self._indirect(ready), call.arguments)
        self.steps.append(
            RowStep(
                function,
                tuple(self._meeting(slot, rank) for slot in arguments),
                tuple((name, self._meeting(slot, rank)) for name, slot in call.keywords),
                call.target,
            )
        )

    def _indirect(self, ready: ReadyCall) -> Binding:
        op = ready.call.op
        return REDUCTION_ROW_OPS.get(op) or TENSOR_OPERATORS.get(op) or ready.function

    def _direct(self, call: Call) -> tuple[Binding, tuple[int, int]] | None:
        if call.op == "operator.pow" and self._tensor(call.arguments[0]) is not None:
            return torch.Tensor.pow, (call.arguments[0], call.arguments[1])
        if call.op not in _METHODS:
            return None
        function, reflected = _METHODS[call.op]
        left, right = call.arguments
        if self._tensor(left) is not None:
            return function, (left, self._constant(right, left))
        return None if reflected is None else (reflected, (right, self._constant(left, right)))

    def _constant(self, slot: int, other: int) -> int:
        """Makes a number a tensor of the type of the other operand; gives the slot where that is."""
        value, tensor = self._values[slot], self._tensor(other)
        # With a tensor of bools, torch chooses the type of the result by the number's.
        if not isinstance(value, (int, float)) or tensor is None or tensor.dtype is not self._dtype:
            return slot
        return self._further_slot(number_tensor(value).to(self._dtype))

    def _meeting(self, slot: int, rank: int) -> int:
        """Gives the slot where an operand is shaped to meet the others: with axes of size 1 behind the rows' axis."""
        value = self._tensor(slot)
        if value is None or value.dim() == rank:
            return slot
        target = self._further_slot(None)
        self.steps.append(
            RowStep(_shape_rows((1,) * (rank - value.dim()) + tuple(value.shape)), (slot,), (), target)
        )
        return target

    def _tensor(self, slot: int) -> torch.Tensor | None:
        value = self._values[slot] if slot < len(self._values) else None
        return value if isinstance(value, torch.Tensor) else None

    def _further_slot(self, value: torch.Tensor | None) -> int:
        self.further.append(value)
        return len(self._values) + len(self.further) - 1


def _shape_rows(shape: tuple[int, ...]) -> Binding:
    def view(rows: torch.Tensor) -> torch.Tensor:
        return rows.view(-1, *shape)

    return view
