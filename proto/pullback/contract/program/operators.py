"""Python's operators and the keys of the op table that they stand for."""

from __future__ import annotations

import ast
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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

#: Operator of an augmented assignment, such as ``w -= g``, to what may be a leaf -> its key. torch changes a leaf in
#: place where nothing is tracked, and it stays a leaf: this is how a step of gradient descent is written. Elsewhere it
#: refuses. There is none for ``@=``.
UPDATES: Mapping[type[ast.AST], str] = MappingProxyType(
    {
        ast.Add: "operator.iadd",
        ast.Sub: "operator.isub",
        ast.Mult: "operator.imul",
        ast.Div: "operator.itruediv",
        ast.Pow: "operator.ipow",
    }
)
