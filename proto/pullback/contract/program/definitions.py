"""Which functions a program defines, and which of them are being written out."""

from __future__ import annotations

import ast
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pullback.contract.program.diagnose import shown
from pullback.contract.program.functions import Function, bound_names, defaults, parameters
from pullback.contract.program.ir import CallSite
from pullback.contract.program.loops import SEQUENCES
from pullback.contract.program.names import valid_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pullback.contract.limits import Limits
    from pullback.contract.program.expressions import Expressions
    from pullback.contract.program.scopes import Names
    from pullback.contract.program.source import Placed, Source

# How much deeper than a tree may be, functions that call each other may nest. The compiler's recursion is about three
# Python calls for each level, and Python allows 1,000.
_CALL_LEVELS = 60

# What one call adds to the levels of the expression that it stands in.
_LEVELS_OF_A_CALL = 2


class Definitions:
    """The functions of a program."""

    def __init__(self, source: Source, limits: Limits, names: Names) -> None:
        self.functions: dict[str, Function] = {}
        self._source = source
        self._limits = limits
        self._names = names

    def body_of(self, name: str) -> Sequence[ast.stmt] | ast.expr | None:
        """Gives what a function consists of; None where there is none of that name."""
        return self.functions[name].body if name in self.functions else None

    def define(self, node: ast.stmt, expressions: Expressions) -> bool:
        """Takes a definition up, ``def f(x): ...`` or ``f = lambda x: ...``; says whether the statement is one.

        Raises:
            ProgramError: it is one, but not as the language has them.
        """
        match node:
            case ast.FunctionDef():
                self._check_definition(node)
                self._check_name(node, node.name, expressions)
                expressions.budget.charge(node)
                self._add(node.name, node.args, node.body, expressions)
            case ast.Assign(targets=[ast.Name(id=name) as target], value=ast.Lambda() as value):
                self._check_name(target, name, expressions)
                expressions.budget.charge(node)
                self._add(name, value.args, value.body, expressions)
            case _:
                return False
        return True

    def _check_definition(self, node: ast.FunctionDef) -> None:
        if node.decorator_list:
            raise self._source.fault(node.decorator_list[0], "the language has no decorators")
        if node.returns:
            raise self._source.fault(node.returns, "the language has no annotations; leave `-> ...` out")
        stack: list[ast.stmt] = [*node.body]
        while stack:
            statement = stack.pop()
            if isinstance(statement, ast.FunctionDef):
                raise self._source.fault(
                    statement, "a function is defined at the top level, not within another"
                )
            stack += [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)]

    def _add(
        self,
        name: str,
        arguments: ast.arguments,
        body: Sequence[ast.stmt] | ast.expr,
        expressions: Expressions,
    ) -> None:
        every = parameters(self._source, arguments)
        for parameter in every:
            reason = valid_name(parameter.arg, self._limits)
            if reason is not None and parameter.arg != "_":
                raise self._source.fault(parameter, f"{shown(parameter.arg)} is no parameter: it {reason}")
        values = {name: expressions.compile(value) for name, value in defaults(arguments)}
        self.functions[name] = Function(
            name=name,
            positional=tuple(argument.arg for argument in arguments.args),
            named=tuple(argument.arg for argument in arguments.kwonlyargs),
            defaults=values,
            body=body,
            own_names=frozenset({argument.arg for argument in every} | bound_names(body)),
        )

    def _check_name(self, node: Placed, name: str, expressions: Expressions) -> None:
        reason = valid_name(name, self._limits)
        if name in SEQUENCES:
            reason = "is reserved for the language"
        elif name in expressions.imported or name in expressions.modules:
            reason = "is imported"
        elif name in self.functions:
            reason = "is defined already"
        elif name in expressions.builder.names:
            reason = "has a value already"
        if reason is not None:
            raise self._source.fault(node, f"{shown(name)} cannot be the name of a function: it {reason}")


class Calls:
    """The calls of a program's own functions that are being written out, one within the other.

    Attributes:
        depths: how deep in the tree each call is.
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        self.depths: Mapping[ast.Call, int] = {}
        self._source = source
        self._most = limits.tree_depth + _CALL_LEVELS
        self._names: list[str] = []
        self._depth = 0

    @contextmanager
    def entered(self, node: ast.Call, function: Function) -> Iterator[None]:
        """Makes the places of its context those of a function's body.

        Raises:
            ProgramError: the function is being written out already.
            LimitExceeded: the calls nest too deeply.
        """
        if function.name in self._names:
            way = " -> ".join([*self._names[self._names.index(function.name) :], function.name][-4:])
            raise self._source.fault(
                node, f"the language has no recursion, but `{function.name}` calls itself: {way}"
            )
        levels = self.depths[node] + _LEVELS_OF_A_CALL
        self._depth += levels
        if self._depth > self._most:
            what = "levels of nesting, functions within functions included"
            raise self._source.exceeded(node, self._most, self._depth, what)
        self._names.append(function.name)
        self._source.within = CallSite(function.name, self._source.place(node))
        yield
        self._names.pop()
        self._depth -= levels
