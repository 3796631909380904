"""Compiles calls: which op is meant, and whether the arguments fit its row of the op table."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from pullback.contract.program.diagnose import nearest, shown
from pullback.contract.program.functions import match_arguments
from pullback.contract.program.loops import SEQUENCES
from pullback.contract.program.names import BUILTINS, CONSTANTS, ROOTS
from pullback.contract.program.ops import OPS, STRING_KINDS
from pullback.contract.program.ranges import check_range
from pullback.contract.program.strings import string_literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.contract.program.expressions import Expressions
    from pullback.contract.program.functions import Function
    from pullback.contract.program.ops import Binding, Op, Param

#: The one attribute whose value is neither tensor nor number: it can be printed, and nothing else.
GRAD_FN = "Tensor.grad_fn"

# The one method that changes a tensor in place, as an op on the tensor that owns the gradient.
_ZERO_GRAD = "Tensor.grad.zero_"

# What Python's float takes as a string and a number literal cannot say.
_FLOAT_STRINGS = frozenset({"inf", "+inf", "-inf", "nan"})

# Names that numpy has for arguments of torch.
_SYNONYMS = {"axis": "dim", "axes": "dim", "keepdims": "keepdim", "a": "input", "x": "input"}

_EQUATION = re.compile(r"[A-Za-z,.\-> ]*")


def compile_call(expressions: Expressions, node: ast.Call) -> int:
    """Compiles a call and returns the slot of its result.

    Raises:
        ProgramError: the op table has no such row, or the arguments do not fit it.
        LimitExceeded: too many arguments.
    """
    expressions.check_count(node, len(node.args) + len(node.keywords))
    if (function := own_function(expressions, node)) is not None:
        return _call_function(expressions, node, function)
    key, receiver = callee(expressions, node)
    names = keyword_names(expressions, node)
    if key == "builtins.float" and (special := _float_string(node)) is not None:
        return expressions.builder.constant(special)
    positional = [] if receiver is None else [expressions.compile(receiver)]
    bindings = _bindings(expressions, node, OPS[key], len(positional) + len(node.args), names)
    for index, argument in enumerate(node.args, start=len(positional)):
        params = [binding.positional[index] for binding in bindings]
        positional.append(_argument(expressions, argument, params))
    keywords = [
        (name, _argument(expressions, keyword.value, [binding.keywords[name] for binding in bindings]))
        for name, keyword in zip(names, node.keywords, strict=True)
    ]
    _check_nones(expressions, node, bindings, positional)
    if key.startswith("builtins."):
        return _call_builtin(expressions, node, key, positional)
    return expressions.builder.call(expressions.source.place(node), key, positional, keywords)


def callee(expressions: Expressions, node: ast.Call) -> tuple[str, ast.expr | None]:
    """Finds the op that a call means, and the receiver where the op is a method.

    Raises:
        ProgramError: the op table has no such row.
    """
    match node.func:
        case ast.Name():
            return _bare_function(expressions, node.func), None
        case ast.Attribute():
            return _dotted_function(expressions, node.func)
        case ast.Call(func=ast.Attribute() as inner) if (key := expressions.dotted(inner)) and key not in OPS:
            raise expressions.unknown(inner, key)
        case ast.Lambda():
            expressions.compile(node.func)  # which says what to write
    raise expressions.source.fault(node, "only a function or a method can be called, by its name")


def own_function(expressions: Expressions, node: ast.Call) -> Function | None:
    """Finds the function of the program that a call means, or None where it means another."""
    match node.func:
        case ast.Name(id=name) if not expressions.names.is_own(name):
            return expressions.functions.get(name)
    return None


def _call_function(expressions: Expressions, node: ast.Call, function: Function) -> int:
    names = keyword_names(expressions, node)
    slots = [expressions.compile(argument) for argument in node.args]
    given = [expressions.compile(keyword.value) for keyword in node.keywords]
    named = dict(zip(names, given, strict=True))
    values = match_arguments(expressions.source, function, node, slots, named)
    return expressions.host.write_out(node, function, values)


def _call_builtin(expressions: Expressions, node: ast.Call, key: str, slots: list[int]) -> int:
    if key == "builtins.len" and (items := expressions.builder.items(slots[0])) is not None:
        return expressions.builder.constant(len(items))
    return expressions.apply(node, key, slots)


def _bare_function(expressions: Expressions, node: ast.Name) -> str:
    name = node.id
    key = expressions.imported.get(name, f"builtins.{name}")
    if key in OPS:
        return key
    is_value = expressions.names.is_own(name) or name in expressions.builder.names
    if key in CONSTANTS or name in ROOTS or is_value:
        raise expressions.source.fault(node, f"{shown(name)} is not a function")
    if name in SEQUENCES:
        raise expressions.source.fault(node, f"`{name}` has its place in a loop alone: for i in {name}(...)")
    if name == "print":
        raise expressions.source.fault(node, "print(...) has no value; it is a statement of its own")
    suggestion = (
        f"torch.{name}"
        if f"torch.{name}" in OPS
        else nearest(name, [*BUILTINS, *expressions.imported, *expressions.functions])
    )
    raise expressions.source.fault(node, f"unknown function {shown(name)}", suggestion)


def _dotted_function(expressions: Expressions, node: ast.Attribute) -> tuple[str, ast.expr | None]:
    key = expressions.dotted(node)
    if key is not None:
        if key in CONSTANTS:
            raise expressions.source.fault(node, f"{key!r} is not a function")
        if key not in OPS:
            raise expressions.unknown(node, key)
        return key, None
    if node.attr == "zero_" and isinstance(node.value, ast.Attribute) and node.value.attr == "grad":
        return _ZERO_GRAD, node.value.value
    key = f"Tensor.{node.attr}"
    if key not in OPS:
        raise expressions.unknown(node, key)
    if OPS[key].kind != "method":
        raise expressions.source.fault(node, f"{node.attr!r} is an attribute; write it without (...)")
    return key, node.value


def keyword_names(expressions: Expressions, node: ast.Call) -> list[str]:
    """Gives the names of a call's keywords.

    Raises:
        ProgramError: one is given twice, or they are unpacked.
    """
    names: list[str] = []
    for keyword in node.keywords:
        if keyword.arg is None:
            raise expressions.source.fault(keyword, "the language has no `**` before an argument")
        if keyword.arg in names:
            raise expressions.source.fault(keyword, f"the argument {shown(keyword.arg)} is given twice")
        names.append(keyword.arg)
    return names


def _bindings(
    expressions: Expressions, node: ast.Call, op: Op, positional: int, names: list[str]
) -> list[Binding]:
    """Returns how the arguments fit each overload that they fit by count and name."""
    outcomes = [signature.bind(positional, names) for signature in op.signatures]
    bindings = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    if bindings:
        return bindings
    if absent := expressions.absent(node.func):
        raise expressions.source.fault(node, absent)
    problem = next(outcome for outcome in reversed(outcomes) if isinstance(outcome, str))
    known = {param.name for signature in op.signatures for param in signature.params}
    strange = next((name for name in names if name not in known), "")
    suggestion = _SYNONYMS.get(strange, strange)
    if suggestion not in known:
        suggestion = nearest(strange, known)
    raise expressions.source.fault(node, f"{op.key} {problem}; {_usage(op)}", suggestion)


def _argument(expressions: Expressions, node: ast.expr, params: Sequence[Param]) -> int:
    text = string_literal(expressions, node)
    if text is None:
        check_range(expressions, node, params)
        return expressions.compile(node)
    kinds = {kind for param in params for kind in param.kinds}
    if not kinds & STRING_KINDS:
        raise expressions.source.fault(node, f"the argument {params[0].name!r} takes no string")
    choices = sorted({choice for param in params for choice in param.choices})
    if "equation" in kinds and not _EQUATION.fullmatch(text):
        raise expressions.source.fault(
            node, f"{params[0].name!r} holds letters, commas, '...', '->' and spaces only"
        )
    if "enum" in kinds and text not in choices:
        wanted = ", ".join(map(repr, choices))
        message = f"the argument {params[0].name!r} is {shown(text)}, but must be one of {wanted}"
        raise expressions.source.fault(node, message, nearest(text, choices))
    return expressions.builder.constant(text)


def _check_nones(
    expressions: Expressions, node: ast.Call, bindings: Sequence[Binding], positional: Sequence[int]
) -> None:
    """Checks the parameters that take nothing but None, which is how some overloads are told apart."""
    for binding in bindings:
        pairs = zip(binding.positional, positional, strict=True)
        if all(param.kinds != ("none",) or expressions.builder.is_none(slot) for param, slot in pairs):
            return
    names = [param.name for param in bindings[0].positional if param.kinds == ("none",)]
    raise expressions.source.fault(node, f"called like this, it must be given None for {' and '.join(names)}")


def _usage(op: Op) -> str:
    return "call it as " + " or ".join(signature.text for signature in op.signatures)


def _float_string(node: ast.Call) -> float | None:
    match node:
        case ast.Call(args=[ast.Constant(value=str(text))], keywords=[]) if text in _FLOAT_STRINGS:
            return float(text)
    return None
