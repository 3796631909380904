"""String literals: they stand in calls and in `print`, and are checked wherever they do."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pullback.contract.program.scan import check_text

if TYPE_CHECKING:
    from pullback.contract.program.expressions import Expressions


def string_literal(expressions: Expressions, node: ast.expr) -> str | None:
    """Returns the value of a string literal, or None for any other expression.

    Raises:
        LimitExceeded: it is too long.
        ProgramError: it holds a character that no program may.
    """
    match node:
        case ast.Constant(value=str(text)):
            most = expressions.limits.string_chars
            if len(text) > most:
                raise expressions.source.exceeded(node, most, len(text), "characters in a string")
            check_text(expressions.source.text, expressions.source.place(node), text)
            return text
    return None
