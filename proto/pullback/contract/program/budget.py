"""How big a program is once its loops are unrolled and its functions written out: known before that is done.

Strategy: the unit is a node of the syntax tree, and a statement costs its own nodes each time it is compiled. `charge`
keeps the account, so that no program is unrolled beyond the limit, whatever this file fails to foresee. `foresee` adds
what a loop or a call will cost at least, each repetition counted: nested loops multiply and functions that call each
other add up, in whole numbers, so that two lines which would become a billion are refused at once. What cannot be told
before, such as the side of an `if` that is taken, counts nothing there.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pullback.contract.program.folding import count, fold
from pullback.contract.program.operators import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pullback.contract.limits import Limits
    from pullback.contract.program.source import Placed, Source

# What ends a block before its last statement.
_LEAVING = (ast.Break, ast.Continue, ast.Return)

# Deepest nesting of blocks and functions that is looked into. The compiler refuses functions that call each other as
# deep as that; what lies deeper counts nothing until it is compiled.
_DEPTH = 100

#: Names that are known to be whole numbers.
Known = dict[str, int]


class Budget:
    """The account of one program.

    Args:
        source: the program's text, for errors.
        limits: the bounds.
        body_of: gives the statements or the expression of a function that the program defines, or None.

    Attributes:
        is_sure: whether it is certain that the program stays within the limit, so that no account is kept.
    """

    def __init__(
        self, source: Source, limits: Limits, body_of: Callable[[str], Sequence[ast.stmt] | ast.expr | None]
    ) -> None:
        self._source = source
        self._limit = limits.unrolled_nodes
        self._body_of = body_of
        self._spent = 0
        self.is_sure = False
        # By the nodes themselves: the tree lives as long as the compiler does.
        self._sizes: dict[ast.AST, tuple[int, tuple[str, ...]]] = {}
        self._leaves: dict[ast.AST, bool] = {}
        # What each statement costs at least, where no name is known: a loop within a loop is entered often.
        self._totals: dict[ast.AST, int] = {}
        self._functions: dict[str, int] = {}
        self._depth = 0

    def charge(self, node: Placed, times: int = 1) -> None:
        """Counts a statement, or an expression, that is compiled; nested statements are counted by themselves.

        Raises:
            LimitExceeded: the program is too big.
        """
        if not self.is_sure:
            self._spent += times * self._size(node)[0]
            self._check(node, self._spent)

    def foresee(self, node: Placed, times: int, body: Sequence[ast.stmt] | ast.expr, known: Known) -> None:
        """Checks what it will cost to compile a body so many times, before it is done once.

        Args:
            node: the loop or call.
            times: how often.
            body: what is repeated.
            known: the values of names that the body does not bind.

        Raises:
            LimitExceeded: the program would be too big.
        """
        if times:
            self._check(node, self._spent + times * self._body(body, known))

    def foresee_call(self, node: Placed, function: str) -> None:
        """Checks what a call will cost.

        Raises:
            LimitExceeded: the program would be too big.
        """
        self._check(node, self._spent + self._function(function))

    def may_leave(self, body: Sequence[ast.stmt]) -> bool:
        """Says whether a loop may end before its last turn."""
        for statement in body:  # noqa: SIM110 - by `any`, the recursion would be on the C stack
            if self._may_leave(statement):
                return True
        return False

    def _check(self, node: Placed, estimate: int) -> None:
        if estimate > self._limit:
            raise self._source.exceeded(
                node, self._limit, estimate, "nodes of syntax with loops unrolled and functions written out"
            )

    def _body(self, body: Sequence[ast.stmt] | ast.expr, known: Known) -> int:
        if isinstance(body, ast.expr):
            return self._own(body)
        if self._depth >= _DEPTH:
            return 0
        self._depth += 1
        total = 0
        for statement in body:
            total += self._statement(statement, known)
            if self._may_leave(statement):
                break
        self._depth -= 1
        return total

    def _statement(self, node: ast.stmt, known: Known) -> int:
        if not known and node in self._totals:
            return self._totals[node]
        total = self._own(node)
        match node:
            case ast.With():
                total += self._body(node.body, known)
            case ast.For() if (turns := _turns(node.iter, known)) and not self.may_leave(node.body):
                total += turns * self._body(node.body, known)
        if not known:
            self._totals[node] = total
        return total

    def _own(self, node: ast.stmt | ast.expr) -> int:
        total, calls = self._size(node)
        for name in calls:
            total += self._function(name)
        return total

    def _function(self, name: str) -> int:
        if name not in self._functions:
            body = self._body_of(name)
            if body is None:
                return 0
            self._functions[name] = 0  # for as long as its own body is looked at, should it call itself
            self._functions[name] = self._body(body, {})
        return self._functions[name]

    def _size(self, node: ast.AST) -> tuple[int, tuple[str, ...]]:
        """Gives the nodes of a statement or expression without nested statements, and the functions it calls."""
        if node not in self._sizes:
            size, calls = 0, []
            # A node, and whether it is certain to be compiled.
            stack: list[tuple[ast.AST, bool]] = [(node, True)]
            while stack:
                item, certain = stack.pop()
                if isinstance(item, ast.stmt) and item is not node:
                    continue
                size += 1
                if certain and isinstance(item, ast.Call) and isinstance(item.func, ast.Name):
                    calls.append(item.func.id)
                certain = certain and not isinstance(
                    item, ast.IfExp | ast.BoolOp | ast.Compare | ast.ListComp
                )
                stack += [(child, certain) for child in ast.iter_child_nodes(item)]
            self._sizes[node] = size, tuple(calls)
        return self._sizes[node]

    def _may_leave(self, node: ast.stmt) -> bool:
        if node not in self._leaves:
            nested = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            self._leaves[node] = isinstance(node, _LEAVING) or self.may_leave(nested)
        return self._leaves[node]


def _turns(node: ast.expr, known: Known) -> int:
    """Tells how often a loop over an expression turns, as far as that is written there; else 0."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return len(items)
        case ast.Call(func=ast.Name(id="range"), args=arguments, keywords=[]):
            numbers = [_number(argument, known) for argument in arguments]
            whole = [number for number in numbers if isinstance(number, int)]
            match whole:
                case _ if len(whole) < len(numbers):
                    return 0
                case [stop]:
                    return count(0, stop, 1)
                case [start, stop, *step] if step not in ([0], [False]):
                    return count(start, stop, *step[:1] or [1])
    return 0


def _number(node: ast.expr, known: Mapping[str, int]) -> object:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return known.get(name)
        case ast.UnaryOp(op=op, operand=operand):
            return fold(OPERATORS.get(type(op), ""), [_number(operand, known)])
        case ast.BinOp(left=left, op=op, right=right):
            return fold(OPERATORS[type(op)], [_number(left, known), _number(right, known)])
    return None
