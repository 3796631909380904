"""Runs a program: a loop over its instructions and a list of slots. Source text is never looked at, but in errors.

Strategy: nothing here looks a name up. An instruction's op is bound to torch by `ReadyCall`, and everything else that
a tenant wrote is data in a slot. Slots are let go after their last use, so that a long chain over big tensors holds
no more memory than it would in a notebook; what autograd saves is autograd's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import torch

from pullback.contract.program.diagnose import exceeded_at, fault
from pullback.contract.program.ir import (
    Bind,
    Block,
    Build,
    BuildSlice,
    Call,
    Choose,
    DTypeName,
    Format,
    Print,
    SetTracking,
    Unpack,
)
from pullback.engine.calls import ReadyCall, make_ready
from pullback.engine.draws import Draws
from pullback.engine.faults import TORCH_ERRORS, BackwardFailed, Refused, TooBig, is_about_a_node, translate
from pullback.engine.nesting import check_nesting
from pullback.engine.printing import Printer, formatted
from pullback.engine.reverse_calls import BACKWARD
from pullback.engine.run import Run
from pullback.engine.values import describe_value, is_number
from pullback.engine.wire import TORCH_DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pullback.contract.program.ir import Instruction, Place, Program
    from pullback.engine.meter import Meter


@dataclass(frozen=True)
class ReadyChoose:
    """A choice whose sides are ready to run: the steps, and the slot of the value."""

    choose: Choose
    if_true: tuple[tuple[Step, ...], int]
    if_false: tuple[tuple[Step, ...], int]


Step = ReadyCall | ReadyChoose | Build | BuildSlice | Unpack | Format | Print | Bind | SetTracking

_RAISED_BY_CALLS = (Refused, TooBig, *TORCH_ERRORS)


@dataclass(frozen=True)
class Code:
    """A program made ready to run many times.

    Attributes:
        program: what was compiled.
        steps: its instructions, with each call bound to torch.
        template: the slots before the first instruction: constants are there, the rest is None.
        releases: for each instruction, the slots that nothing reads after it.
    """

    program: Program
    steps: tuple[Step, ...]
    template: tuple[object, ...]
    releases: tuple[tuple[int, ...], ...]


def prepare(program: Program) -> Code:
    """Makes a program ready to run."""
    template: list[object] = [None] * program.slot_count
    for slot, constant in program.constants.items():
        template[slot] = TORCH_DTYPES[constant.name] if isinstance(constant, DTypeName) else constant
    return Code(program, _ready(program.instructions), tuple(template), _releases(program))


def _ready(instructions: Sequence[Instruction]) -> tuple[Step, ...]:
    steps: list[Step] = []
    for step in instructions:
        match step:
            case Call():
                steps.append(make_ready(step))
            case Choose():
                steps.append(ReadyChoose(step, _ready_block(step.if_true), _ready_block(step.if_false)))
            case _:
                steps.append(step)
    return tuple(steps)


def _ready_block(block: Block) -> tuple[tuple[Step, ...], int]:
    return _ready(block.instructions), block.value


def _releases(program: Program) -> tuple[tuple[int, ...], ...]:
    kept = {*program.constants, *program.inputs.values(), *program.names.values()}
    last_use: dict[int, int] = {}
    for index, instruction in enumerate(program.instructions):
        for slot in _slots(instruction):
            last_use[slot] = index
    releases: list[list[int]] = [[] for _ in program.instructions]
    for slot, index in last_use.items():
        if slot not in kept:
            releases[index].append(slot)
    return tuple(map(tuple, releases))


def _slots(instruction: Instruction) -> tuple[int, ...]:
    slots: tuple[int, ...]
    match instruction:
        case Call():
            keywords = (slot for _, slot in instruction.keywords)
            slots = (*instruction.arguments, *keywords, instruction.target)
        case Build():
            slots = (*instruction.items, instruction.target)
        case BuildSlice():
            slots = (instruction.start, instruction.stop, instruction.step, instruction.target)
        case Unpack():
            slots = (instruction.source, *instruction.targets)
        case Format():
            slots = (*[slot for slot, _ in instruction.parts], instruction.target)
        case Print():
            slots = instruction.items
        case Bind():
            slots = (instruction.slot,)
        case Choose():
            slots = _choose_slots(instruction)
        case SetTracking():
            slots = ()
        case _:
            assert_never(instruction)
    return slots


def _choose_slots(choose: Choose) -> tuple[int, ...]:
    # All that its sides touch is let go behind it, whichever side runs.
    slots = [choose.condition, choose.target, choose.if_true.value, choose.if_false.value]
    for step in (*choose.if_true.instructions, *choose.if_false.instructions):
        slots += _slots(step)
    return tuple(slots)


def run(code: Code, inputs: Mapping[str, torch.Tensor], meter: Meter, draws: Draws | None = None) -> Run:
    """Runs a program.

    Args:
        code: the program.
        inputs: a private tensor for each name that the program reads, and any others.
        meter: counts what it takes, with these inputs, and refuses what is beyond the limits.
        draws: its random numbers; those of seed 0 where none are given.

    Raises:
        ProgramError: a statement failed.
        LimitExceeded: a statement would make something too big.
        BackwardFailed: a backward pass of the program failed.
    """
    state = Run(list(code.template), dict(inputs), Printer(meter.limits.printed_chars), draws or Draws())
    for name, slot in code.program.inputs.items():
        state.slots[slot] = inputs[name]
    with torch.enable_grad():  # leaves tracking as it found it, whatever the program sets
        try:
            play(code, state, meter)
        finally:
            torch._C._set_fwd_grad_enabled(True)  # noqa: SLF001 - likewise
    return state


def play(code: Code, state: Run, meter: Meter) -> None:
    """Takes a program's steps, from a state whose inputs are in their slots; see `run`."""
    machine = _Machine(code.program, state, meter)
    for step, releases in zip(code.steps, code.releases, strict=True):
        machine.step(step)
        for slot in releases:
            state.slots[slot] = None


class _Machine:
    def __init__(self, program: Program, state: Run, meter: Meter) -> None:
        self._source = program.source
        # Else a tensor that requires no gradient when it is named never will.
        self._makes_leaves = "Tensor.requires_grad_" in program.ops
        self._state = state
        self._slots = state.slots
        self._meter = meter

    def step(self, instruction: Step) -> None:
        match instruction:
            case ReadyCall():
                self._call(instruction)
            case Build():
                self._build(instruction)
            case BuildSlice():
                self._slice(instruction)
            case Unpack():
                self._unpack(instruction)
            case ReadyChoose():
                self._choose(instruction)
            case Format():
                self._format(instruction)
            case Print():
                items = [self._slots[item] for item in instruction.items]
                self._state.printer.write(tuple(items), instruction.separator, instruction.end)
            case Bind():
                self._bind(instruction)
            case SetTracking():
                torch.set_grad_enabled(instruction.enabled)
                # What is constant to a derivative in reverse is to one forward; torch has two switches for that.
                torch._C._set_fwd_grad_enabled(instruction.enabled)  # noqa: SLF001 - it has no public name
            case _:
                assert_never(instruction)

    def _call(self, ready: ReadyCall) -> None:
        slots, call = self._slots, ready.call
        operands = tuple([slots[slot] for slot in call.arguments])
        keywords = {name: slots[slot] for name, slot in call.keywords}
        try:
            value = ready.invoke(operands, keywords, self._meter, self._state.draws)
        except _RAISED_BY_CALLS as error:
            named = (*operands, *keywords.values())
            failure = translate(error, self._source, call.place, call.op, named)
            if call.op in BACKWARD and not isinstance(error, (Refused, TooBig)) and is_about_a_node(error):
                raise BackwardFailed(failure, error, call.place) from error
            raise failure from error
        slots[call.target] = value

    def _choose(self, ready: ReadyChoose) -> None:
        choose = ready.choose
        condition = self._slots[choose.condition]
        if not is_number(condition):
            self._refuse(
                choose.place,
                f"a plain number decides what is computed, but this is {describe_value(condition)}; write "
                "torch.where(condition, a, b), & for `and`, | for `or`, or x.item() for the number in a tensor",
            )
        steps, value = ready.if_true if condition else ready.if_false
        for step in steps:
            self.step(step)
        self._slots[choose.target] = self._slots[value]

    def _format(self, instruction: Format) -> None:
        text = ""
        for slot, specification in instruction.parts:
            if self._state.printer.is_full:
                break  # nothing more is kept, so nothing more is formatted
            try:
                text += formatted(self._slots[slot], specification)
            except (TypeError, ValueError):
                value = describe_value(self._slots[slot])
                self._refuse(instruction.place, f"the format {specification!r} does not fit {value}")
        self._slots[instruction.target] = text

    def _build(self, instruction: Build) -> None:
        items = [self._slots[item] for item in instruction.items]
        built = tuple(items) if instruction.kind == "tuple" else items
        try:
            check_nesting(built, self._meter.limits)
        except TooBig as error:
            raise exceeded_at(self._source, instruction.place, str(error), error.metadata) from None
        self._slots[instruction.target] = built

    def _slice(self, instruction: BuildSlice) -> None:
        parts = [self._slots[slot] for slot in (instruction.start, instruction.stop, instruction.step)]
        for part in parts:
            if part is not None and type(part) is not int:
                self._refuse(instruction.place, f"a slice is made of ints, not of {describe_value(part)}")
        self._slots[instruction.target] = slice(*parts)

    def _unpack(self, instruction: Unpack) -> None:
        source = self._slots[instruction.source]
        wanted = len(instruction.targets)
        if isinstance(source, torch.Tensor) and source.dim() and source.shape[0] == wanted:
            source = source.unbind(0)
        if not isinstance(source, (tuple, list)):
            self._refuse(
                instruction.place, f"{describe_value(source)} cannot be unpacked into {wanted} names"
            )
        elif len(source) != wanted:
            self._refuse(
                instruction.place, f"{wanted} names are to be bound, but the value holds {len(source)}"
            )
        else:
            for target, item in zip(instruction.targets, source, strict=True):
                self._slots[target] = item

    def _bind(self, instruction: Bind) -> None:
        value = self._slots[instruction.slot]
        # What an operation made is no leaf, or needs no gradient: it would be kept alive here for nothing.
        if isinstance(value, torch.Tensor) and value.is_leaf and (value.requires_grad or self._makes_leaves):
            self._state.bound.append((instruction.name, value))

    def _refuse(self, place: Place, message: str) -> None:
        raise fault(self._source, place, message)
