"""What a program becomes: a flat list of instructions over numbered slots.

Strategy: the language has no jumps, so every assignment makes a new slot and no slot is written twice. A shared
subexpression is a shared slot; nothing is ever expanded into a tree. The engine interprets this list and never sees
source text; names from outside are data in it (for printing, results and errors) and are never looked up in Python.

Operands are slots. Literals are slots whose value is known before the first instruction (`Program.constants`).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the source text something is; both from 1, the column in characters."""

    line: int
    column: int


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
class Bind:
    """``name = slot``: no computation. Tells the engine which names a value had, in program order."""

    place: Place
    name: str
    slot: int


@dataclass(frozen=True, slots=True)
class SetTracking:
    """Entering or leaving a ``with torch.no_grad():`` block; the compiler makes them nest."""

    place: Place
    enabled: bool


Instruction = Call | Build | BuildSlice | Unpack | Print | Bind | SetTracking


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
        statement_count: number of statements.
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
