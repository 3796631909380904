"""Grows a `Program`: slots, constants, names and instructions. Knows nothing of syntax."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pullback.contract.program.ir import Bind, Block, Build, Call, Choose, Place, Program
from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pullback.contract.program.ir import Instruction

#: Ops that run backward from the program itself.
BACKWARD_OPS = frozenset({"Tensor.backward", "torch.autograd.backward"})


class Builder:
    """Collects what becomes a `Program`.

    Attributes:
        names: name -> slot of its present value.
        inputs: the names that were read before they were bound.
        whole_numbers: names of whole numbers that are known before the program runs -> their values.
        tensors: slots of which it is certain that they hold tensors, or lists and tuples of them, never plain numbers.
    """

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.inputs: dict[str, int] = {}
        self.whole_numbers: dict[str, int] = {}
        self.tensors: set[int] = set()
        self.leaves: set[int] = set()
        self._input_places: dict[str, Place] = {}
        self._instructions: list[Instruction] = []
        self._slots = 0
        self._constants: dict[int, object] = {}
        self._literals: dict[tuple[type, str], int] = {}
        self._items: dict[int, tuple[int, ...]] = {}
        self._ops: dict[str, None] = {}

    def slot(self) -> int:
        """Makes a slot."""
        self._slots += 1
        return self._slots - 1

    def emit(self, instruction: Instruction) -> None:
        """Appends an instruction."""
        self._instructions.append(instruction)

    def constant(self, value: object) -> int:
        """Returns the slot of a literal; equal literals of one type share it."""
        key = (type(value), repr(value))  # 0.0 and -0.0 are equal, and NaN equals nothing
        if key not in self._literals:
            self._literals[key] = self.slot()
            self._constants[self._literals[key]] = value
        return self._literals[key]

    def is_constant(self, slot: int) -> bool:
        """Says whether the value of a slot is known before the program runs."""
        return slot in self._constants

    def value(self, slot: int) -> object:
        """Returns the value of a slot that is known before the program runs.

        Raises:
            KeyError: it is not.
        """
        return self._constants[slot]

    def items(self, slot: int) -> tuple[int, ...] | None:
        """Returns the slots of the items of a list or tuple that the program wrote out; None for any other value."""
        return self._items.get(slot)

    def is_none(self, slot: int) -> bool:
        """Says whether a slot is that of the literal None."""
        return slot in self._constants and self._constants[slot] is None

    def call(
        self, place: Place, op: str, arguments: Iterable[int], keywords: Iterable[tuple[str, int]] = ()
    ) -> int:
        """Calls an op and returns the slot of the result."""
        target = self.slot()
        operands, named = tuple(arguments), tuple(keywords)
        self._ops[op] = None
        if op == "Tensor.requires_grad_":
            self.leaves |= {target, operands[0]}
        elif any(name == "requires_grad" for name, _ in named):
            self.leaves.add(target)
        self.emit(Call(place, target, op, operands, named))
        if _makes_tensors(op) or (_passes_tensors_on(op) and not self.tensors.isdisjoint(operands)):
            self.tensors.add(target)
        return target

    def build(self, place: Place, items: Iterable[int], kind: str) -> int:
        """Makes a tuple or a list and returns its slot."""
        target = self.slot()
        self._items[target] = tuple(items)
        self.emit(Build(place, target, self._items[target], kind))
        return target

    def bind(self, place: Place, name: str, slot: int) -> None:
        """Gives a name its value."""
        self.names[name] = slot
        value = self._constants.get(slot)
        if type(value) is int:
            self.whole_numbers[name] = value
        else:
            self.whole_numbers.pop(name, None)
        self.emit(Bind(place, name, slot))

    def bind_within(self, place: Place, slot: int) -> None:
        """Tells the engine of a value that has a name within a function only."""
        if slot not in self._constants:
            self.emit(Bind(place, "", slot))

    def read(self, place: Place, name: str) -> int:
        """Returns the slot of a name; one that has no value yet is an input."""
        if name not in self.names:
            self.names[name] = self.inputs[name] = self.slot()
            self.tensors.add(self.names[name])
            self.leaves.add(self.names[name])
            self._input_places[name] = place
        return self.names[name]

    @contextmanager
    def apart(self) -> Iterator[list[Instruction]]:
        """Collects the instructions of its context in a list of their own, for a `Block`."""
        outer, self._instructions = self._instructions, []
        try:
            yield self._instructions
        finally:
            self._instructions = outer

    def choose(self, place: Place, condition: int, if_true: Block, if_false: Block) -> int:
        """Makes a value that is one of two, whichever a condition says; returns its slot."""
        target = self.slot()
        self.emit(Choose(place, target, condition, if_true, if_false))
        if {if_true.value, if_false.value} <= self.tensors:
            self.tensors.add(target)
        return target

    def program(self, source: str, result: str | None, statement_count: int, *, prints: bool) -> Program:
        """Finishes."""
        return Program(
            source=source,
            instructions=tuple(self._instructions),
            slot_count=self._slots,
            constants=self._constants,
            inputs=self.inputs,
            names=self.names,
            result=result,
            ops=tuple(self._ops),
            calls_backward=not BACKWARD_OPS.isdisjoint(self._ops),
            prints=prints,
            statement_count=statement_count,
            input_places=self._input_places,
        )


def _makes_tensors(op: str) -> bool:
    # What a gradient can flow through is a tensor; so is what a function of torch makes element by element.
    row = OPS[op]
    return (
        op.startswith(("torch.", "Tensor.")) and (row.differentiable or row.pointwise) and op != "Tensor.grad"
    )


def _passes_tensors_on(op: str) -> bool:
    return op.startswith("operator.") or op == "builtins.abs"
