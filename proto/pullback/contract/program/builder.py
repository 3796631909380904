"""Grows a `Program`: slots, constants, names and instructions. Knows nothing of syntax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.program.ir import Bind, Build, Call, Place, Program

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pullback.contract.program.ir import Instruction

#: Ops that run backward from the program itself.
BACKWARD_OPS = frozenset({"Tensor.backward", "torch.autograd.backward"})


class Builder:
    """Collects what becomes a `Program`.

    Attributes:
        names: name -> slot of its present value.
        inputs: the names that were read before they were bound.
    """

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.inputs: dict[str, int] = {}
        self._input_places: dict[str, Place] = {}
        self._instructions: list[Instruction] = []
        self._slots = 0
        self._constants: dict[int, object] = {}
        self._literals: dict[tuple[type, str], int] = {}
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

    def is_none(self, slot: int) -> bool:
        """Says whether a slot is that of the literal None."""
        return slot in self._constants and self._constants[slot] is None

    def call(
        self, place: Place, op: str, arguments: Iterable[int], keywords: Iterable[tuple[str, int]] = ()
    ) -> int:
        """Calls an op and returns the slot of the result."""
        target = self.slot()
        self._ops[op] = None
        self.emit(Call(place, target, op, tuple(arguments), tuple(keywords)))
        return target

    def build(self, place: Place, items: Iterable[int], kind: str) -> int:
        """Makes a tuple or a list and returns its slot."""
        target = self.slot()
        self.emit(Build(place, target, tuple(items), kind))
        return target

    def bind(self, place: Place, name: str, slot: int) -> None:
        """Gives a name its value."""
        self.names[name] = slot
        self.emit(Bind(place, name, slot))

    def read(self, place: Place, name: str) -> int:
        """Returns the slot of a name; one that has no value yet is an input."""
        if name not in self.names:
            self.names[name] = self.inputs[name] = self.slot()
            self._input_places[name] = place
        return self.names[name]

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
