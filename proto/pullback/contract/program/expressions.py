"""Compiles expressions other than calls."""

from __future__ import annotations

import ast
from types import MappingProxyType
from typing import TYPE_CHECKING

from pullback.contract.program import calls
from pullback.contract.program.diagnose import exceeded, nearest, shown
from pullback.contract.program.ir import BuildSlice
from pullback.contract.program.names import BUILTINS, CONSTANTS, ROOTS, similar
from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pullback.contract.errors import ProgramError
    from pullback.contract.limits import Limits
    from pullback.contract.program.builder import Builder
    from pullback.contract.program.source import Source

#: Syntax of an operator -> its key.
OPERATORS: Mapping[type[ast.AST], str] = MappingProxyType(
    {
        ast.Add: "operator.add",
        ast.Sub: "operator.sub",
        ast.Mult: "operator.mul",
        ast.Div: "operator.truediv",
        ast.FloorDiv: "operator.floordiv",
        ast.Mod: "operator.mod",
        ast.Pow: "operator.pow",
        ast.MatMult: "operator.matmul",
        ast.BitAnd: "operator.and_",
        ast.BitOr: "operator.or_",
        ast.BitXor: "operator.xor",
        ast.UAdd: "operator.pos",
        ast.USub: "operator.neg",
        ast.Invert: "operator.invert",
        ast.Eq: "operator.eq",
        ast.NotEq: "operator.ne",
        ast.Lt: "operator.lt",
        ast.LtE: "operator.le",
        ast.Gt: "operator.gt",
        ast.GtE: "operator.ge",
    }
)

# Whole numbers that a literal can be: what a tensor of int64 holds.
_INTEGERS = range(-(2**63), 2**63)


class Expressions:
    """Compiles expressions into slots.

    Its recursion is as deep as the tree, which `Limits` bounds, and is all between Python functions: these do not
    nest on the C stack, as calls through `map`, a generator or starred arguments would.

    Attributes:
        source: the program's text.
        limits: bounds on calls and literals.
        builder: where the instructions go.
        imported: bare names that ``from ... import`` made -> the dotted name that each stands for.
    """

    def __init__(
        self, source: Source, limits: Limits, builder: Builder, inputs: Collection[str] | None
    ) -> None:
        self.source = source
        self.limits = limits
        self.builder = builder
        self.imported: dict[str, str] = {}
        self._inputs = inputs

    def compile(self, node: ast.expr) -> int:  # noqa: C901, PLR0911 - one case for each kind of node
        """Compiles an expression and returns the slot of its value."""
        match node:
            case ast.Constant(value=value):
                return self._literal(node, value)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                # The sign belongs to the literal, so that the smallest int64 can be written.
                return self._literal(node, -value)
            case ast.Name():
                return self._name(node)
            case ast.BinOp():
                return self._operator(node, node.op, [node.left, node.right])
            case ast.UnaryOp():
                return self._operator(node, node.op, [node.operand])
            case ast.Compare():
                return self._comparison(node)
            case ast.Call():
                return calls.compile_call(self, node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Subscript():
                arguments = (self.compile(node.value), self._index(node.slice))
                return self.builder.call(self.source.place(node), "operator.getitem", arguments)
            case ast.Tuple() | ast.List():
                return self._display(node)
        raise self.source.fault(node, f"syntax of the kind {type(node).__name__} has no place here")

    def dotted(self, node: ast.expr) -> str | None:
        """Returns the complete dotted name that begins at a module, or None where it begins elsewhere."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in ROOTS:
            return None
        return ".".join([ROOTS[node.id], *reversed(parts)])

    def unknown(self, node: ast.expr, key: str) -> ProgramError:
        """Makes the error for a dotted name, or a method ``Tensor.x``, that the op table lacks."""
        name = f"x.{key.removeprefix('Tensor.')}" if key.startswith("Tensor.") else key
        if any(part.startswith("_") for part in key.split(".")):
            return self.source.fault(
                node, f"{shown(name)} begins with an underscore, and such names are never reachable"
            )
        return self.source.fault(node, f"{shown(name)} is not part of the language", similar(key))

    def _literal(self, node: ast.expr, value: object) -> int:
        if isinstance(value, str):
            raise self.source.fault(
                node, 'a string stands only in print, or as an argument such as reduction="sum"'
            )
        if isinstance(value, bytes | complex):
            kind = "bytes" if isinstance(value, bytes) else "complex literals; write torch.complex"
            raise self.source.fault(node, f"the language has no {kind}")
        if isinstance(value, int) and value not in _INTEGERS:
            raise self.source.fault(node, "this whole number does not fit 64 bits")
        return self.builder.constant(value)

    def _name(self, node: ast.Name) -> int:
        name = node.id
        if name in self.imported:
            return self._module_value(node, self.imported[name])
        if name in ROOTS:
            raise self.source.fault(node, f"{name!r} is a module, not a value")
        if name in BUILTINS or name == "print":
            raise self.source.fault(node, f"{name!r} is a function; call it with (...)")
        self.check_known(node)
        return self.builder.read(self.source.place(node), name)

    def check_known(self, node: ast.Name) -> None:
        """Checks a name that is read.

        Raises:
            ProgramError: it cannot be a name, or it has no value and is no input.
        """
        name = node.id
        if name in self.builder.names:
            return
        if name.startswith("_"):
            raise self.source.fault(
                node, f"the name {shown(name)} begins with an underscore and has no value"
            )
        if len(name) > self.limits.name_chars:
            raise exceeded(
                self.limits.name_chars,
                len(name),
                "characters in a name",
                self.source.place(node),
                name="name_chars",
            )
        if self._inputs is not None and name not in self._inputs:
            known = {*self._inputs, *self.builder.names}
            raise self.source.fault(node, f"unknown name {shown(name)}", nearest(name, known))

    def _module_value(self, node: ast.expr, key: str) -> int:
        if key in CONSTANTS:
            return self.builder.constant(CONSTANTS[key])
        if key in OPS:
            raise self.source.fault(node, f"{key!r} is a function; call it with (...)")
        raise self.unknown(node, key)

    def _attribute(self, node: ast.Attribute) -> int:
        key = self.dotted(node)
        if key is not None:
            return self._module_value(node, key)
        for prefix in ("Tensor", "Tuple"):
            key = f"{prefix}.{node.attr}"
            if key in OPS and OPS[key].kind == "attribute" and key != calls.GRAD_FN:
                return self.builder.call(self.source.place(node), key, [self.compile(node.value)])
        key = f"Tensor.{node.attr}"
        if key == calls.GRAD_FN:
            raise self.source.fault(node, "'grad_fn' can only be printed: print(y.grad_fn)")
        if key in OPS:
            raise self.source.fault(node, f"{node.attr!r} is a method; call it with (...)")
        raise self.unknown(node, key)

    def _operator(self, node: ast.expr, operator: ast.AST, operands: list[ast.expr]) -> int:
        for operand in operands:
            if isinstance(operand, ast.Tuple | ast.List):
                raise self.source.fault(
                    operand, "lists and tuples have no arithmetic; write torch.tensor([...])"
                )
        slots = [self.compile(operand) for operand in operands]
        return self.builder.call(self.source.place(node), OPERATORS[type(operator)], slots)

    def _comparison(self, node: ast.Compare) -> int:
        if len(node.ops) > 1:
            raise self.source.fault(node, "comparisons do not chain; write (a < b) & (b < c)")
        return self._operator(node, node.ops[0], [node.left, node.comparators[0]])

    def _index(self, node: ast.expr) -> int:
        match node:
            case ast.Slice():
                none = self.builder.constant(None)
                parts = (node.lower, node.upper, node.step)
                start, stop, step = [self.compile(part) if part else none for part in parts]
                target = self.builder.slot()
                self.builder.emit(BuildSlice(self.source.place(node), target, start, stop, step))
                return target
            case ast.Tuple():
                self.check_count(node, len(node.elts))
                return self.builder.build(
                    self.source.place(node), [self._index(item) for item in node.elts], "tuple"
                )
        return self.compile(node)

    def _display(self, node: ast.Tuple | ast.List) -> int:
        numbers = _count_numbers(node)
        if numbers is None:
            self.check_count(node, len(node.elts))
        elif numbers > self.limits.literal_elements:
            place = self.source.place(node)
            raise exceeded(
                self.limits.literal_elements, numbers, "numbers in a list", place, name="literal_elements"
            )
        kind = "tuple" if isinstance(node, ast.Tuple) else "list"
        return self.builder.build(self.source.place(node), [self.compile(item) for item in node.elts], kind)

    def check_count(self, node: ast.expr, count: int) -> None:
        """Checks how many arguments a call has, or how many items a list or tuple of values.

        Raises:
            LimitExceeded: too many.
        """
        if count > self.limits.call_arguments:
            place = self.source.place(node)
            raise exceeded(
                self.limits.call_arguments, count, "arguments or items", place, name="call_arguments"
            )


def _count_numbers(node: ast.expr) -> int | None:
    """Counts the numbers of a nested list that holds nothing else; None where it holds something else."""
    count = 0
    stack = [node]
    while stack:
        match stack.pop():
            case ast.List(elts=items) | ast.Tuple(elts=items):
                stack.extend(items)
            case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
                count += 1
            case _:
                return None
    return count
