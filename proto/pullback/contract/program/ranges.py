"""Numbers written as literals, held against the ranges of the op table. The engine checks all others when it runs."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.contract.program.expressions import Expressions
    from pullback.contract.program.ops import Param


def check_range(expressions: Expressions, node: ast.expr, params: Sequence[Param]) -> None:
    """Refuses an argument whose literal numbers are in the range of no overload.

    Args:
        expressions: where the argument is compiled.
        node: the argument.
        params: its parameter in each overload that the call may mean.

    Raises:
        ProgramError: a number is out of range.
        LimitExceeded: a number of elements, or the like, is above its range.
    """
    if not all(param.is_ranged for param in params):
        return
    for item in node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]:
        value = _number(item)
        found = [param.outside(value) for param in params]
        if value is None or not all(found):
            continue
        param, outside = params[0], found[0]
        if outside is not None and outside.is_too_much and isinstance(value, int):
            raise expressions.source.exceeded(item, int(outside.limit), value, f"for {param.name!r}")
        raise expressions.source.fault(item, f"{param.name!r} is {param.range_text()}, not {value:,}")


def _number(node: ast.expr) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    return None
