"""What a program writes and never comes to, checked for its names: an uncalled function, a branch not taken.

The compiler follows a program and sees only what will run. That `torch.load` stands in a function that nobody calls
does no harm, but whoever wrote it wants to be told before somebody calls it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pullback.contract.program import calls
from pullback.contract.program.imports import check_import
from pullback.contract.program.loops import SEQUENCES
from pullback.contract.program.names import CONSTANTS, RESERVED, ROOTS
from pullback.contract.program.ops import OPS
from pullback.contract.program.targets import is_gradient_cleared, not_a_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pullback.contract.program.expressions import Expressions

# What can stand after a dot, whatever stands before it.
_ATTRIBUTES = frozenset(key.rpartition(".")[2] for key in OPS if key.startswith(("Tensor.", "Tuple.")))

# A method of gradients, and of nothing else.
_OF_GRADIENTS = frozenset({"zero_"})

# Names that are called and have no row.
_STATEMENTS = frozenset({*SEQUENCES, "print"})


def check_names_written(  # noqa: C901, PLR0912 - one case for each kind of node
    body: Sequence[ast.stmt], expressions: Expressions, contexts: Collection[str]
) -> None:
    """Refuses names that are not of the language, wherever they stand.

    Args:
        body: the statements of a program that was compiled.
        expressions: what compiled them.
        contexts: the dotted names that stand after `with`.

    Raises:
        ProgramError: the first such name.
    """
    # A node, and the function that it stands in.
    stack: list[tuple[ast.AST, str]] = [(statement, "") for statement in reversed(body)]
    while stack:
        node, function = stack.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
                function = name
            case ast.Import() | ast.ImportFrom() if function:
                raise expressions.source.fault(node, "an import stands outside of functions")
            case ast.Import() | ast.ImportFrom():
                check_import(expressions.source, node)
            case ast.Assign() if is_gradient_cleared(node):
                stack += [(child, function) for child in ast.iter_child_nodes(node.targets[0])]
                continue
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                raise not_a_name(expressions.source, node)
            case ast.Name(id=name, ctx=ast.Store()) if name in RESERVED:
                raise expressions.source.fault(node, f"{name!r} cannot be assigned: it is reserved")
            case ast.Call():
                _check_call(node, expressions, function)
            case ast.Attribute():
                key = expressions.dotted(node)
                if key is not None:
                    if key not in OPS and key not in CONSTANTS and key not in contexts:
                        raise expressions.unknown(node, key)
                    continue  # the module at its beginning is no value here
                _check_attribute(node, expressions)
            case ast.Name(id=name, ctx=ast.Load()) if name in ROOTS:
                raise expressions.source.fault(node, f"{name!r} is a module, not a value")
            case ast.Name(ctx=ast.Load()):
                _check_name(node, expressions)
        stack += [(child, function) for child in ast.iter_child_nodes(node)][::-1]


def _check_call(node: ast.Call, expressions: Expressions, function: str) -> None:
    match node.func:
        case ast.Name(id=name) if name == function:
            raise expressions.source.fault(node, f"the language has no recursion, but `{name}` calls itself")
        case ast.Name(id=name) if name not in _STATEMENTS and name not in expressions.functions:
            calls.callee(expressions, node)
        case ast.Name() | ast.Attribute():
            pass
        case _:
            calls.callee(expressions, node)


def _check_attribute(node: ast.Attribute, expressions: Expressions) -> None:
    is_of_gradient = isinstance(node.value, ast.Attribute) and node.value.attr == "grad"
    if node.attr not in _ATTRIBUTES or (node.attr in _OF_GRADIENTS and not is_of_gradient):
        raise expressions.unknown(node, f"Tensor.{node.attr}")


def _check_name(node: ast.Name, expressions: Expressions) -> None:
    if node.id.startswith("__"):
        expressions.check_known(node)
