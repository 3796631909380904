"""A good program in which one node is not of the language."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from tests.conformance.entries import read

from pullback.contract.errors import ProgramError
from pullback.contract.program import compile_program

VECTORS = Path(__file__).parents[2] / "vectors" / "programs"
PROGRAMS = [entry.source for entry in read(VECTORS / "benign.jsonl")]

EXPRESSIONS = [
    "{a for a in x}", "{a: a for a in x}", "(a for a in x)", "{1: 2}", "{1}", "(yield)",
    "(await x)", "(z := x)", "x is x", "x in x", "x << 1", "x >> 1", "b'a'", "x.__class__", "f'{x.data!r}'",
    "torch.os", "eval('x')", "torch.load('m')", "getattr(x, 'a')", "torch._C",
]  # fmt: skip

STATEMENTS = [
    "while x:\n    y = x", "try:\n    y = x\nfinally:\n    y = x", "class A:\n    y = 1", "del x", "global q",
    "assert x", "raise x", "async def f():\n    return 1", "with open('a'):\n    y = x", "import os", "y: int = 1",
    "from os import path", "match x:\n    case 1:\n        y = x", "x.data = 1", "x[0] = 1", "torch = 1",
    "nonlocal q", "*y, z = x", "import torch.os", "__import__('os')",
]  # fmt: skip


class _Replace(ast.NodeTransformer):
    """Replaces one expression that is read, by its number."""

    def __init__(self, number: int, by: ast.expr) -> None:
        self._left = number
        self._by = by

    def visit(self, node: ast.AST) -> ast.AST:
        """Counts down to the expression to replace."""
        is_read = isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store)
        if is_read:
            if self._left == 0:
                self._left -= 1
                return self._by
            self._left -= 1
        return self.generic_visit(node)


def _readable(tree: ast.AST) -> int:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
    return sum(not isinstance(getattr(node, "ctx", None), ast.Store) for node in nodes)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_program_with_one_foreign_expression_is_refused(data: st.DataObject) -> None:
    """Wherever it stands: as a value, an argument, an index, a receiver or a function."""
    tree = ast.parse(data.draw(st.sampled_from(PROGRAMS)))
    foreign = data.draw(st.sampled_from(EXPRESSIONS))
    number = data.draw(st.integers(0, _readable(tree) - 1))
    try:
        source = ast.unparse(_Replace(number, ast.parse(foreign, mode="eval").body).visit(tree))
    except ValueError:  # some expressions cannot be written within an f-string
        reject()
    with pytest.raises(ProgramError):
        compile_program(source)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_program_with_one_foreign_statement_is_refused(data: st.DataObject) -> None:
    """Before, between or after the others, and within loops and functions."""
    tree = ast.parse(data.draw(st.sampled_from(PROGRAMS)))
    foreign = ast.parse(data.draw(st.sampled_from(STATEMENTS))).body[0]
    bodies = [
        tree.body,
        *(node.body for node in ast.walk(tree) if isinstance(node, (ast.For, ast.FunctionDef))),
    ]
    body = data.draw(st.sampled_from(bodies))
    body.insert(data.draw(st.integers(0, len(body))), foreign)
    with pytest.raises(ProgramError):
        compile_program(ast.unparse(tree))
