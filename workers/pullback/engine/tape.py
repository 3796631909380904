"""The kernels behind one block of rows, forward and backward, called again without autograd.

A lone evaluation has 32 rows of a few numbers: what it costs is not arithmetic, it is autograd's way from call to call,
the graph that it makes and walks. Which kernels that way leads to follows from the plan. So they are written down
while autograd computes a block, and from then on called one after the other, with the same operands: the bits are
autograd's own, for it is the same kernels that compute them. One that would compute again what is known already, from
the same operands or from constants alone, is left out.

There is no tape where that might not hold: where a kernel hands a tensor's number to Python or C++, which may decide
by it; where one writes into a tensor, or draws at random; where anything but single tensors goes in or out, or a tensor
turns up that came some other way. Before a tape is used, it has to give the bits that autograd gives unwatched.
"""

from __future__ import annotations

import math
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from torch._ops import OpOverload

    from pullback.contract.limits import Limits

# Most bytes of a constant that a kernel made of others, and of all of them in a tape.
MAX_CONSTANT_BYTES = 2**12
MAX_KEPT_BYTES = 2**18

# Most bytes that what a tape computes takes at any one time, and the part of the limit on memory that it may have. In
# bigger ones the arithmetic counts, and not the way from kernel to kernel.
MAX_TAPED_BYTES = 2**26
MEMORY_PART = 8

# Runs before a tape pays: it is recorded at the second and held against autograd at the third.
RECORDED_RUN, COMPARED_RUN = 2, 3

_aten = torch.ops.aten

# torch's own functions in C++ for the most frequent kernels: a call of `OpOverload` takes half as long again.
_FUNCTIONS: Mapping[OpOverload, Callable[..., torch.Tensor]] = {
    _aten.add.Tensor: torch.add,
    _aten.div.Tensor: torch.div,
    _aten.exp.default: torch.exp,
    _aten.mul.Scalar: torch.mul,
    _aten.mul.Tensor: torch.mul,
    _aten.neg.default: torch.neg,
    _aten.pow.Tensor_Scalar: torch.pow,
    _aten.sub.Tensor: torch.sub,
}

# Kernels that tell a tensor's numbers to whoever calls, or make a tensor without memory.
_UNFIT = frozenset(
    {
        _aten._local_scalar_dense.default,  # noqa: SLF001 - what `item` comes down to
        _aten._efficientzerotensor.default,  # noqa: SLF001 - the zeros of a gradient of nothing
        _aten.equal.default,
        _aten.is_nonzero.default,
    }
)

# Bytes of all results together up to which none is let go before the end.
SMALL_TAPE_BYTES = 2**16

# How many times the bytes of a tape's own bound its recording may hold.
HELD_FACTOR = 4

# Kernels whose result depends on a generator, or whose shape, which kernels behind them are given as a number, depends
# on elements.
_UNFIT_TAGS = frozenset({torch.Tag.nondeterministic_seeded, torch.Tag.dynamic_output_shape})

# Kernels whose result follows from their operand's shape.
_OF_SHAPE = frozenset({_aten.ones_like.default, _aten.zeros_like.default})


class _Call(NamedTuple):
    function: Callable[..., torch.Tensor]
    operands: Callable[[Sequence[object]], Iterable[object]]
    keywords: dict[str, Any]
    target: int


def tape_bytes(limits: Limits) -> int:
    """Gives the most bytes that a tape of a program within these limits takes at any one time."""
    return min(MAX_TAPED_BYTES, limits.live_bytes // MEMORY_PART)


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes the kernels down that run within its context."""

    def __init__(
        self,
        inputs: Sequence[torch.Tensor],
        constants: Iterable[torch.Tensor],
        most_bytes: float = math.inf,
    ) -> None:
        """Begins a tape.

        Args:
            inputs: what the computation begins with, in the order in which `Tape.play` takes it.
            constants: the tensors besides that it may meet, the same every time.
            most_bytes: the most bytes that what is computed may take at any one time.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._fits = True
        self._most_bytes = most_bytes
        # For each call, the slots that it reads and the bytes that it makes.
        self._reads: list[tuple[int, ...]] = []
        self._sizes: list[int] = []
        self._made = 0
        self._kept_bytes_left = MAX_KEPT_BYTES
        self._calls: list[_Call] = []
        self._inputs = len(inputs)
        self._slots: dict[int, int] = {}
        # What `Tape` starts from: None for the inputs and for what calls fill in.
        self._template: list[object] = []
        self._constant: set[int] = set()
        self._known: dict[tuple[object, ...], int] = {}
        # Tensors have identity only while they are alive, so those met are held until the tape is made.
        self._met: list[object] = []
        for tensor in inputs:
            self._place(tensor, self._new_slot())
        for tensor in constants:
            self._place(tensor, self._constant_slot(tensor))

    def __torch_dispatch__(
        self,
        func: OpOverload,
        _types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        """Calls a kernel, and writes the call down."""
        keywords = kwargs or {}
        result = func(*args, **keywords)
        if isinstance(result, torch.Tensor) and self._can_repeat(func, args, keywords):
            self._place(result, self._write(func, args, keywords, result))
        else:
            self._fits = False
        return result

    def tape(self, outputs: Sequence[torch.Tensor]) -> Tape | None:
        """Ends the tape; None where the computation cannot be repeated by one.

        Args:
            outputs: what the computation ended with.
        """
        found = [self._slots[id(tensor)] for tensor in outputs if id(tensor) in self._slots]
        if not self._fits or len(found) < len(outputs):
            return None
        releases: tuple[tuple[int, ...], ...] = ()
        if self._made > SMALL_TAPE_BYTES:
            releases = self._releases(found)
            if self._peak(releases) > self._most_bytes:
                return None
        return Tape(tuple(self._calls), tuple(self._template[self._inputs :]), tuple(found), releases)

    def _releases(self, outputs: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """Gives, for each call, the slots of results that nothing reads after it."""
        last = {call.target: index for index, call in enumerate(self._calls)}
        for index, slots in enumerate(self._reads):
            last |= {slot: index for slot in slots if slot in last}
        found: list[list[int]] = [[] for _ in self._calls]
        for slot, index in last.items():
            if slot not in outputs:
                found[index].append(slot)
        return tuple(map(tuple, found))

    def _peak(self, releases: Sequence[Sequence[int]]) -> int:
        """Bounds the bytes that are held at any one time: views count as if they were copies."""
        sizes = {call.target: size for call, size in zip(self._calls, self._sizes, strict=True)}
        held = peak = 0
        for size, freed in zip(self._sizes, releases, strict=True):
            held += size
            peak = max(peak, held)
            held -= sum(sizes[slot] for slot in freed)
        return peak

    def _can_repeat(self, func: OpOverload, args: tuple[object, ...], keywords: Mapping[str, object]) -> bool:
        return (
            self._fits
            and func not in _UNFIT
            and _UNFIT_TAGS.isdisjoint(func.tags)
            and not func._schema.is_mutable  # noqa: SLF001 - torch publishes it nowhere else
            and all(id(value) in self._slots for value in args if isinstance(value, torch.Tensor))
            and not any(map(_holds_tensors, args))
            and not any(isinstance(v, torch.Tensor) or _holds_tensors(v) for v in keywords.values())
        )

    def _write(
        self, func: OpOverload, args: tuple[object, ...], keywords: dict[str, Any], result: torch.Tensor
    ) -> int:
        """Gives the slot of a kernel's result, and writes the call down unless it is known already."""
        if _is_same_as_first(func, args):
            return self._slots[id(args[0])]
        slots = [self._slots.get(id(arg)) if isinstance(arg, torch.Tensor) else None for arg in args]
        follows = all(slot is None or slot in self._constant for slot in slots)
        if (follows or func in _OF_SHAPE) and result.nbytes <= min(MAX_CONSTANT_BYTES, self._kept_bytes_left):
            self._kept_bytes_left -= result.nbytes
            return self._constant_slot(result.detach())
        words = (
            _spelled(func, args[0], arg) if slot is None else slot
            for slot, arg in zip(slots, args, strict=True)
        )
        key = (func, *words, repr(keywords))
        if key not in self._known:
            operands = tuple(
                self._constant_slot(arg) if slot is None else slot
                for slot, arg in zip(slots, args, strict=True)
            )
            self._known[key] = target = self._new_slot()
            self._reads.append(operands)
            self._sizes.append(result.nbytes)
            self._made += result.nbytes
            # While it is recorded, all is held: so that is bounded, too.
            self._fits = self._made <= HELD_FACTOR * self._most_bytes
            self._calls.append(_Call(_FUNCTIONS.get(func, func), picker(operands), keywords, target))
        return self._known[key]

    def _place(self, tensor: torch.Tensor, slot: int) -> None:
        self._met.append(tensor)
        self._slots[id(tensor)] = slot

    def _new_slot(self) -> int:
        self._template.append(None)
        return len(self._template) - 1

    def _constant_slot(self, value: object) -> int:
        slot = self._new_slot()
        self._template[slot] = value
        self._constant.add(slot)
        return slot


class Tape:
    """Kernels to call one after the other, and where their operands are.

    Args:
        calls: the kernels.
        template: what follows the inputs in the slots: constants, and None for what a call fills in.
        outputs: the slots of the outputs.
        releases: for each call, the slots that are emptied behind it; empty where they are too small to matter.
    """

    def __init__(
        self,
        calls: Sequence[_Call],
        template: Sequence[object],
        outputs: Sequence[int],
        releases: Sequence[tuple[int, ...]] = (),
    ) -> None:
        self._releases = releases
        self._calls = calls
        self._template = template
        self._outputs = outputs

    def __len__(self) -> int:
        return len(self._calls)

    def play(self, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Calls the kernels, and gives the outputs.

        Args:
            inputs: of the same shapes as those that the tape was recorded with; none requires a gradient.
        """
        slots: list[Any] = [*inputs, *self._template]
        if self._releases:
            return self._play_frugally(slots)
        for function, operands, keywords, target in self._calls:
            if keywords:
                slots[target] = function(*operands(slots), **keywords)
            else:
                slots[target] = function(*operands(slots))
        return [slots[slot] for slot in self._outputs]

    def _play_frugally(self, slots: list[Any]) -> list[torch.Tensor]:
        for (function, operands, keywords, target), freed in zip(self._calls, self._releases, strict=True):
            slots[target] = function(*operands(slots), **keywords)
            for slot in freed:
                slots[slot] = None
        return [slots[slot] for slot in self._outputs]


def picker(slots: tuple[int, ...]) -> Callable[[Sequence[object]], Iterable[object]]:
    """Makes what picks operands out of the slots."""
    if len(slots) > 1:
        return itemgetter(*slots)
    # Given one place, `itemgetter` makes no tuple; given a slice, it gives a list.
    return itemgetter(slice(slots[0], slots[0] + 1) if slots else slice(0))


def _is_same_as_first(func: OpOverload, args: tuple[object, ...]) -> bool:
    """Tells whether a kernel's result is its first operand, or a copy of it."""
    if func is _aten.detach.default:
        return True
    # The kernel of powers copies for this exponent. A floating-point base, since others are promoted.
    return func is _aten.pow.Tensor_Scalar and args[1] == 1 and _is_floating(args[0])


def _spelled(func: OpOverload, base: object, value: object) -> str:
    """Writes an operand that is no tensor so that two that mean the same are written alike."""
    # The kernel takes the exponent of a floating-point base as a double.
    if func is _aten.pow.Tensor_Scalar and _is_floating(base) and type(value) is int and abs(value) < 2**53:
        value = float(value)
    return f"{type(value).__name__} {value!r}"


def _is_floating(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _holds_tensors(value: object) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in value)
