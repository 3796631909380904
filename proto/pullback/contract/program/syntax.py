"""From text to a syntax tree that holds only nodes of the language."""

from __future__ import annotations

import ast
import threading
from typing import TYPE_CHECKING

from pullback.contract.errors import ProgramError
from pullback.contract.program.diagnose import LINE_END, exceeded, fault
from pullback.contract.program.ir import Place
from pullback.contract.program.scan import scan
from pullback.contract.program.source import Placed, Source

if TYPE_CHECKING:
    from pullback.contract.errors import LimitExceeded
    from pullback.contract.limits import Limits

# Stack of a thread that parses a deep text, in bytes. The parser gives up after 6,000 nested rules, and the texts
# that it nearly gives up on were parsed within 512 KiB; this is 128 times as much, and only what is touched costs
# memory.
_STACK_BYTES = 64 * 2**20

# `threading.stack_size` is one setting for the whole process.
_STACK_LOCK = threading.Lock()

_MARK_KINDS = (ast.operator, ast.unaryop, ast.cmpop, ast.expr_context)

#: The nodes of the language. Everything else is refused, nodes of future Pythons included.
ALLOWED_NODES: frozenset[type[ast.AST]] = frozenset(
    {
        *(
            ast.Module,
            ast.Expr,
            ast.Assign,
            ast.AugAssign,
            ast.With,
            ast.withitem,
            ast.Import,
            ast.ImportFrom,
            ast.alias,
        ),
        *(
            ast.Name,
            ast.Load,
            ast.Store,
            ast.Constant,
            ast.Attribute,
            ast.Call,
            ast.keyword,
            ast.Tuple,
            ast.List,
        ),
        *(ast.Subscript, ast.Slice, ast.BinOp, ast.UnaryOp, ast.Compare, ast.UAdd, ast.USub, ast.Invert),
        *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult),
        *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
    }
)

# Allowed nodes that hold nothing: which operator it is, and whether a name is read or bound.
_MARKS = frozenset(kind for kind in ALLOWED_NODES if issubclass(kind, _MARK_KINDS))

# What a refused node is called, and what to write in its place.
_REFUSED = {
    "AnnAssign": "annotations",
    "Assert": "`assert`",
    "Await": "`await`",
    "BoolOp": "`and` and `or`; write & and | between comparisons in brackets",
    "ClassDef": "classes",
    "Delete": "`del`",
    "Dict": "dictionaries",
    "DictComp": "comprehensions",
    "For": "loops; write the statements out",
    "FunctionDef": "function definitions; write the statements out",
    "GeneratorExp": "comprehensions",
    "If": "`if`; write torch.where",
    "IfExp": "conditional expressions; write torch.where",
    "In": "`in`",
    "Is": "`is`",
    "IsNot": "`is not`",
    "JoinedStr": 'f-strings; write print("x =", x)',
    "LShift": "shifts",
    "Lambda": "`lambda`",
    "ListComp": "comprehensions; write the items out",
    "NamedExpr": "`:=`; write an assignment",
    "Not": "`not`; write torch.logical_not",
    "NotIn": "`not in`",
    "Pass": "`pass`",
    "RShift": "shifts",
    "Raise": "`raise`",
    "Return": "`return`; write an assignment",
    "Set": "sets",
    "SetComp": "comprehensions",
    "Starred": "`*` before an argument or a name",
    "Try": "`try`",
    "While": "loops; write the statements out",
}


def parse(source: Source, limits: Limits) -> ast.Module:
    """Parses the text of a program.

    Raises:
        ProgramError: the text is no Python, or has syntax outside the language.
        LimitExceeded: the text or its tree is bigger than a limit.
    """
    shallow = scan(source.text, limits)
    tree = _parse(source.text) if shallow else _parse_on_big_stack(source.text)
    _check_tree(source, tree, limits)
    return tree


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


def _check_tree(source: Source, tree: ast.Module, limits: Limits) -> None:
    """Walks the tree without recursion: it may be deeper than Python's own limit."""
    count = statements = 0
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
        if near and (
            depth > limits.tree_depth or count > limits.tree_nodes or statements > limits.statements
        ):
            raise _too_big(source.place(near), depth, count, statements, limits)
        # Reversed, so that the first fault in the text is the one reported.
        stack += [(child, depth + 1, near) for child in ast.iter_child_nodes(node)][::-1]


def _too_big(place: Place, depth: int, count: int, statements: int, limits: Limits) -> LimitExceeded:
    if depth > limits.tree_depth:
        return exceeded(
            limits.tree_depth, depth, "levels of nesting; split the expression", place, name="tree_depth"
        )
    if count > limits.tree_nodes:
        return exceeded(limits.tree_nodes, count, "nodes in the syntax tree", place, name="tree_nodes")
    return exceeded(limits.statements, statements, "statements", place, name="statements")


def _refused(node: ast.AST) -> str:
    name = type(node).__name__
    return _REFUSED.get(name.removeprefix("Async"), f"syntax of the kind {name}")
