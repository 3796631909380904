"""Compiles statements, and with them a whole program."""

from __future__ import annotations

import ast
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING

from pullback.contract.program import calls, imports, loops, prints
from pullback.contract.program.budget import Budget
from pullback.contract.program.builder import BACKWARD_OPS, Builder
from pullback.contract.program.definitions import Calls, Definitions
from pullback.contract.program.diagnose import shown
from pullback.contract.program.expressions import Context, Expressions
from pullback.contract.program.functions import bound_names
from pullback.contract.program.ir import SetTracking, Unpack
from pullback.contract.program.names import valid_name
from pullback.contract.program.operators import UPDATES
from pullback.contract.program.scopes import Names, Scope
from pullback.contract.program.targets import is_gradient_cleared, not_a_name
from pullback.contract.program.unreached import check_names_written

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pullback.contract.limits import Limits
    from pullback.contract.program.functions import Function
    from pullback.contract.program.ir import Program
    from pullback.contract.program.source import Source
    from pullback.contract.program.syntax import Tree

#: The name under which the value of a last bare expression is returned.
RESULT = "result"

#: ``x.grad = None``, as an op on the tensor that owns the gradient.
CLEAR_GRAD = "Tensor.grad.clear"

# What may stand as a statement of its own, because it does something.
_EFFECTS = BACKWARD_OPS | {
    "Tensor.requires_grad_",
    "Tensor.retain_grad",
    "Tensor.grad.zero_",
    "torch.manual_seed",
}

# ``with`` what -> whether operations are tracked inside.
_TRACKING = MappingProxyType({"torch.no_grad": False, "torch.enable_grad": True})
_CONTEXTS = frozenset({*_TRACKING, "torch.set_grad_enabled"})


class Exit(Enum):
    """Why a block ended before its last statement."""

    BREAK = auto()
    CONTINUE = auto()
    RETURN = auto()


class Statements:
    """Compiles the statements of one program, in order.

    Loops turn and functions are entered here, while the program is compiled: what `break`, `continue` and `return` do
    is decided by then, and leaves no trace in the instructions.
    """

    def __init__(self, source: Source, limits: Limits, inputs: Collection[str] | None) -> None:
        self._source = source
        self._limits = limits
        self._builder = Builder()
        self._names = Names(source, self._builder)
        self._definitions = Definitions(source, limits, self._names)
        self._budget = Budget(source, limits, self._definitions.body_of)
        functions = self._definitions.functions
        context = Context(source, limits, self._builder, self._names, self._budget, functions, inputs)
        self._expressions = Expressions(context, self)
        self._tracking = True
        self._prints = False
        self._result: str | None = None
        self._loops = 0
        self._calls = Calls(source, limits)
        self._returned: int | None = None

    def compile(self, tree: Tree) -> Program:
        """Compiles a tree that holds only nodes of the language."""
        self._calls.depths = tree.call_depths
        self._budget.is_sure = not tree.may_skip and tree.node_count <= self._limits.unrolled_nodes
        for statement in tree.body:
            if not self._definitions.define(statement, self._expressions):
                self._statement(statement, last=statement is tree.body[-1])
        if tree.may_skip:
            check_names_written(tree.body, self._expressions, _CONTEXTS)
        return self._builder.program(
            self._source.text, self._result, tree.statement_count, prints=self._prints
        )

    def write_out(self, node: ast.Call, function: Function, values: Mapping[str, int]) -> int:
        """Writes a function out where it is called, and returns the slot of what it returns.

        Raises:
            ProgramError: it calls itself, or one of its statements is wrong.
            LimitExceeded: the program becomes too big.
        """
        self._budget.foresee_call(node, function.name)
        outer = self._names.scope, self._source.within, self._loops, self._returned
        with self._calls.entered(node, function):
            self._names.scope = Scope(None, function.own_names)
            self._names.scope.slots.update(values)
            self._loops, self._returned = 0, None
            if isinstance(function.body, ast.expr):
                self._budget.charge(function.body)
                value = self._expressions.compile(function.body)
            else:
                self._block(function.body)
                value = self._builder.constant(None) if self._returned is None else self._returned
        self._names.scope, self._source.within, self._loops, self._returned = outer
        return value

    def bind(self, target: ast.expr, slot: int) -> None:
        """Gives names their values: one, or those of a tuple that is unpacked.

        Raises:
            ProgramError: something that is not a name, or one that cannot be assigned.
        """
        self._bind(target, slot, is_result=False)

    def _block(self, body: Sequence[ast.stmt]) -> Exit | None:
        for statement in body:
            reason = self._statement(statement)
            if reason is not None:
                return reason
        return None

    def _statement(self, node: ast.stmt, *, last: bool = False) -> Exit | None:  # noqa: C901, PLR0912 - one case each
        self._budget.charge(node)
        match node:
            case ast.Expr():
                self._expression(node.value, last=last)
            case ast.Assign():
                self._assign(node)
            case ast.AugAssign():
                self._augmented(node)
            case ast.With():
                return self._with(node)
            case ast.For():
                return self._for(node)
            case ast.If():
                is_true = loops.known_truth(self._expressions, node.test)
                return self._block(node.body if is_true else node.orelse)
            case ast.Return():
                return self._return(node)
            case ast.Break() | ast.Continue():
                if not self._loops:
                    raise self._source.fault(node, "there is no loop around it to leave or to continue")
                return Exit.BREAK if isinstance(node, ast.Break) else Exit.CONTINUE
            case ast.FunctionDef():
                raise self._source.fault(node, "a function is defined at the top level, not within a block")
            case ast.Import() | ast.ImportFrom() if self._names.scope:
                raise self._source.fault(node, "an import stands outside of functions")
            case ast.Import():
                imports.compile_import(self._expressions, node)
            case ast.ImportFrom():
                imports.compile_import_from(self._expressions, node)
        return None

    def _expression(self, node: ast.expr, *, last: bool) -> None:
        match node:
            case ast.Constant(value=str()):
                return  # a docstring
            case ast.Call() if prints.is_print(node):
                self._prints = True
                prints.compile_print(self._expressions, node)
                return
            case ast.Call() if calls.own_function(self._expressions, node) and not last:
                self._expressions.compile(node)
                return
            case ast.Call() if (
                not calls.own_function(self._expressions, node)
                and calls.callee(self._expressions, node)[0] in _EFFECTS
            ):
                self._expressions.compile(node)
                return
        if not last:
            raise self._source.fault(node, "the value of this expression is not used; assign it to a name")
        value = self._expressions.compile(node)
        if self._builder.is_none(value):
            return  # a function that returns nothing, called for its effect
        self._builder.bind(self._source.place(node), RESULT, value)
        self._result = RESULT

    def _return(self, node: ast.Return) -> Exit:
        if self._names.scope is None:
            raise self._source.fault(
                node, "`return` stands in functions only; what a program returns is the value it makes last"
            )
        value = node.value or ast.copy_location(ast.Constant(None), node)
        self._returned = self._expressions.compile(value)
        return Exit.RETURN

    def _for(self, node: ast.For) -> Exit | None:
        is_outermost = self._names.scope is None and not self._loops
        given = loops.turns(self._expressions, node.iter)
        times = 1 if given.number and self._budget.may_leave(node.body) else given.number
        known: dict[str, int] = {}
        if is_outermost:
            known = {**self._builder.whole_numbers}
            for name in bound_names([node]):
                known.pop(name, None)
        self._budget.foresee(node, times, node.body, known)
        self._loops += 1
        reason = None
        for item in given.items:
            loops.bind_item(self._expressions, node.target, item, self.bind)
            reason = self._block(node.body)
            if reason in (Exit.BREAK, Exit.RETURN):
                break
        self._loops -= 1
        if reason is Exit.RETURN:
            return reason
        return None if reason is Exit.BREAK else self._block(node.orelse)

    def _assign(self, node: ast.Assign) -> None:
        if is_gradient_cleared(node):
            self._clear_gradient(node, node.targets[0])
            return
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

    def _clear_gradient(self, node: ast.Assign, target: ast.expr) -> None:
        if isinstance(target, ast.Attribute):
            owner = self._expressions.compile(target.value)
            self._builder.call(self._source.place(node), CLEAR_GRAD, [owner])

    def _bind(self, target: ast.expr, slot: int, *, is_result: bool = True) -> None:
        match target:
            case ast.Name(id=name):
                self._check_target(target, name)
                if self._names.bind(target, slot) and is_result:
                    self._result = name
            case ast.Tuple(elts=items) | ast.List(elts=items):
                self._expressions.check_count(target, len(items))
                for item, part in zip(items, self._parts(target, slot, len(items)), strict=True):
                    self._bind(item, part, is_result=is_result)
            case _:
                raise not_a_name(self._source, target)

    def _parts(self, target: ast.expr, slot: int, wanted: int) -> tuple[int, ...]:
        known = self._builder.items(slot)
        if known is not None and len(known) == wanted:
            return known
        slots = tuple(self._builder.slot() for _ in range(wanted))
        self._builder.emit(Unpack(self._source.place(target), slot, slots))
        if slot in self._builder.tensors:
            self._builder.tensors.update(slots)
        return slots

    def _check_target(self, node: ast.expr, name: str) -> None:
        if name == "_":
            return  # the usual name for what is not wanted
        is_own = self._names.is_own(name)
        reason = valid_name(name, self._limits)
        if (name in self._expressions.imported or name in self._expressions.modules) and not is_own:
            reason = "is imported"
        if name in self._expressions.functions and not is_own:
            reason = "is a function of the program"
        if reason is not None:
            raise self._source.fault(node, f"{shown(name)} cannot be assigned: it {reason}")

    def _augmented(self, node: ast.AugAssign) -> None:
        if not isinstance(node.target, ast.Name):
            raise self._source.fault(node.target, "only names can be assigned")
        name = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        slots = [self._expressions.operand(operand) for operand in (name, node.value)]
        update = UPDATES.get(type(node.op))
        if update and slots[0] in self._builder.leaves:
            value = self._builder.call(self._source.place(node), update, slots)
            if not self._tracking:
                self._builder.leaves.add(value)
        else:
            # ``a += b`` makes a new value: no tensor is changed in place, but a leaf.
            value = self._expressions.operate(node, node.op, slots)
        if slots[0] in self._builder.tensors:
            # torch changes the tensor, which other names may stand for as well.
            self._names.rebind(node, slots[0], value)
        self._bind(node.target, value)

    def _with(self, node: ast.With) -> Exit | None:
        enabled = None
        match node.items:
            case [ast.withitem(context_expr=ast.Call(args=[], keywords=[]) as call, optional_vars=None)]:
                enabled = _TRACKING.get(self._expressions.dotted(call.func) or "")
            case [ast.withitem(context_expr=ast.Call(args=[mode], keywords=[]) as call, optional_vars=None)]:
                if self._expressions.dotted(call.func) == "torch.set_grad_enabled":
                    enabled = loops.known_truth(self._expressions, mode)
        if enabled is None:
            raise self._source.fault(
                node,
                "the language has `with torch.no_grad():`, `with torch.enable_grad():`, `with "
                "torch.set_grad_enabled(True):`, and no other `with`",
            )
        place = self._source.place(node)
        before, self._tracking = self._tracking, enabled
        self._builder.emit(SetTracking(place, self._tracking))
        reason = self._block(node.body)
        self._tracking = before
        self._builder.emit(SetTracking(place, before))
        return reason
