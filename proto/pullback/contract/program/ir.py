"""What a program becomes: a flat list of instructions over numbered slots.

Strategy: the language has no jumps, for loops are unrolled and functions are written out where they are called. So
every assignment makes a new slot and no slot is written twice. A shared subexpression is a shared slot; nothing is ever
expanded into a tree. The engine interprets this list and never sees source text; names from outside are data in it (for
printing, results and errors) and are never looked up in Python.

Operands are slots. Literals are slots whose value is known before the first instruction (`Program.constants`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the source text something is.

    Attributes:
        line: from 1.
        column: from 1, in characters.
        within: the call of the function whose body this is; None outside of functions.
    """

    line: int
    column: int
    within: CallSite | None = None


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call of one of the program's own functions, whose body was written out there.

    Attributes:
        function: its name.
        place: where it is called.
    """

    function: str
    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    """``target = op(*arguments, **keywords)``, where `op` is a key of the op table.

    Operators, attributes and indexing are calls too: ``operator.add``, ``Tensor.grad``, ``operator.getitem``.
    """

    place: Place
    target: int
    op: str
    arguments: tuple[int, ...]
    keywords: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Build:
    """``target = (items...)`` or ``[items...]``."""

    place: Place
    target: int
    items: tuple[int, ...]
    kind: str  # "tuple" or "list"


@dataclass(frozen=True, slots=True)
class BuildSlice:
    """``target = start:stop:step`` inside an index; an absent part is the slot of the constant None."""

    place: Place
    target: int
    start: int
    stop: int
    step: int


@dataclass(frozen=True, slots=True)
class Unpack:
    """``targets... = source``: the source must hold exactly that many items."""

    place: Place
    source: int
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Print:
    """``print(items..., sep=separator, end=end)``; a string item is the constant slot of a `str`."""

    place: Place
    items: tuple[int, ...]
    separator: str = " "
    end: str = "\n"


@dataclass(frozen=True, slots=True)
class Format:
    """``target = f"..."``: the text of `parts`, one after the other, for a `Print` to write.

    Attributes:
        parts: slots, each with its format specification; that of literal text is empty.
    """

    place: Place
    target: int
    parts: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Bind:
    """``name = slot``: no computation. Tells the engine which names a value had, in program order.

    The name is empty where a function's own name, which is gone after the call, is bound.
    """

    place: Place
    name: str
    slot: int


@dataclass(frozen=True, slots=True)
class SetTracking:
    """Entering or leaving a ``with torch.no_grad():`` block; the compiler makes them nest."""

    place: Place
    enabled: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Instructions that run or do not run together, and the slot of the value that they are run for."""

    instructions: tuple[Instruction, ...]
    value: int


@dataclass(frozen=True, slots=True)
class Choose:
    """``target = if_true if condition else if_false``: only one of the two blocks runs.

    The condition must be a plain number. Of the slots that a block writes, none is read outside of it.
    """

    place: Place
    target: int
    condition: int
    if_true: Block
    if_false: Block


Instruction = Call | Build | BuildSlice | Unpack | Format | Print | Bind | SetTracking | Choose


def every(instructions: Iterable[Instruction]) -> Iterator[Instruction]:
    """Gives instructions, those within choices included."""
    for instruction in instructions:
        yield instruction
        if isinstance(instruction, Choose):
            yield from every(instruction.if_true.instructions)
            yield from every(instruction.if_false.instructions)


@dataclass(frozen=True, slots=True)
class Program:
    """A checked and compiled program.

    Attributes:
        source: the source text, for messages.
        instructions: in order of execution.
        slot_count: how many slots there are.
        constants: slot -> literal: bool, int, float, str, None, Ellipsis, or a `DTypeName`.
        inputs: names that are read before they are bound, in order of first use -> slot.
        names: every name bound when the program ends (inputs that it reads included) -> slot.
        result: "result" where the program ends in a bare expression, whose value then has that name; otherwise the name
            that the last assignment binds; None where there is neither.
        ops: keys of the op table that are called, in order of first use.
        calls_backward: whether it calls `backward` itself.
        prints: whether it prints.
        statement_count: number of statements in the text, those of functions and loops counted once.
        input_places: where each of the inputs is read first.
    """

    source: str
    instructions: tuple[Instruction, ...]
    slot_count: int
    constants: dict[int, object]
    inputs: dict[str, int]
    names: dict[str, int]
    result: str | None
    ops: tuple[str, ...]
    calls_backward: bool = False
    prints: bool = False
    statement_count: int = 0
    input_places: dict[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DTypeName:
    """The literal ``torch.float64`` and its kin: a name of the data type table."""

    name: str
