"""A program as a graph of torch's operations: its instructions, played under the tracer of `torch.export`.

Strategy: `torch.export` records what torch is asked to do, and never sees a program. No name of a tenant's reaches it:
`torch.fx` writes source text of a graph's names and runs it: inputs are numbered, and each operation bears the number
of the call that it was recorded in. By that number an error, and a node, finds its line. Strings are only those that
the op table lists, and the equations of `einsum`, which torch has read before; `torch.fx` writes them as literals.

The program has run before with the same inputs, so nothing is checked twice. What depends on the elements of tensors
shows when the tracer, which has none, is asked for one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.export
from torch.fx.traceback import annotate, preserve_node_meta

from pullback.contract.errors import PullbackError
from pullback.contract.program.diagnose import fault
from pullback.contract.program.ir import Print, SetTracking
from pullback.engine.calls import ReadyCall
from pullback.engine.faults import TORCH_ERRORS, Refused, TooBig, plain
from pullback.engine.interpret import ReadyChoose, play
from pullback.engine.meter import Meter
from pullback.engine.outputs import output_values
from pullback.engine.printing import Printer
from pullback.engine.reverse_calls import BACKWARD
from pullback.engine.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pullback.contract.limits import Limits
    from pullback.contract.program.ir import Call, Place
    from pullback.engine.draws import Draws
    from pullback.engine.interpret import Code, Step
    from pullback.engine.request import Request

# The key under which a node of the graph has the number of its call.
_MARK = "call"

_OF_ELEMENTS = (
    "cannot be exported: its result depends on the elements of tensors, and a graph knows their shapes alone"
)
_OF_TRACKING = "cannot be exported: it asks for what autograd keeps, and the graph is of the forward program"
_IN_PLACE = "cannot be exported: it may change a leaf in place, and the operations of a graph change nothing"
_DRAWS = "cannot be exported: it draws random numbers, and each run of a graph would draw others"
_DIFFERENTIATES = (
    "cannot be exported: it differentiates, and the graph is of the forward program; leave it out"
)

# What says something to autograd, and is nothing where nothing is tracked.
_NOTHING = frozenset({"Tensor.requires_grad_", "Tensor.retain_grad"})
_TRACKING = frozenset(
    {
        "Tensor.grad", "Tensor.grad.zero_", "Tensor.grad.clear", "Tensor.grad_fn", "Tensor.is_leaf",
        "Tensor.requires_grad",
    }
)  # fmt: skip
_UPDATES = frozenset(
    {"operator.iadd", "operator.imul", "operator.ipow", "operator.isub", "operator.itruediv"}
)
_READS = frozenset({"Tensor.item", "Tensor.tolist", "builtins.float", "builtins.int"})


@dataclass
class Trace:
    """A traced program.

    Attributes:
        exported: the graph; its inputs are those of the evaluation, sorted by name.
        inputs: the names of its inputs, in order.
        outputs: the names of its outputs, in order.
        calls: the program's calls, by the numbers that nodes have.
    """

    exported: torch.export.ExportedProgram
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    calls: Sequence[Call]

    def call(self, node: torch.fx.Node) -> Call | None:
        """Finds the call that a node was recorded in; None for an input, or what torch made of its own."""
        number = node.meta.get("custom", {}).get(_MARK)
        return None if number is None else self.calls[number]

    def tidy(self, *, keep_marks: bool = False) -> None:
        """Leaves, of what the tracer noted about a node, its value's shape and its place in the program.

        The rest is about this process: paths, and lines of our own source.

        Args:
            keep_marks: whether `call` finds calls afterwards.
        """
        kept = {"val", "tensor_meta", *(["custom"] if keep_marks else [])}
        for module in self.exported.graph_module.modules():
            if isinstance(module, torch.fx.GraphModule):
                for node in module.graph.nodes:
                    call = self.call(node)
                    node.meta = {key: value for key, value in node.meta.items() if key in kept}
                    if call is not None:
                        node.meta["stack_trace"] = place_text(call.place)


@dataclass(frozen=True)
class _TracedCall(ReadyCall):
    """A call that is recorded."""

    tape: _Tape
    may_update_leaf: bool

    def invoke(
        self,
        operands: tuple[object, ...],
        keywords: Mapping[str, object],
        meter: Meter,
        draws: Draws | None = None,
    ) -> object:
        """Calls, and has the tracer mark what it records.

        Raises:
            Refused: a graph cannot hold it.
            TooBig: the graph would hold too much.
        """
        del draws
        if self.call.op in _NOTHING:
            return operands[0]
        self._refuse(operands)
        number = self.tape.add(self.call, meter.limits)
        plain_keywords = {name: value for name, value in keywords.items() if name != "requires_grad"}
        try:
            with annotate({_MARK: number}):
                value = self.function(*operands, **plain_keywords)
        except (Refused, *TORCH_ERRORS) as error:
            raise Refused(_why(error)) from error
        if _is_unknown(value):
            raise Refused(_OF_ELEMENTS)
        if isinstance(value, (tuple, list)):
            self.tape.add_items(len(value), meter.limits)
        return value

    def _refuse(self, operands: tuple[object, ...]) -> None:
        op = self.call.op
        if op in BACKWARD:
            raise Refused(_DIFFERENTIATES)
        if op in _TRACKING:
            raise Refused(_OF_TRACKING)
        if self.random:
            raise Refused(_DRAWS)
        of_tensor = any(isinstance(each, torch.Tensor) for each in operands)
        if of_tensor and self.may_update_leaf and op in _UPDATES:
            raise Refused(_IN_PLACE)
        if of_tensor and (op in _READS or op.startswith("math.")):
            raise Refused(_OF_ELEMENTS)


@dataclass
class _Tape:
    """The calls that were recorded."""

    calls: list[Call] = field(default_factory=list)
    items: int = 0  # of tuples: each is an operation of the graph, too

    def add(self, call: Call, limits: Limits) -> int:
        self.calls.append(call)
        self.add_items(0, limits)
        return len(self.calls) - 1

    def add_items(self, count: int, limits: Limits) -> None:
        self.items += count
        total = len(self.calls) + self.items
        if total > limits.export_ops:
            raise TooBig("operations of a graph", total, limits.export_ops, "export_ops")


class _Player(torch.nn.Module):
    """What `torch.export` is given: its arguments are the evaluation's inputs, its results the outputs."""

    def __init__(self, code: Code, request: Request, names: Sequence[str], limits: Limits) -> None:
        super().__init__()
        self._code, self._request, self._names, self._limits = code, request, names, limits
        self.failure: PullbackError | None = None

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        try:
            return self._play(dict(zip(self._names, tensors, strict=True)))
        except PullbackError as error:
            self.failure = error  # whatever torch makes of it on the way out
            raise

    def _play(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        code = self._code
        state = Run(list(code.template), inputs, Printer(self._limits.printed_chars))
        for name, slot in code.program.inputs.items():
            state.slots[slot] = inputs[name]
        play(code, state, Meter(self._limits))
        outputs = output_values(code, self._request, state)
        taken = {id(tensor) for tensor in inputs.values()}
        return tuple(_own(value, taken) for value in outputs.values())


def _own(value: torch.Tensor, taken: set[int]) -> torch.Tensor:
    # A name belongs to one value of a graph: what is an input, or an output already, is copied.
    if id(value) in taken:
        value = value.clone()
    taken.add(id(value))
    return value


def trace(code: Code, request: Request, inputs: Mapping[str, torch.Tensor], limits: Limits) -> Trace:
    """Traces a program.

    Args:
        code: the program, which has run with these inputs.
        request: what is asked for.
        inputs: the tensors that it is run with; their shapes and data types become the graph's.
        limits: the bounds on an evaluation.

    Raises:
        ProgramError: a graph cannot hold what it does; says where.
        LimitExceeded: it has too many operations.
    """
    tape = _Tape()
    names = tuple(sorted(inputs))
    player = _Player(_traced(code, tape), request, names, limits)
    tensors = tuple(inputs[name].detach() for name in names)
    try:
        with torch.no_grad(), preserve_node_meta():
            exported = torch.export.export(player, tensors, strict=False)
    except Exception:
        if player.failure is not None:
            raise player.failure from None
        raise
    return Trace(exported, names, request.outputs, tape.calls)


def _traced(code: Code, tape: _Tape) -> Code:
    """Has a program's calls recorded, and leaves out what switches tracking."""
    steps: list[Step] = []
    releases: list[tuple[int, ...]] = []
    is_tracking = True
    for step, let_go in zip(code.steps, code.releases, strict=True):
        if isinstance(step, SetTracking):
            is_tracking = step.enabled
            continue
        if isinstance(step, Print):
            raise unexportable(code, step.place, "`print` cannot be exported: a graph has no place for text")
        steps.append(_traced_step(step, tape, may_update_leaf=not is_tracking))
        releases.append(let_go)
    return replace(code, steps=tuple(steps), releases=tuple(releases))


def _traced_step(step: Step, tape: _Tape, *, may_update_leaf: bool) -> Step:
    if isinstance(step, ReadyCall):
        fields = {name: getattr(step, name) for name in ReadyCall.__dataclass_fields__}
        return _TracedCall(**fields, tape=tape, may_update_leaf=may_update_leaf)
    if isinstance(step, ReadyChoose):
        sides = [
            (tuple(_traced_step(each, tape, may_update_leaf=may_update_leaf) for each in side), value)
            for side, value in (step.if_true, step.if_false)
        ]
        return ReadyChoose(step.choose, *sides)
    return step


def unexportable(code: Code, place: Place, message: str) -> PullbackError:
    """Makes the error for what a graph cannot hold, with its line."""
    return fault(code.program.source, place, message)


def place_text(place: Place) -> str:
    """Writes a place as nodes bear it."""
    return f"line {place.line}, column {place.column}"


def release(version: str) -> str:
    """Gives a version without how it was built."""
    return version.partition("+")[0]


# What is in the names of torch's errors for this: they are classes of its private modules.
_ELEMENTS_ASKED_FOR = ("DataDependent", "DynamicOutputShape", "Unbacked")


def _why(error: Exception) -> str:
    text = type(error).__name__
    if any(word in text for word in _ELEMENTS_ASKED_FOR) or isinstance(error, Refused):
        return _OF_ELEMENTS
    return f"cannot be exported: {plain(error)}"


def _is_unknown(value: Any) -> bool:
    if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        return True
    if isinstance(value, torch.Tensor):
        return not all(type(size) is int for size in value.shape)
    return isinstance(value, (tuple, list)) and any(map(_is_unknown, value))
