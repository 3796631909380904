"""Compiles what asks whether something is true: conditional expressions, `and`, `or`, `not`, and comparisons.

Where the answer is known beforehand, only what it leads to is compiled. Where a plain number decides when the program
runs, both sides are compiled, and one runs. Tensors decide nothing: which operations a gradient flows through would
then depend on the data, which is seldom what its author wants and never what a batch of evaluations can share.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pullback.contract.program.ir import Block

if TYPE_CHECKING:
    from pullback.contract.program.expressions import Expressions

_WHERE = "write torch.where(condition, a, b)"
_CHAIN = "comparisons of tensors do not chain; write (a < b) & (b < c)"


def compile_choice(expressions: Expressions, node: ast.IfExp) -> int:
    """Compiles ``a if c else b``."""
    condition = expressions.compile(node.test)
    verdict = truth(expressions, node, condition, f"a tensor decides nothing here; {_WHERE}")
    if verdict is not None:
        return expressions.compile(node.body if verdict else node.orelse)
    place = expressions.source.place(node)
    if_true, if_false = _block(expressions, node.body), _block(expressions, node.orelse)
    return expressions.builder.choose(place, condition, if_true, if_false)


def compile_bool(expressions: Expressions, node: ast.BoolOp) -> int:
    """Compiles ``a and b`` or ``a or b``, whose value is one of the operands."""
    return _operands(expressions, node, 0)


def compile_not(expressions: Expressions, node: ast.UnaryOp) -> int:
    """Compiles ``not a``."""
    builder = expressions.builder
    condition = expressions.compile(node.operand)
    verdict = truth(
        expressions, node, condition, "`not` of a tensor is torch.logical_not(x), or ~x for bools"
    )
    if verdict is not None:
        return builder.constant(not verdict)
    if_true, if_false = Block((), builder.constant(False)), Block((), builder.constant(True))
    return builder.choose(expressions.source.place(node), condition, if_true, if_false)


def compile_comparison(expressions: Expressions, node: ast.Compare) -> int:
    """Compiles a comparison, which may be a chain: each operand is computed once, and only if it is asked for."""
    match node:
        case ast.Compare(ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return _is_none(expressions, node, negated=False)
        case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return _is_none(expressions, node, negated=True)
    for operator in node.ops:
        if isinstance(operator, ast.Is | ast.IsNot):
            raise expressions.source.fault(
                node, "the language has `is` and `is not` only before None; write =="
            )
    return _links(expressions, node, expressions.operand(node.left), 0)


def truth(expressions: Expressions, node: ast.expr, slot: int, advice: str) -> bool | None:
    """Says whether a value is true, or None where that is known only when the program runs.

    Raises:
        ProgramError: it is certain to be no plain number.
    """
    builder = expressions.builder
    if builder.is_constant(slot):
        value = builder.value(slot)
        if value is None or isinstance(value, bool | int | float):
            return bool(value)
        raise expressions.source.fault(node, "only a plain number is true or false")
    if slot in builder.tensors:
        raise expressions.source.fault(node, advice)
    if builder.items(slot) is not None:
        raise expressions.source.fault(
            node, "a list or tuple is neither true nor false here; compare its len"
        )
    return None


def _block(expressions: Expressions, node: ast.expr) -> Block:
    with expressions.builder.apart() as instructions:
        value = expressions.compile(node)
    return Block(tuple(instructions), value)


def _operands(expressions: Expressions, node: ast.BoolOp, index: int) -> int:
    slot = expressions.compile(node.values[index])
    if index == len(node.values) - 1:
        return slot
    conjunction = isinstance(node.op, ast.And)
    word, sign = ("and", "&") if conjunction else ("or", "|")
    advice = (
        f"`{word}` takes no tensors; write {sign} between comparisons in brackets: (x > 0) {sign} (x < 1)"
    )
    verdict = truth(expressions, node, slot, advice)
    if verdict is not None:
        return _operands(expressions, node, index + 1) if verdict is conjunction else slot
    with expressions.builder.apart() as instructions:
        value = _operands(expressions, node, index + 1)
    rest, itself = Block(tuple(instructions), value), Block((), slot)
    blocks = (rest, itself) if conjunction else (itself, rest)
    return expressions.builder.choose(expressions.source.place(node), slot, *blocks)


def _links(expressions: Expressions, node: ast.Compare, left: int, index: int) -> int:
    right = expressions.operand(node.comparators[index])
    verdict_slot = expressions.operate(node, node.ops[index], [left, right])
    if index == len(node.ops) - 1:
        return verdict_slot
    verdict = truth(expressions, node, verdict_slot, _CHAIN)
    if verdict is not None:
        return _links(expressions, node, right, index + 1) if verdict else verdict_slot
    with expressions.builder.apart() as instructions:
        value = _links(expressions, node, right, index + 1)
    rest, itself = Block(tuple(instructions), value), Block((), verdict_slot)
    return expressions.builder.choose(expressions.source.place(node), verdict_slot, rest, itself)


def _is_none(expressions: Expressions, node: ast.Compare, *, negated: bool) -> int:
    builder = expressions.builder
    slot = expressions.compile(node.left)
    if not (builder.is_constant(slot) or slot in builder.tensors or builder.items(slot) is not None):
        raise expressions.source.fault(node, "whether this is None is not known before the program runs")
    return builder.constant(builder.is_none(slot) is not negated)
