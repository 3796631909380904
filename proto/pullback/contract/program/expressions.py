"""Compiles expressions other than calls and conditions."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pullback.contract.program import calls, conditions, loops
from pullback.contract.program.diagnose import nearest, shown
from pullback.contract.program.folding import INTEGERS, fold
from pullback.contract.program.ir import BuildSlice
from pullback.contract.program.names import ABSENT, BUILTINS, CONSTANTS, ROOTS, hint, similar
from pullback.contract.program.operators import OPERATORS
from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pullback.contract.errors import ProgramError
    from pullback.contract.limits import Limits
    from pullback.contract.program.budget import Budget
    from pullback.contract.program.builder import Builder
    from pullback.contract.program.functions import Function
    from pullback.contract.program.scopes import Names
    from pullback.contract.program.source import Source


class Host(Protocol):
    """What compiles statements, as far as expressions need it."""

    def write_out(self, node: ast.Call, function: Function, values: Mapping[str, int]) -> int:
        """Writes a function out where it is called, and returns the slot of what it returns."""
        ...

    def bind(self, target: ast.expr, slot: int) -> None:
        """Gives names their values."""
        ...


@dataclass(frozen=True)
class Context:
    """What the compilers of one program share; see `Expressions`."""

    source: Source
    limits: Limits
    builder: Builder
    names: Names
    budget: Budget
    functions: Mapping[str, Function]
    inputs: Collection[str] | None


class Expressions:
    """Compiles expressions into slots.

    Its recursion is as deep as the tree, which `Limits` bounds, and is all between Python functions: these do not
    nest on the C stack, as calls through `map`, a generator or starred arguments would.

    Attributes:
        source: the program's text.
        limits: bounds on calls and literals.
        builder: where the instructions go.
        names: the names that have values.
        budget: what unrolling costs.
        imported: bare names that ``from ... import`` made -> the dotted name that each stands for.
        modules: names that ``import ... as`` made -> the module that each stands for.
        functions: the functions that the program defines, by name.
        host: what compiles statements.
    """

    def __init__(self, context: Context, host: Host) -> None:
        self.source = context.source
        self.limits = context.limits
        self.builder = context.builder
        self.names = context.names
        self.budget = context.budget
        self.imported: dict[str, str] = {}
        self.modules: dict[str, str] = {}
        self.functions = context.functions
        self.host = host
        self._inputs = context.inputs

    def compile(self, node: ast.expr) -> int:  # noqa: C901, PLR0911, PLR0912 - one case for each kind of node
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
            case ast.UnaryOp(op=ast.Not()):
                return conditions.compile_not(self, node)
            case ast.UnaryOp():
                return self._operator(node, node.op, [node.operand])
            case ast.Compare():
                return conditions.compile_comparison(self, node)
            case ast.Call():
                return calls.compile_call(self, node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Tuple() | ast.List():
                return self._display(node)
            case ast.IfExp():
                return conditions.compile_choice(self, node)
            case ast.BoolOp():
                return conditions.compile_bool(self, node)
            case ast.ListComp():
                return loops.compile_list(self, node)
            case ast.JoinedStr():
                raise self.source.fault(node, 'an f-string stands only in print, as in print(f"y = {y}")')
            case ast.Lambda():
                raise self.source.fault(
                    node, "a `lambda` is no value; give it a name, as in f = lambda x: x**2, and call that"
                )
        raise self.source.fault(node, f"syntax of the kind {type(node).__name__} has no place here")

    def dotted(self, node: ast.expr) -> str | None:
        """Returns the complete dotted name that begins at a module, or None where it begins elsewhere."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or self.names.is_own(node.id):
            return None
        root = ROOTS.get(node.id) or self.modules.get(node.id)
        if root is None:
            return None
        return ".".join([root, *reversed(parts)])

    def absent(self, node: ast.expr) -> str:
        """Says what to do instead, where an expression begins with a module that is not here; else empty."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in ABSENT or self.names.is_own(node.id):
            return ""
        slot = self.builder.names.get(node.id)
        is_bound = slot is not None and slot != self.builder.inputs.get(node.id)
        return "" if is_bound else f"{node.id!r} is no value: {ABSENT[node.id]}"

    def unknown(self, node: ast.expr, key: str) -> ProgramError:
        """Makes the error for a dotted name, or a method ``Tensor.x``, that the op table lacks."""
        name = f"x.{key.removeprefix('Tensor.')}" if key.startswith("Tensor.") else key
        if any(part.startswith("_") for part in key.split(".")):
            return self.source.fault(
                node, f"{shown(name)} begins with an underscore, and such names are never reachable"
            )
        if absent := self.absent(node):
            return self.source.fault(node, absent)
        advice = hint(key)
        message = f"{shown(name)} is not part of the language{advice and f': {advice}'}"
        return self.source.fault(node, message, "" if advice else similar(key))

    def _literal(self, node: ast.expr, value: object) -> int:
        if isinstance(value, str):
            raise self.source.fault(
                node, 'a string stands only in print, or as an argument such as reduction="sum"'
            )
        if isinstance(value, bytes | complex):
            kind = "bytes" if isinstance(value, bytes) else "complex literals; write torch.complex"
            raise self.source.fault(node, f"the language has no {kind}")
        if isinstance(value, int) and value not in INTEGERS:
            raise self.source.fault(node, "this whole number does not fit 64 bits")
        return self.builder.constant(value)

    def _name(self, node: ast.Name) -> int:
        name = node.id
        if self.names.is_own(name):
            return self.names.read(node)
        if name in self.functions:
            raise self.source.fault(node, f"{name!r} is a function, and no value; call it with (...)")
        if name in self.imported:
            return self._module_value(node, self.imported[name])
        if name in ROOTS or name in self.modules:
            raise self.source.fault(node, f"{name!r} is a module, not a value")
        if name in BUILTINS or name == "print":
            raise self.source.fault(node, f"{name!r} is a function; call it with (...)")
        self.check_known(node)
        return self.names.read(node)

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
            raise self.source.exceeded(node, self.limits.name_chars, len(name), "characters in a name")
        if self._inputs is not None and name not in self._inputs:
            known = {*self._inputs, *self.builder.names, *self.names.own()}
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
        return self.operate(node, operator, [self.operand(operand) for operand in operands])

    def operand(self, node: ast.expr) -> int:
        """Compiles an operand.

        Raises:
            ProgramError: it is a list or a tuple, which have no arithmetic here.
        """
        if isinstance(node, ast.Tuple | ast.List):
            raise self.source.fault(node, "lists and tuples have no arithmetic; write torch.tensor([...])")
        return self.compile(node)

    def operate(self, node: ast.expr | ast.stmt, operator: ast.AST, slots: list[int]) -> int:
        """Applies an operator, at once where its operands are known, and returns the slot of the result."""
        key = OPERATORS[type(operator)]
        return self.apply(node, key, slots)

    def apply(self, node: ast.expr | ast.stmt, key: str, slots: list[int]) -> int:
        """Calls an op that takes plain numbers, at once where they are known; returns the slot of the result."""
        builder = self.builder
        for slot in slots:
            if not builder.is_constant(slot):
                return builder.call(self.source.place(node), key, slots)
        value = fold(key, [builder.value(slot) for slot in slots])
        return builder.call(self.source.place(node), key, slots) if value is None else builder.constant(value)

    def _subscript(self, node: ast.Subscript) -> int:
        value = self.compile(node.value)
        index = self._index(node.slice)
        items = self.builder.items(value)
        if items is not None and self.builder.is_constant(index):
            position = self.builder.value(index)
            if type(position) is int and -len(items) <= position < len(items):
                return items[position]
        return self.builder.call(self.source.place(node), "operator.getitem", (value, index))

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
        else:
            self.check_numbers(node, numbers)
        kind = "tuple" if isinstance(node, ast.Tuple) else "list"
        return self.builder.build(self.source.place(node), [self.compile(item) for item in node.elts], kind)

    def check_numbers(self, node: ast.expr, count: int) -> None:
        """Checks how many numbers a list has.

        Raises:
            LimitExceeded: too many.
        """
        if count > self.limits.literal_elements:
            raise self.source.exceeded(node, self.limits.literal_elements, count, "numbers in a list")

    def check_count(self, node: ast.expr, count: int) -> None:
        """Checks how many arguments a call has, or how many items a list or tuple of values.

        Raises:
            LimitExceeded: too many.
        """
        if count > self.limits.call_arguments:
            raise self.source.exceeded(node, self.limits.call_arguments, count, "arguments or items")


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
