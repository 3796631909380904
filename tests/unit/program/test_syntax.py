from __future__ import annotations

import ast
import subprocess
import sys
import threading

import pytest

from pullback.contract.errors import LimitExceeded, ProgramError
from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.program import compile_program
from pullback.contract.program.scan import scan
from pullback.contract.program.syntax import ALLOWED_NODES

# Nodes that Python's parser never makes: abstract ones, and those kept for old callers.
NEVER_PARSED = {
    *(
        "AST",
        "mod",
        "stmt",
        "expr",
        "expr_context",
        "boolop",
        "operator",
        "unaryop",
        "cmpop",
        "excepthandler",
    ),
    *("pattern", "type_ignore", "slice", "Index", "ExtSlice", "Suite", "AugLoad", "AugStore", "Param"),
    *("Num", "Str", "Bytes", "NameConstant", "Ellipsis", "type_param"),
    *("Expression", "Interactive", "FunctionType", "TypeIgnore"),  # of other modes of the parser
}

# One text for each node that is not of the language.
FOREIGN = {
    "AnnAssign": "y: x = x",
    "Assert": "assert x",
    "AsyncFor": "async def f():\n async for a in x: x",
    "AsyncFunctionDef": "async def f(): x",
    "AsyncWith": "async def f():\n async with x: x",
    "Await": "y = await x",
    "ClassDef": "class A: x",
    "Del": "del x",
    "Delete": "del x",
    "Dict": "y = {x: x}",
    "DictComp": "y = {a: a for a in x}",
    "ExceptHandler": "try: x\nexcept x: x",
    "GeneratorExp": "y = (a for a in x)",
    "Global": "global y",
    "In": "y = x in x",
    "LShift": "y = x << 1",
    "Match": "match x:\n case x: x",
    "MatchAs": "match x:\n case x: x",
    "MatchClass": "match x:\n case A(): x",
    "MatchMapping": "match x:\n case {'a': b}: x",
    "MatchOr": "match x:\n case 1 | 2: x",
    "MatchSequence": "match x:\n case [a]: x",
    "MatchSingleton": "match x:\n case None: x",
    "MatchStar": "match x:\n case [*a]: x",
    "MatchValue": "match x:\n case 1: x",
    "NamedExpr": "y = (a := x)",
    "Nonlocal": "nonlocal y",
    "NotIn": "y = x not in x",
    "RShift": "y = x >> 1",
    "Raise": "raise x",
    "Set": "y = {x}",
    "SetComp": "y = {a for a in x}",
    "Starred": "y = [*x]",
    "Try": "try: x\nexcept x: x",
    "TryStar": "try: x\nexcept* x: x",
    "While": "while x: x",
    "Yield": "y = yield x",
    "YieldFrom": "y = yield from x",
    "match_case": "match x:\n case x: x",
}

NODES = {
    name: kind for name, kind in vars(ast).items() if isinstance(kind, type) and issubclass(kind, ast.AST)
}  # fmt: skip


def test_every_node_of_python_is_allowed_or_has_a_refused_example() -> None:
    """A node of a new Python fails this test before it meets a user."""
    allowed = {kind.__name__ for kind in ALLOWED_NODES}
    assert not allowed & FOREIGN.keys()
    assert NODES.keys() - NEVER_PARSED - allowed - FOREIGN.keys() == set()


@pytest.mark.parametrize("name", FOREIGN)
def test_a_node_outside_the_language_is_refused(name: str) -> None:
    """The text does hold the node, and is refused."""
    source = FOREIGN[name]
    assert any(type(node).__name__ == name for node in ast.walk(ast.parse(source)))

    with pytest.raises(ProgramError):
        compile_program(source)


SHALLOW = "y = (x + 1) * 2\nprint('((((')  # (((((((("
DEEP = "y = " + "(" * 30 + "x" + ")" * 30


def test_shallow_texts_are_told_from_deep_ones() -> None:
    """Brackets in strings and comments do not count; nesting, long statements and deep blocks do."""
    assert scan(SHALLOW, DEFAULT_LIMITS)
    assert scan("y = [\n" + "  1,\n" * 30 + "]", DEFAULT_LIMITS)
    assert not scan(DEEP, DEFAULT_LIMITS)
    assert not scan("y = " + "-" * 200 + "x", DEFAULT_LIMITS)
    assert not scan("y = [\n" + "  -\n" * 50 + "]", DEFAULT_LIMITS)
    assert not scan("y = x\n" + " " * 30 + "z = x", DEFAULT_LIMITS)


def test_a_deep_text_is_parsed_on_a_thread_with_a_stack_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack size of other threads is set back."""
    started: list[int] = []
    start = threading.Thread.start

    def record(thread: threading.Thread) -> None:
        started.append(threading.stack_size())
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", record)
    before = threading.stack_size()

    compile_program(SHALLOW)
    assert started == []
    compile_program(DEEP)
    assert started == [64 * 2**20]
    assert threading.stack_size() == before


def test_errors_of_the_parsing_thread_reach_the_caller() -> None:
    """A fault in a deep text has its place too."""
    with pytest.raises(ProgramError, match="line 1, column 34: "):
        compile_program("y = " + "(" * 30 + "x")


# Deepest nestings within the bounds of a shallow text, and the worst texts that the bounds leave to a big stack.
STACK_EATERS = [
    "y = " + "(" * 20 + "-" * 115 + "x" + ")" * 20,
    "y = " + "(lambda:" * 15 + "x" + ")" * 15,
    "y = " + "f(a=" * 20 + "x" + ")" * 20,
    "y = " + "[x for x in " * 11 + "x" + "]" * 11,
    "y = " + "{1:" * 20 + "x" + "}" * 20,
    "y = " + "x if x else " * 12 + "x",
    "y = " + "not " * 38 + "x",
    "y = " + "x**-" * 38 + "x",
    "match x:\n case " + "a(b=" * 20 + "x" + ")" * 20 + ": x",
    "\n".join(" " * depth + "with a:" for depth in range(20))
    + "\n"
    + " " * 20
    + "(lambda:" * 15
    + "x"
    + ")" * 15,
    "y = " + "(" * 80 + "x" + ")" * 80,
    "y = " + "(-" * 80 + "x" + ")" * 80,
    "y = " + "-" * 2_900 + "x",
    "y = " + "(" * 200_000,
    "y = " + "torch.sin(" * 80 + "x" + ")" * 80,
    "y = torch.tensor(" + "[" * 79 + "1" + "]" * 79 + ")",
    "y = " + "-" * 110 + "x",
    "y = x" + ".sin()" * 55,
    "print(f'{" + "(" * 78 + "x" + ")" * 78 + "}')",
    "print(f'{" + "-" * 115 + "x}')",
    "print(f'{" + "x if x else " * 12 + "x}')",
    "\n".join(" " * depth + "for i in range(1):" for depth in range(99)) + "\n" + " " * 99 + "y = x",
    "y = " + "[x for i in [" * 30 + "x" + "]]" * 30,
    "y = " + "x.dim() and " * 100 + "x",
    "y = x.dim()" + " < 3" * 200,
    "y = " + "x if x.dim() else " * 100 + "x",
    "def f0(a):\n    return a\n"
    + "".join(f"def f{i}(a):\n    return -f{i - 1}(a)\n" for i in range(1, 60))
    + "y = f28(x)",
    "if 1:\n" + "".join(" " * d + "if 1:\n" for d in range(1, 95)) + " " * 95 + "y = x",
]

CHILD = """
import sys, threading
from pullback.contract.errors import PullbackError
from pullback.contract.program import compile_program

def run():
    for text in sys.argv[1:]:
        try:
            compile_program(text)
        except PullbackError:
            pass
    print("alive")

threading.stack_size(128 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def test_no_text_overflows_the_smallest_thread_stack() -> None:
    """On a stack of 128 KiB, musl's default, the worst texts are parsed or refused, and the process lives."""
    texts = [text[:100_000] for text in STACK_EATERS]
    done = subprocess.run([sys.executable, "-c", CHILD, *texts], capture_output=True, check=False, text=True)

    assert done.stdout == "alive\n", done.stderr


@pytest.mark.parametrize("text", STACK_EATERS[:10])
def test_the_shallow_stack_eaters_are_parsed_in_place(text: str) -> None:
    """They are within the bounds, so that the test above tries the bounds."""
    assert scan(text, DEFAULT_LIMITS)


@pytest.mark.parametrize("text", STACK_EATERS[10:13])
def test_deeper_ones_are_not(text: str) -> None:
    """They are beyond the bounds."""
    assert not scan(text, DEFAULT_LIMITS)
    with pytest.raises((ProgramError, LimitExceeded)):
        compile_program(text + "(")
