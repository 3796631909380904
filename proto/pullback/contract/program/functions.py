"""The functions that a program defines: what a definition holds, and how the arguments of a call meet its parameters.

A function is written out at each call and is never a value, so there is nothing to pass on, keep or look inside.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.contract.program.diagnose import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pullback.contract.program.source import Source


@dataclass(frozen=True)
class Function:
    """A function of the program.

    Attributes:
        name: its name.
        positional: the parameters that may be given by position, in order.
        named: those that are given by name only.
        defaults: parameter -> slot of its default value.
        body: the statements, or the expression of a lambda.
        own_names: the names that belong to each call: parameters, and what the body binds.
    """

    name: str
    positional: tuple[str, ...]
    named: tuple[str, ...]
    defaults: Mapping[str, int]
    body: Sequence[ast.stmt] | ast.expr
    own_names: frozenset[str]

    @property
    def usage(self) -> str:
        """Says how it is called."""
        names = [*self.positional, *(f"{name}=..." for name in self.named)]
        return f"call it as {self.name}({', '.join(names)})"


def parameters(source: Source, arguments: ast.arguments) -> list[ast.arg]:
    """Checks the parameters of a definition.

    Raises:
        ProgramError: one of a kind that the language does not have, or two of one name.
    """
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in filter(None, (arguments.vararg, arguments.kwarg)):
        raise source.fault(argument, "the language has no `*` or `**` before a parameter; name each of them")
    if arguments.posonlyargs:
        raise source.fault(arguments.posonlyargs[0], "the language has no `/` between parameters")
    seen: set[str] = set()
    for argument in every:
        if argument.annotation:
            raise source.fault(argument.annotation, "the language has no annotations; write the name alone")
        if argument.arg in seen:
            raise source.fault(argument, f"the parameter {shown(argument.arg)} is there twice")
        seen.add(argument.arg)
    return every


def defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """Gives the parameters that have a default value, in order."""
    first = len(arguments.args) - len(arguments.defaults)
    for argument, value in zip(arguments.args[first:], arguments.defaults, strict=True):
        yield argument.arg, value
    for argument, named in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if named is not None:
            yield argument.arg, named


def bound_names(body: Sequence[ast.stmt] | ast.expr) -> set[str]:
    """Finds the names that statements, or an expression, bind; those of a comprehension are its own."""
    found: set[str] = set()
    stack: list[ast.AST] = [body] if isinstance(body, ast.expr) else [*body]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.ListComp):
            continue  # it binds no name but those of its own loop
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        stack += ast.iter_child_nodes(node)
    return found


def match_arguments(
    source: Source, function: Function, node: ast.Call, slots: Sequence[int], named: Mapping[str, int]
) -> dict[str, int]:
    """Gives each parameter its value.

    Args:
        source: the program's text, for errors.
        function: what is called.
        node: the call.
        slots: the values of the arguments without a name.
        named: those of the others.

    Raises:
        ProgramError: the arguments do not fit.
    """
    problem = ""
    if len(slots) > len(function.positional):
        problem = f"takes {len(function.positional)} arguments by position, but is given {len(slots)}"
    values = dict(zip(function.positional, slots, strict=False))
    known = (*function.positional, *function.named)
    for name, slot in named.items():
        if name not in known:
            near = nearest(name, known)
            raise source.fault(
                node, f"`{function.name}` has no parameter {shown(name)}; {function.usage}", near
            )
        if name in values:
            problem = problem or f"has two values for {shown(name)}"
        values[name] = slot
    values = {**function.defaults, **values}
    missing = [name for name in known if name not in values]
    if missing:
        problem = problem or f"lacks a value for {' and '.join(map(repr, missing))}"
    if problem:
        raise source.fault(node, f"`{function.name}` {problem}; {function.usage}")
    return values
