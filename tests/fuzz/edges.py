"""Legal calls with one argument replaced by one at the edge of what it may be, or beyond."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from tests.fuzz.samples import operand

from pullback.contract.program.ops import OPS
from pullback.contract.program.ops.signature import INTEGER_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fuzz.samples import Sample

    from pullback.contract.program.ops import Binding, Op, Param

#: Whole numbers at which something wraps, or may be forgotten.
INTEGERS = (-(2**63), -(2**31) - 1, -1, 0, 1, 2, 63, 2**16, 2**31, 2**62, 2**63 - 1)

#: Plain numbers that are no numbers, or hardly.
FLOATS = (math.nan, math.inf, -math.inf, 0.0, -1.0, 1e308, -1e308, 5e-324)

_DTYPES = (
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
    torch.complex64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
)

_EMPTY = ((0,), (0, 3), (2, 0), (1, 0, 2))


@dataclass(frozen=True)
class Case:
    """One call to be tried.

    Attributes:
        key: the row.
        program: what is run. Its value is `y`.
        inputs: the tensors that it reads.
    """

    key: str
    program: str
    inputs: dict[str, torch.Tensor] = field(compare=False)

    def __str__(self) -> str:
        values = {name: _described(value) for name, value in self.inputs.items()}
        return f"{self.key}: {self.program!r} {values}"


def _described(value: torch.Tensor) -> str:
    kind = f"{value.dtype}{[*value.shape]}".removeprefix("torch.")
    return f"{kind} of {value.reshape(-1)[0].item()}" if value.numel() else kind


class Mutable:
    """A sample whose arguments can be replaced.

    Args:
        sample: the legal call.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self._tree = ast.parse(sample.program)
        self._call = _find(self._tree, OPS[sample.key])
        self._places = [] if self._call is None else [*_places(self._call)]
        self._inputs = sample.inputs
        self._binding = self._bind()
        self._absent = self._left_out()

    def count(self) -> int:
        """Gives how many arguments can be replaced, those that are not given included."""
        return len(self._places) + len(self._absent)

    def edges(self, place: int) -> Iterator[Edge]:
        """Gives what one argument can be replaced by."""
        if place < len(self._places):
            node = self._places[place].get()
            yield from _edges(node, self._param(place))
        else:
            yield from _kind_edges(self._absent[place - len(self._places)])

    def with_edges(self, chosen: Sequence[tuple[int, Edge]]) -> Case:
        """Replaces some arguments."""
        before = [place.get() for place in self._places]
        inputs = dict(self._inputs)
        added = 0
        for index, (place, edge) in enumerate(chosen):
            text, more = edge.written(index)
            inputs |= more
            value = ast.parse(text, mode="eval").body
            if place < len(self._places):
                self._places[place].put(value)
            elif isinstance(self._call, ast.Call):
                self._call.keywords.append(ast.keyword(self._absent[place - len(self._places)].name, value))
                added += 1
        program = ast.unparse(self._tree)
        for place_, node in zip(self._places, before, strict=True):
            place_.put(node)
        if added and isinstance(self._call, ast.Call):
            del self._call.keywords[-added:]
        names = {node.id for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Name)}
        return Case(
            self.sample.key, program, {name: value for name, value in inputs.items() if name in names}
        )

    def _param(self, place: int) -> Param | None:
        binding = self._binding
        if binding is None:
            return None
        if place < len(binding.positional):
            return binding.positional[place]
        keyword = self._places[place].holder
        return binding.keywords[keyword.arg] if isinstance(keyword, ast.keyword) and keyword.arg else None

    def _bind(self) -> Binding | None:
        call = self._call
        if not isinstance(call, ast.Call):
            return None
        names = [keyword.arg for keyword in call.keywords if keyword.arg]
        for signature in OPS[self.sample.key].signatures:
            bound = signature.bind(len(self._places) - len(names), names)
            if not isinstance(bound, str):
                return bound
        return None

    def _left_out(self) -> list[Param]:
        """Gives the parameters that the call leaves out, of the first overload that it fits."""
        binding = self._binding
        if binding is None:
            return []
        given = {*binding.positional, *binding.keywords.values()}
        for signature in OPS[self.sample.key].signatures:
            if given <= {*signature.params}:
                return [param for param in signature.params if param not in given]
        return []


@dataclass(frozen=True)
class Edge:
    """What an argument is replaced by: a text, in which `{}` is a further input, and that input."""

    text: str
    value: torch.Tensor | None = None

    def written(self, index: int) -> tuple[str, dict[str, torch.Tensor]]:
        """Writes it, with a name for its input that no other edge has."""
        if self.value is None:
            return self.text, {}
        name = f"edge{index}"
        return self.text.format(name), {name: self.value}


@dataclass
class _Place:
    holder: ast.AST
    name: str
    index: int | None = None

    def get(self) -> ast.expr:
        found = getattr(self.holder, self.name)
        value: ast.expr = found if self.index is None else found[self.index]
        return value

    def put(self, value: ast.expr) -> None:
        if self.index is None:
            setattr(self.holder, self.name, value)
        else:
            getattr(self.holder, self.name)[self.index] = value


def _find(tree: ast.Module, op: Op) -> ast.AST | None:
    name = op.key.rpartition(".")[2]
    for node in ast.walk(tree):
        if op.kind == "operator" and isinstance(
            node, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Subscript, ast.AugAssign)
        ):
            return node
        if op.kind == "attribute" and isinstance(node, ast.Attribute) and node.attr == name:
            return node
        if isinstance(node, ast.Call) and _is_named(node.func, name):
            return node
    return None


def _is_named(node: ast.expr, name: str) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == name) or (
        isinstance(node, ast.Name) and node.id == name
    )


def _places(node: ast.AST) -> Iterator[_Place]:
    match node:
        case ast.Call():
            if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
                yield _Place(node.func, "value")
            yield from (_Place(node, "args", index) for index in range(len(node.args)))
            yield from (_Place(keyword, "value") for keyword in node.keywords)
        case ast.BinOp():
            yield from (_Place(node, "left"), _Place(node, "right"))
        case ast.AugAssign():
            yield _Place(node, "value")
        case ast.Compare():
            yield from (_Place(node, "left"), _Place(node, "comparators", 0))
        case ast.UnaryOp():
            yield _Place(node, "operand")
        case ast.Subscript():
            yield from (_Place(node, "value"), _Place(node, "slice"))
        case ast.Attribute():
            yield _Place(node, "value")


def _is_module(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in {"torch", "F", "math"}


def _edges(node: ast.expr, param: Param | None) -> Iterator[Edge]:
    try:
        literal = ast.literal_eval(node)
    except ValueError:
        literal = None
        yield from _tensor_edges(_shape_and_type(node))
    if isinstance(literal, bool):
        yield Edge(str(not literal))
    elif isinstance(literal, int):
        yield from _integers(param)
    elif isinstance(literal, float):
        yield from map(_number, FLOATS)
    elif isinstance(literal, (list, tuple)) and all(type(item) is int for item in literal):
        yield from _integer_lists([*literal])
    if param is not None and {"tensor", "operand", "tensors"} & {*param.kinds} and literal is not None:
        yield from _tensor_edges(torch.ones(2, 3, dtype=torch.float64))
    yield Edge("None")


def _kind_edges(param: Param) -> Iterator[Edge]:
    kinds = {*param.kinds}
    if kinds & INTEGER_KINDS:
        yield from _integers(param)
        if kinds & {"ints", "dims", "sizes"}:
            yield from _integer_lists([1, 1])
    if kinds & {"number", "float", "operand"}:
        yield from map(_number, FLOATS)
    if "bool" in kinds:
        yield from (Edge("True"), Edge("False"))
    if "dtype" in kinds:
        yield from (Edge(str(dtype)) for dtype in _DTYPES)
    yield from (Edge(repr(choice)) for choice in param.choices)
    if kinds & {"tensor", "operand", "tensors"}:
        yield from _tensor_edges(torch.ones(2, 3, dtype=torch.float64))


def _integers(param: Param | None) -> Iterator[Edge]:
    values = set(INTEGERS)
    if param is not None and param.is_ranged:
        values |= {int(param.low) - 1, int(param.low), int(param.high), int(param.high) + 1}
    for value in sorted(values):
        if -(2**63) <= value < 2**63:
            yield _integer(value)
    yield from (Edge(str(value)) for value in (2**63 - 1, 0, -1))  # as literals too


def _integer(value: int) -> Edge:
    # Read from an input, so that it reaches the engine, whatever the gateway sees in a literal.
    return Edge("int({})", torch.tensor(value))


def _number(value: float) -> Edge:
    return Edge("float({})", torch.tensor(value, dtype=torch.float64))


def _integer_lists(items: list[int]) -> Iterator[Edge]:
    yield Edge("()")
    for value in (-(2**63), -1, 0, 2**31, 2**62, 2**63 - 1):
        number = torch.tensor(value)
        yield Edge("int({})", number)
        yield Edge("[" + ", ".join(["int({0})"] * max(1, len(items))) + "]", number)
        for index in range(len(items)):
            mixed = [str(item) for item in items]
            mixed[index] = "int({0})"
            yield Edge("[" + ", ".join(mixed) + "]", number)
    yield Edge("[" + ", ".join(map(str, [*items, 1])) + "]")
    yield Edge("[1, 1, 1, 1, 1, 1, 1, 1]")


def _shape_and_type(node: ast.expr) -> torch.Tensor:
    """Finds a tensor like the one that an expression stands for."""
    if isinstance(node, ast.Name):
        try:
            return operand(node.id)
        except AssertionError:
            return torch.ones(2, 3, dtype=torch.float64)
    if isinstance(node, ast.Call) and _is_named(node.func, "tensor"):
        return torch.tensor(ast.literal_eval(node.args[0]))
    return torch.ones(3, 3, dtype=torch.float64)


def _tensor_edges(like: torch.Tensor) -> Iterator[Edge]:
    for shape in _EMPTY:
        yield Edge("{}", torch.zeros(shape, dtype=like.dtype))
    yield Edge("{}", torch.ones((), dtype=like.dtype))
    if like.dtype.is_floating_point or like.dtype.is_complex:
        for value in (math.nan, math.inf, -math.inf, torch.finfo(like.dtype).max, 5e-324, 0.0):
            yield Edge("{}", torch.full_like(like, value))
        mixed = like.clone()
        mixed.view(-1)[::2] = math.nan
        yield Edge("{}", mixed)
    elif like.dtype is torch.int64:
        for value in (-(2**63), -(2**31) - 1, -1000, -1, 0, 1000, 2**31, 2**62, 2**63 - 1):
            yield Edge("{}", torch.full_like(like, value))
    for dtype in _DTYPES:
        yield Edge("{}", like.abs().to(dtype) if like.dtype.is_complex else like.to(dtype))
    if like.numel():
        one = like.reshape(-1)[:1].clone()
        yield Edge("{}.expand(2**40)", one)
        yield Edge("{}.expand(70000)", one)
        yield Edge("{}.reshape(1, 1).expand(200, 200)", one)
        yield Edge("{}.reshape(1, 1, 1, 1).expand(2, 3, 40, 40)", one)
    yield Edge("{}", torch.zeros((1,) * 17, dtype=like.dtype))
