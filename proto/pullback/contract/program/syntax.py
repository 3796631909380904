"""From text to a syntax tree that holds only nodes of the language."""

from __future__ import annotations

import ast
import threading
from typing import TYPE_CHECKING, NamedTuple

from pullback.contract.errors import ProgramError
from pullback.contract.program.diagnose import LINE_END, fault
from pullback.contract.program.ir import Place
from pullback.contract.program.scan import scan
from pullback.contract.program.source import Placed, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.contract.errors import LimitExceeded
    from pullback.contract.limits import Limits

# Stack of a thread that parses a deep text, in bytes. The parser gives up after 6,000 nested rules, and the texts
# that it nearly gives up on were parsed within 512 KiB; this is 128 times as much, and only what is touched costs
# memory.
_STACK_BYTES = 64 * 2**20

# `threading.stack_size` is one setting for the whole process.
_STACK_LOCK = threading.Lock()

_MARK_KINDS = (ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context)

#: The nodes of the language. Everything else is refused, nodes of future Pythons included.
ALLOWED_NODES: frozenset[type[ast.AST]] = frozenset(
    {
        *(ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.With, ast.withitem, ast.Pass),
        *(ast.Import, ast.ImportFrom, ast.alias),
        *(ast.For, ast.Break, ast.Continue, ast.If, ast.FunctionDef, ast.Return),
        *(ast.Lambda, ast.arguments, ast.arg, ast.IfExp, ast.ListComp, ast.comprehension),
        *(ast.Name, ast.Load, ast.Store, ast.Constant, ast.Attribute, ast.Call, ast.keyword),
        *(ast.Tuple, ast.List, ast.JoinedStr, ast.FormattedValue),
        *(ast.Subscript, ast.Slice, ast.BinOp, ast.UnaryOp, ast.Compare, ast.UAdd, ast.USub, ast.Invert),
        *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult),
        *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
        *(ast.BoolOp, ast.And, ast.Or, ast.Not, ast.Is, ast.IsNot),
    }
)

# Allowed nodes that hold nothing: which operator it is, and whether a name is read or bound.
_MARKS = frozenset(kind for kind in ALLOWED_NODES if issubclass(kind, _MARK_KINDS))

# Nodes with parts that a program may never come to.
_SKIPPING = (ast.FunctionDef, ast.Lambda, ast.For, ast.If, ast.IfExp, ast.BoolOp, ast.Compare, ast.ListComp)

# What a refused node is called, and what to write in its place.
_REFUSED = {
    "AnnAssign": "annotations; write the assignment alone",
    "Assert": "`assert`",
    "AsyncFor": "`async`",
    "AsyncFunctionDef": "`async`; write def",
    "AsyncWith": "`async`",
    "Await": "`await`",
    "ClassDef": "classes; write functions, with tensors for their parameters",
    "Delete": "`del`; a value is let go after its last use",
    "Dict": "dictionaries; write a tuple, or a name for each value",
    "DictComp": "dictionaries; write a list",
    "GeneratorExp": "generators; write a list, as in torch.stack([f(i) for i in range(3)])",
    "Global": "`global`; return the value and assign it where the function is called",
    "In": "`in`",
    "LShift": "shifts; write 2**n",
    "Match": "`match`",
    "NamedExpr": "`:=`; write an assignment",
    "Nonlocal": "`nonlocal`",
    "NotIn": "`not in`",
    "RShift": "shifts; write // 2**n",
    "Raise": "`raise`",
    "Set": "sets",
    "SetComp": "sets; write a list",
    "Starred": "`*` before an argument or a name",
    "Try": "`try`",
    "TryStar": "`try`",
    "While": "`while` loops; write `for i in range(n):`, whose number of turns is known beforehand",
    "Yield": "`yield`",
    "YieldFrom": "`yield`",
}


# What is counted in a tree.
_SIZES = ("levels of nesting; split the expression", "nodes in the syntax tree", "statements")


class Tree(NamedTuple):
    """A syntax tree of the language.

    Attributes:
        body: its statements.
        node_count: how many nodes it has.
        statement_count: how many statements there are, nested ones included.
        call_depths: how deep in the tree each call by a bare name is.
        may_skip: whether there may be parts that the program never comes to.
    """

    body: list[ast.stmt]
    node_count: int
    statement_count: int
    call_depths: Mapping[ast.Call, int]
    may_skip: bool


def parse(source: Source, limits: Limits) -> Tree:
    """Parses the text of a program.

    Raises:
        ProgramError: the text is no Python, or has syntax outside the language.
        LimitExceeded: the text or its tree is bigger than a limit.
    """
    shallow = scan(source.text, limits)
    tree = _parse(source.text) if shallow else _parse_on_big_stack(source.text)
    return _check_tree(source, tree, limits)


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        lines = LINE_END.split(source)
        line = min(max(error.lineno or 1, 1), len(lines))
        column = min(max(error.offset or 1, 1), len(lines[line - 1]) + 1)
        message = ascii(error.msg)[1:-1]
        raise fault(source, Place(line, column), f"this is not Python: {message}") from None
    except (RecursionError, MemoryError):
        raise fault(
            source, Place(1, 1), "the program is nested too deeply; split its longest expression"
        ) from None
    except ValueError:
        # Decimal digits beyond Python's limit are a SyntaxError; nothing else is known to end here.
        raise fault(source, Place(1, 1), "the program cannot be parsed") from None


def _parse_on_big_stack(source: str) -> ast.Module:
    results: list[ast.Module | ProgramError] = []

    def run() -> None:
        try:
            results.append(_parse(source))
        except ProgramError as error:
            results.append(error)

    thread = threading.Thread(target=run, name="parse", daemon=True)
    with _STACK_LOCK:
        before = threading.stack_size(_STACK_BYTES)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    (result,) = results
    if isinstance(result, ProgramError):
        raise result
    return result


def _check_tree(source: Source, tree: ast.Module, limits: Limits) -> Tree:
    """Walks the tree without recursion: it may be deeper than Python's own limit."""
    count = statements = 0
    call_depths: dict[ast.Call, int] = {}
    may_skip = False
    # A node, its depth, and the nearest node around it that has a place.
    stack: list[tuple[ast.AST, int, Placed | None]] = [(tree, 0, None)]
    while stack:
        node, depth, near = stack.pop()
        count += 1
        if type(node) in _MARKS:
            continue
        if isinstance(node, Placed):
            near = node
        if type(node) not in ALLOWED_NODES:
            place = source.place(near) if near else Place(1, 1)
            raise fault(source.text, place, f"the language has no {_refused(node)}")
        statements += isinstance(node, ast.stmt)
        may_skip |= isinstance(node, _SKIPPING)
        if near and (
            depth > limits.tree_depth or count > limits.tree_nodes or statements > limits.statements
        ):
            raise _too_big(source, near, (depth, count, statements), limits)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            call_depths[node] = depth
        # Reversed, so that the first fault in the text is the one reported.
        stack += [(child, depth + 1, near) for child in ast.iter_child_nodes(node)][::-1]
    return Tree(tree.body, count, statements, call_depths, may_skip)


def _too_big(source: Source, near: Placed, sizes: tuple[int, int, int], limits: Limits) -> LimitExceeded:
    bounds = limits.tree_depth, limits.tree_nodes, limits.statements
    size, bound, what = next(part for part in zip(sizes, bounds, _SIZES, strict=True) if part[0] > part[1])
    return source.exceeded(near, bound, size, what)


def _refused(node: ast.AST) -> str:
    name = type(node).__name__
    return _REFUSED.get(name, f"syntax of the kind {name}")
