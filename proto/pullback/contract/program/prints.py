"""Compiles `print`, and the f-strings in it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from pullback.contract.program.calls import GRAD_FN, keyword_names
from pullback.contract.program.diagnose import shown
from pullback.contract.program.ir import Format, Print
from pullback.contract.program.strings import string_literal

if TYPE_CHECKING:
    from pullback.contract.program.expressions import Expressions

#: What a field may say about its format. Width and precision have two digits: a text of a million blanks is no use.
FORMAT = re.compile(r"[<>^]?[+\- ]?0?[0-9]{0,2}[,_]?(?:\.[0-9]{1,2})?[deEfFgG%]?", re.ASCII)

#: The format of a field that ends in ``!r``: the text of the value as `repr` gives it.
REPR = "!r"

# How the parser says that a field ends in ``!r``, ``!s`` or ``!a``, or in nothing.
_NO_CONVERSION, _TO_REPR, _TO_STR = -1, ord("r"), ord("s")


def compile_print(expressions: Expressions, node: ast.Call) -> None:
    """Compiles the statement ``print(...)``.

    Raises:
        ProgramError: a keyword other than `sep` and `end`, or one of these that is no string.
        LimitExceeded: too many arguments.
    """
    expressions.check_count(node, len(node.args) + len(node.keywords))
    items = tuple([_printed(expressions, argument) for argument in node.args])
    texts = {"sep": " ", "end": "\n"}
    for name, keyword in zip(keyword_names(expressions, node), node.keywords, strict=True):
        if name not in texts:
            raise expressions.source.fault(
                keyword, f"print takes no {shown(name)} here, only 'sep' and 'end'"
            )
        text = string_literal(expressions, keyword.value)
        if text is None:
            raise expressions.source.fault(keyword.value, f"{name!r} must be a string literal")
        texts[name] = text
    place = expressions.source.place(node)
    expressions.builder.emit(Print(place, items, separator=texts["sep"], end=texts["end"]))


def is_print(node: ast.expr) -> bool:
    """Says whether an expression is a call of `print`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _printed(expressions: Expressions, node: ast.expr) -> int:
    if isinstance(node, ast.JoinedStr):
        return _formatted(expressions, node)
    text = string_literal(expressions, node)
    if text is not None:
        return expressions.builder.constant(text)
    if (
        isinstance(node, ast.Attribute)
        and f"Tensor.{node.attr}" == GRAD_FN
        and expressions.dotted(node) is None
    ):
        return expressions.builder.call(
            expressions.source.place(node), GRAD_FN, [expressions.compile(node.value)]
        )
    return expressions.compile(node)


def _formatted(expressions: Expressions, node: ast.JoinedStr) -> int:
    parts: list[tuple[int, str]] = []
    for value in node.values:
        if isinstance(value, ast.FormattedValue):
            parts.append((_printed(expressions, value.value), _format(expressions, value)))
        else:
            parts.append((_printed(expressions, value), ""))
    builder = expressions.builder
    target = builder.slot()
    builder.emit(Format(expressions.source.place(node), target, tuple(parts)))
    return target


def _format(expressions: Expressions, node: ast.FormattedValue) -> str:
    text = _specification(node.format_spec)
    if not FORMAT.fullmatch(text):
        message = (
            f"the format {shown(text)} is none of width, precision and one of d, e, f, g and %, as in .4f"
        )
        raise expressions.source.fault(node.value, message)
    if node.conversion == _NO_CONVERSION:
        return text
    if node.conversion not in (_TO_REPR, _TO_STR) or text:
        message = "the language has `!r` and `!s`, without a format, and no other conversion"
        raise expressions.source.fault(node.value, message)
    return REPR  # of all that a field can hold, `str` and `repr` are the same


def _specification(node: ast.expr | None) -> str:
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str(text))]):
            return text
    return ""
