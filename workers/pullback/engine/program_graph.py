"""The graph of the calls that a program made, from its instructions and from what each call gave.

Strategy: the instructions are gone through once more, without torch: what a call gave is noted, so that it is known
which side of a choice ran. Slots hold where their value comes from: a node and which of its values, or a tuple of such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from pullback.contract.errors import LimitExceeded
from pullback.contract.limits import limit_metadata
from pullback.contract.program.ir import Bind, Build, BuildSlice, Call, Choose, DTypeName, Unpack
from pullback.engine.noted import Shaped
from pullback.engine.origins import origin
from pullback.engine.wire import ROWS
from pullback.v1 import program_graph_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torch.autograd.graph import Node

    from pullback.contract.limits import Limits
    from pullback.contract.program.ir import Instruction, Program
    from pullback.engine.noted import Notes
    from pullback.v1 import graph_pb2

#: The version of the message's meaning.
SCHEMA_VERSION = 1

# Longest text of a constant or of a value that is no tensor, in characters.
MAX_TEXT_CHARS = 60


class _Source(NamedTuple):
    """Where a value comes from: a node, and which of its values it is."""

    node: int
    value: int


def read_program_graph(
    program: Program, notes: Notes, inputs: Mapping[str, torch.Tensor], outputs: Iterable[str], limits: Limits
) -> Calls:
    """Reads the graph of a program that has run.

    Args:
        program: what ran.
        notes: what its calls gave.
        inputs: the tensors that were bound before.
        outputs: the names that are asked for, in order.
        limits: the bound on the number of nodes.

    Raises:
        LimitExceeded: the graph has more nodes than is allowed.
    """
    calls = Calls(program, notes, limits)
    for name, slot in program.inputs.items():
        calls.add_input(name, slot, inputs[name])
    calls.walk(program.instructions)
    for name in outputs:
        calls.add_output(name)
    return calls


class Calls:
    """A graph as it is read.

    Args:
        program: what ran.
        notes: what its calls gave.
        limits: the bound on the number of nodes.

    Attributes:
        message: the graph.
    """

    def __init__(self, program: Program, notes: Notes, limits: Limits) -> None:
        self.message = program_graph_pb2.ProgramGraph(schema_version=SCHEMA_VERSION)
        self._program = program
        self._notes = notes
        self._limit = limits.graph_nodes
        # Where what a slot holds comes from: a source; or a tuple, for a tuple or a list, of what its items come from.
        self._slots: dict[int, object] = {}
        # The nodes of calls by the slots that they fill, and of inputs by name.
        self._calls: dict[int, int] = {}
        self._inputs: dict[str, int] = {}
        # What decides a choice is a number.
        self._numbers: dict[_Source, object] = {}

    def add_input(self, name: str, slot: int, tensor: torch.Tensor) -> None:
        """Adds an input that the program reads."""
        node = self._new_node()
        node.input = name
        _add_value(node, Shaped(tensor.shape, tensor.dtype))
        node.values[0].name = name
        self._slots[slot] = _Source(node.id, 0)
        self._inputs[name] = node.id

    def add_output(self, name: str) -> None:
        """Adds an output, whose value is one tensor or number."""
        (source,) = _flat(self._source(self._program.names[name]))
        self.message.outputs.add(name=name, node=source.node, value_index=source.value)

    def walk(self, instructions: Iterable[Instruction]) -> None:
        """Goes through instructions that were taken."""
        for step in instructions:
            match step:
                case Call():
                    self._add_call(step)
                case Build():
                    self._slots[step.target] = tuple(self._source(item) for item in step.items)
                case BuildSlice():
                    parts = (step.start, step.stop, step.step)
                    self._slots[step.target] = tuple(self._source(part) for part in parts)
                case Unpack():
                    self._unpack(step)
                case Choose():
                    block = step.if_true if self._truth(step.condition) else step.if_false
                    self.walk(block.instructions)
                    self._slots[step.target] = self._source(block.value)
                case Bind():
                    self._bind(step)
                case _:  # what is printed, and whether autograd watches, makes no value
                    pass

    def _add_call(self, call: Call) -> None:
        operands = [self._source(slot) for slot in call.arguments]
        named = [(name, self._source(slot)) for name, slot in call.keywords]
        node = self._new_node()
        node.call.op, node.call.line, node.call.column = call.op, call.place.line, call.place.column
        given = self._notes.given[call.target]
        items = given if isinstance(given, tuple) else (given,)
        for index, item in enumerate(items):
            _add_value(node, item)
            self._numbers[_Source(node.id, index)] = item
        for index, sources in enumerate(operands):
            for source in _flat(sources):
                self._add_edge(source, node.id).operand_index = index
        for name, sources in named:
            for source in _flat(sources):
                self._add_edge(source, node.id).operand_name = name
        self._calls[call.target] = node.id
        self._slots[call.target] = (
            tuple(_Source(node.id, index) for index in range(len(items)))
            if isinstance(given, tuple)
            else _Source(node.id, 0)
        )

    def _add_edge(self, source: _Source, to_node: int) -> program_graph_pb2.ProgramEdge:
        return self.message.edges.add(from_node=source.node, value_index=source.value, to_node=to_node)

    def _unpack(self, step: Unpack) -> None:
        sources = self._source(step.source)
        if not isinstance(sources, tuple) or isinstance(sources, _Source):
            # A tensor, along its first axis.
            sources = (sources,) * len(step.targets)
        for target, source in zip(step.targets, sources, strict=True):
            self._slots[target] = source

    def _bind(self, step: Bind) -> None:
        source = self._source(step.slot)
        if step.name and isinstance(source, _Source):
            node = self.message.nodes[source.node]
            value = node.values[source.value]
            if not value.name and not node.HasField("constant"):
                value.name = step.name

    def _truth(self, slot: int) -> object:
        source = next(iter(_flat(self._source(slot))))
        return self._numbers[source]

    def _source(self, slot: int) -> object:
        if slot not in self._slots:
            self._slots[slot] = self._new_constant(slot)
        return self._slots[slot]

    def _new_constant(self, slot: int) -> object:
        if slot not in self._program.constants:
            return ()  # text that is printed
        node = self._new_node()
        value = self._program.constants[slot]
        node.constant = f"torch.{value.name}" if isinstance(value, DTypeName) else _text(value)
        _add_value(node, value)
        self._numbers[_Source(node.id, 0)] = value
        return _Source(node.id, 0)

    def _new_node(self) -> program_graph_pb2.ProgramNode:
        number = len(self.message.nodes)
        if number >= self._limit:
            raise LimitExceeded(
                f"the program graph has more than {self._limit:,} nodes",
                field="return_program_graph",
                metadata=limit_metadata(self._limit, self._limit + 1, "graph_nodes"),
            )
        return self.message.nodes.add(id=number)

    def link(
        self, graph: graph_pb2.AutogradGraph, nodes: Sequence[Node], leaf_names: Mapping[int, str]
    ) -> None:
        """Has both graphs tell of each other.

        Args:
            graph: the autograd graph of the same run.
            nodes: its functions, in its order.
            leaf_names: as it was read with.
        """
        for number, node in enumerate(nodes):
            found = self._node_of(node, leaf_names)
            if found is not None:
                graph.nodes[number].program_node = found
                self.message.nodes[found].autograd_nodes.append(number)

    def _node_of(self, node: Node, leaf_names: Mapping[int, str]) -> int | None:
        leaf = getattr(node, "variable", None)
        if leaf is None:
            call = origin(node)
            return None if call is None else self._calls.get(call.target)
        name = leaf_names.get(id(leaf), "")
        if name in self._inputs:
            return self._inputs[name]
        return self._calls.get(self._notes.leaves.get(id(leaf), -1))


def _flat(sources: object) -> Iterator[_Source]:
    if isinstance(sources, _Source):
        yield sources
    elif isinstance(sources, tuple):
        for item in sources:
            yield from _flat(item)


def _add_value(node: program_graph_pb2.ProgramNode, value: object) -> None:
    made = node.values.add()
    if isinstance(value, Shaped):
        row = ROWS.get(value.dtype)
        made.tensor.dtype = row.code if row is not None else tensor_pb2.DATA_TYPE_UNSPECIFIED
        made.tensor.shape.extend(value.shape)
    else:
        made.text = _text(value)


def _text(value: object) -> str:
    match value:
        case bool() | int() | float() | str() | None:
            text = repr(value)
        case DTypeName():
            text = f"torch.{value.name}"
        case torch.dtype():
            text = str(value)
        case torch.Size():
            text = str([*value])
        case tuple() | list():
            text = f"({', '.join(map(_text, value))})"
        case _ if value is Ellipsis:
            text = "..."
        case Shaped():
            text = f"{value.dtype}{[*value.shape]}".removeprefix("torch.")
        case _:
            text = type(value).__name__
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"
