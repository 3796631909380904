"""Compiles statements, and with them a whole program."""

from __future__ import annotations

import ast
from types import MappingProxyType
from typing import TYPE_CHECKING

from pullback.contract.program import calls
from pullback.contract.program.builder import BACKWARD_OPS, Builder
from pullback.contract.program.diagnose import shown
from pullback.contract.program.expressions import Expressions
from pullback.contract.program.ir import SetTracking, Unpack
from pullback.contract.program.names import CONSTANTS, ROOTS, similar, valid_name
from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Collection

    from pullback.contract.limits import Limits
    from pullback.contract.program.ir import Program
    from pullback.contract.program.source import Source

#: The name under which the value of a last bare expression is returned.
RESULT = "result"

# What may stand as a statement of its own, because it does something.
_EFFECTS = BACKWARD_OPS | {
    "Tensor.requires_grad_",
    "Tensor.retain_grad",
    "Tensor.grad.zero_",
    "torch.manual_seed",
}

# ``with`` what -> whether operations are tracked inside.
_TRACKING = MappingProxyType({"torch.no_grad": False, "torch.enable_grad": True})

# The whole-module imports: module, and the name that it is bound to. The names are bound without them too.
_IMPORTS = frozenset(
    {("torch", None), ("math", None), ("torch.nn.functional", "F")}
    | {(name, name) for name in ("torch", "math")}
)

# What ``from ... import`` takes names from.
_MODULES = frozenset({*ROOTS.values(), "torch.nn"})


class Statements:
    """Compiles the statements of one program, in order."""

    def __init__(self, source: Source, limits: Limits, inputs: Collection[str] | None) -> None:
        self._source = source
        self._limits = limits
        self._builder = Builder()
        self._expressions = Expressions(source, limits, self._builder, inputs)
        self._tracking = True
        self._count = 0
        self._prints = False
        self._result: str | None = None

    def compile(self, tree: ast.Module) -> Program:
        """Compiles a tree that holds only nodes of the language."""
        for statement in tree.body:
            self._statement(statement, last=statement is tree.body[-1])
        return self._builder.program(self._source.text, self._result, self._count, prints=self._prints)

    def _statement(self, node: ast.stmt, *, last: bool = False) -> None:
        self._count += 1
        match node:
            case ast.Expr():
                self._expression(node.value, last=last)
            case ast.Assign():
                self._assign(node)
            case ast.AugAssign():
                self._augmented(node)
            case ast.With():
                self._with(node)
            case ast.Import():
                self._import(node)
            case ast.ImportFrom():
                self._import_from(node)

    def _expression(self, node: ast.expr, *, last: bool) -> None:
        match node:
            case ast.Constant(value=str()):
                return  # a docstring
            case ast.Call() if calls.is_print(node):
                self._prints = True
                calls.compile_print(self._expressions, node)
                return
            case ast.Call() if calls.callee(self._expressions, node)[0] in _EFFECTS:
                self._expressions.compile(node)
                return
        if not last:
            raise self._source.fault(node, "the value of this expression is not used; assign it to a name")
        self._builder.bind(self._source.place(node), RESULT, self._expressions.compile(node))
        self._result = RESULT

    def _assign(self, node: ast.Assign) -> None:
        if len(node.targets) == 1 and self._assign_pairs(node.targets[0], node.value):
            return
        value = self._expressions.compile(node.value)
        for target in node.targets:
            self._bind(target, value)

    def _assign_pairs(self, target: ast.expr, value: ast.expr) -> bool:
        """Compiles ``a, b = x, y`` without making the tuple; says whether the assignment had that form."""
        if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple):
            return False
        if len(target.elts) != len(value.elts):
            message = (
                f"{len(target.elts)} names on the left of `=`, but {len(value.elts)} values on the right"
            )
            raise self._source.fault(target, message)
        self._expressions.check_count(value, len(value.elts))
        slots = [self._expressions.compile(item) for item in value.elts]
        for name, slot in zip(target.elts, slots, strict=True):
            self._bind(name, slot)
        return True

    def _bind(self, target: ast.expr, slot: int) -> None:
        match target:
            case ast.Name(id=name):
                self._check_target(target, name)
                self._builder.bind(self._source.place(target), name, slot)
                self._result = name
            case ast.Tuple(elts=items) | ast.List(elts=items):
                self._expressions.check_count(target, len(items))
                slots = tuple(self._builder.slot() for _ in items)
                self._builder.emit(Unpack(self._source.place(target), slot, slots))
                for item, part in zip(items, slots, strict=True):
                    self._bind(item, part)
            case ast.Attribute(attr="requires_grad"):
                raise self._source.fault(
                    target, "attributes cannot be assigned; write x.requires_grad_(True)"
                )
            case _:
                kind = "attributes" if isinstance(target, ast.Attribute) else "elements"
                raise self._source.fault(target, f"{kind} cannot be assigned, only names can")

    def _check_target(self, node: ast.expr, name: str) -> None:
        if name == "_":
            return  # the usual name for what is not wanted
        reason = valid_name(name, self._limits)
        if name in self._expressions.imported:
            reason = "is an imported function"
        if reason is not None:
            raise self._source.fault(node, f"{shown(name)} cannot be assigned: it {reason}")

    def _augmented(self, node: ast.AugAssign) -> None:
        # ``a += b`` makes a new value: no tensor is changed in place.
        if not isinstance(node.target, ast.Name):
            raise self._source.fault(node.target, "only names can be assigned")
        name = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        value = ast.copy_location(ast.BinOp(name, node.op, node.value), node)
        self._bind(node.target, self._expressions.compile(value))

    def _with(self, node: ast.With) -> None:
        match node.items:
            case [ast.withitem(context_expr=ast.Call(args=[], keywords=[]) as call, optional_vars=None)]:
                key = self._expressions.dotted(call.func)
            case _:
                key = None
        if key is None or key not in _TRACKING:
            raise self._source.fault(node, "the language has `with torch.no_grad():` and no other `with`")
        place = self._source.place(node)
        before, self._tracking = self._tracking, _TRACKING[key]
        self._builder.emit(SetTracking(place, self._tracking))
        for statement in node.body:
            self._statement(statement)
        self._tracking = before
        self._builder.emit(SetTracking(place, before))

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            if (alias.name, alias.asname) not in _IMPORTS:
                raise self._source.fault(
                    alias,
                    "imports are `import torch`, `import math`, `import torch.nn.functional as F` and "
                    "`from torch import ...`",
                )

    def _import_from(self, node: ast.ImportFrom) -> None:
        if node.module not in _MODULES or node.level:
            raise self._source.fault(
                node, f"nothing can be imported from {shown(node.module or '.')}, only from torch"
            )
        for alias in node.names:
            key = f"{node.module}.{alias.name}"
            name = alias.asname or alias.name
            if key == "torch.nn.functional" and name == "F":
                continue
            self._import_name(alias, key, name)

    def _import_name(self, alias: ast.alias, key: str, name: str) -> None:
        if key not in OPS and key not in CONSTANTS:
            raise self._source.fault(alias, f"{shown(key)} is not part of the language", similar(key))
        reason = "has a value already" if name in self._builder.names else valid_name(name, self._limits)
        if reason is not None and f"builtins.{name}" not in OPS:
            raise self._source.fault(alias, f"{shown(name)} cannot be imported: it {reason}")
        self._expressions.imported[name] = key
