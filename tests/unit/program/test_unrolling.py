"""Loops and functions become the instructions of the program written out, within a budget known beforehand."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract.errors import LimitExceeded, ProgramError
from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.program import compile_program
from pullback.contract.program.budget import Budget
from pullback.contract.program.folding import INTEGERS, count, fold
from pullback.contract.program.ir import Bind, Call, CallSite, Place

if TYPE_CHECKING:
    from pullback.contract.program.ir import Program


def _shape(program: Program) -> list[Any]:
    """Gives the calls of a program: each slot by the order in which it is met, constants by their values."""
    numbers: dict[int, int] = {}

    def slot(number: int) -> object:
        if number in program.constants:
            return repr(program.constants[number])
        return numbers.setdefault(number, len(numbers))

    return [
        (
            step.op,
            [slot(argument) for argument in step.arguments],
            [(name, slot(argument)) for name, argument in step.keywords],
            slot(step.target),
        )
        for step in program.instructions
        if isinstance(step, Call)
    ]


WRITTEN_OUT = [
    ("y = x\nfor i in range(2):\n    y = y * x + i", "y = x\ny = y * x + 0\ny = y * x + 1"),
    ("y = x\nfor i in range(7, 1, -3):\n    y = y[i]", "y = x\ny = y[7]\ny = y[4]"),
    (
        "y = x\nfor i in range(2):\n    for j in range(i + 1):\n        y = y + 10 * i + j",
        "y = x\ny = y + 0 + 0\ny = y + 10 + 0\ny = y + 10 + 1",
    ),
    ("y = x\nfor a in [u, v]:\n    y = y * a", "y = x\ny = y * u\ny = y * v"),
    ("y = x\nfor i, (a, b) in enumerate(zip([u, v], (2, 3))):\n    y = y + a * b - i", "y = x + u * 2 - 0 + v * 3 - 1"),
    (
        "y = x\nfor i in range(9):\n    if i == 2:\n        break\n    y = y.sin()\nelse:\n    y = y.cos()",
        "y = x.sin().sin()",
    ),
    (
        "y = x\nfor i in range(2):\n    if i == 0:\n        continue\n    y = y.sin()\nelse:\n    y = y.cos()",
        "y = x.sin().cos()",
    ),
    ("def f(a, b=2):\n    return a * b\ny = f(x) + f(b=3, a=x)", "y = x * 2 + x * 3"),
    ("f = lambda a: a.sin()\ng = lambda a: f(f(a))\ny = g(x)", "y = x.sin().sin()"),
    ("a = u\ndef f(b):\n    a = b * 2\n    return a\ny = f(x) + a", "y = x * 2 + u"),
    ("def f(b):\n    return a * b\na = u\ny = f(x)\na = v\ny = y + f(x)", "y = u * x + v * x"),
    (
        "def f(a):\n    if a is None:\n        return 1\n    return a * 2, a\nb, c = f(x)\ny = c + f(None)",
        "b = x * 2\ny = x + 1",
    ),
    ("def f(k):\n    for i in range(5):\n        if i == k:\n            return x * i\ny = f(3)", "y = x * 3"),
    ("y = torch.stack([x * i for i in range(5) if i % 2])", "y = torch.stack([x * 1, x * 3])"),
    ("i = u\ny = torch.stack([x * i for i in range(2)]) + i", "y = torch.stack([x * 0, x * 1]) + u"),
    ("n = 2\nk = n**3 - 1 // 2\ny = x * k", "y = x * 8"),
    ("y = x * (3 if 1 < 2 <= 2 else x.cos())", "y = x * 3"),
    ("y = x * (0 or 7) * (1 and 2) + (not 3)", "y = x * 7 * 2 + False"),
    ("p = (u, v)\ny = p[1] * len(p)", "y = v * 2"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "written_out"), WRITTEN_OUT)
def test_a_program_means_what_it_means_written_out(source: str, written_out: str) -> None:
    """The calls, their operands and their order are the same."""
    assert _shape(compile_program(source)) == _shape(compile_program(written_out))


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-3, 3).filter(bool))
def test_a_range_turns_as_often_as_in_python(start: int, stop: int, step: int) -> None:
    """The number of turns and the values are those of `range`."""
    expected = range(start, stop, step)
    program = compile_program(f"y = x\nfor i in range({start}, {stop}, {step}):\n    y = torch.add(x, i)")
    values = [program.constants[step.arguments[1]] for step in program.instructions if isinstance(step, Call)]
    assert values == list(expected)
    assert count(start, stop, step) == len(expected)


NUMBERS = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9), st.floats(allow_nan=False)
)
# Each operator, and the last part of its key.
OPERATORS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
    "==": "eq",
    "!=": "ne",
    "&": "and_",
    "|": "or_",
    "^": "xor",
}


@given(NUMBERS, st.sampled_from(sorted(OPERATORS)), NUMBERS)
def test_numbers_are_computed_as_python_does_within_64_bits(left: Any, sign: str, right: Any) -> None:
    """A result is Python's own; what has none, or one out of bounds, is left to the engine."""
    found = fold(f"operator.{OPERATORS[sign]}", [left, right])
    if found is None:
        return
    expected = eval(f"left {sign} right")  # noqa: S307 - the oracle is Python itself
    assert (type(found), found) == (type(expected), expected)
    assert type(found) is not int or found in INTEGERS


@pytest.mark.parametrize(
    "source",
    [
        "2**63",
        "1 / 0",
        "1 % 0",
        "10**400 * 1.0",
        "9**9**9",
        "(-8)**0.5",
        "1e308 * 10",
        "-(-2**63)",
        "5 & 2.0",
    ],
)
def test_what_has_no_number_is_left_to_the_engine(source: str) -> None:
    """The engine refuses it with its place; the compiler computes nothing big on the way."""
    assert any(isinstance(step, Call) for step in compile_program(f"y = {source}").instructions)


def test_only_names_of_the_program_outlive_a_call() -> None:
    """Names of functions and comprehensions are their own; a loop's variable stays, as in Python."""
    source = "def f(a):\n    b = a * 2\n    return b\nfor i in range(2):\n    c = f(x)\n"
    source += "y = torch.stack([c for k in (1, 2)])"
    program = compile_program(source)
    assert program.names.keys() == {"x", "i", "c", "y"}
    named = [step.name for step in program.instructions if isinstance(step, Bind)]
    assert named == ["i", "", "c", "i", "", "c", "y"]


def test_a_name_that_a_function_reads_is_an_input_where_nothing_binds_it() -> None:
    """It is looked for among the program's names when the function is called, as in Python."""
    assert list(compile_program("def f(a):\n    return a * w\ny = f(x)").inputs) == ["x", "w"]
    assert list(compile_program("def f(a):\n    return a * w\nw = x + 1\ny = f(x)").inputs) == ["x"]


def test_a_loop_at_the_end_gives_the_name_that_it_assigns_last() -> None:
    """The loop's own variable is no result."""
    assert compile_program("for i in range(2):\n    y = x * i").result == "y"
    assert compile_program("y = x\nfor i in range(2):\n    print(i)").result == "y"
    assert compile_program("def f(a):\n    b = a\n    return b\nf(x)").result == "result"
    assert compile_program("def f(a):\n    print(a)\nf(x)").result is None


def test_places_in_a_function_name_its_calls() -> None:
    """The place is the line of the body; the calls that led there come along."""
    source = "def f(a):\n    return a.sin()\ndef g(a):\n    return f(a)\ny = g(x)"
    (call,) = (step for step in compile_program(source).instructions if isinstance(step, Call))
    assert call.place == Place(2, 12, CallSite("f", Place(4, 12, CallSite("g", Place(5, 5)))))


def test_errors_in_a_function_point_at_its_body_and_name_the_call() -> None:
    """Line and column are those of the body, the message and the metadata tell the call."""
    source = "def f(a):\n    return a.sn()\ndef g(a):\n    return f(a)\ny = g(x)"
    with pytest.raises(ProgramError) as caught:
        compile_program(source)
    first, line, caret = caught.value.message.split("\n")
    assert first.startswith("line 2, column 12: ")
    assert first.endswith("(in `f`, called on line 4, in `g`, called on line 5)")
    assert (line.strip(), caret.index("^")) == ("return a.sn()", line.index("a.sn"))
    assert caught.value.metadata["function"] == "f"
    assert caught.value.metadata["call_line"] == "4"


DOUBLING = "def f0(a):\n    return a + 1\n" + "".join(
    f"def f{level}(a):\n    return f{level - 1}(a) + f{level - 1}(a)\n" for level in range(1, 100)
)
TOO_BIG = [
    (f"{DOUBLING}y = f20(x)", 2**20, 201),
    (f"{DOUBLING}y = f99(x)", 2**99, 201),
    ("y = x\nfor i in range(1000):\n    for j in range(1000):\n        y = y + j", 10**6, 2),
    ("n = 1000\ny = x\nfor i in range(n):\n    for j in range(n + 1):\n        y = y + j", 10**6, 3),
    ("y = x\nfor i in range(10**18):\n    y = y + i", 10**18, 2),
    ("f = lambda a: a + 1\ny = x\nfor i in range(10**5):\n    y = f(y)", 10**5, 3),
    ("y = torch.stack([x for i in range(10**9)])", 10**9, 1),
    ("def f(n):\n    for i in range(n):\n        print(i)\nf(10**9)", 10**9, 2),
    ("for i in range(10**12):\n    pass", 10**12, 1),
    ("for i in range(10**6):\n    with torch.no_grad():\n        y = x", 10**6, 1),
]


@pytest.mark.parametrize(("source", "least", "line"), TOO_BIG)
def test_what_would_become_too_big_is_refused_before_it_does(source: str, least: int, line: int) -> None:
    """The error names the limit, the whole of the estimate, and the line of the loop or call."""
    with pytest.raises(LimitExceeded) as caught:
        compile_program(source)
    assert caught.value.metadata["limit"] == str(DEFAULT_LIMITS.unrolled_nodes)
    assert float(caught.value.metadata["estimate"]) >= least / 10
    assert caught.value.metadata["line"] == str(line)
    assert caught.value.message.endswith("^")


@pytest.mark.parametrize(
    "source",
    [
        "def f(k):\n    return 2 * k\ny = x\nfor i in range(10**6):\n    if i % 2:\n        y = y + 1",
        "for i in range(10**6):\n    if i == 10**5:\n        break\n    y = x",
        "y = x\nfor i in range(1000):\n    for j in range(i):\n        y = y + j",
        f"{DOUBLING}y = f20(x) if x.dim() else f30(x)",
    ],
)
def test_what_cannot_be_foreseen_is_refused_when_it_gets_there(source: str) -> None:
    """The account of what was compiled stops it."""
    with pytest.raises(LimitExceeded):
        compile_program(source)


@pytest.mark.parametrize("turns", ["0", "1"])
def test_foreseeing_costs_no_more_than_compiling(monkeypatch: pytest.MonkeyPatch, turns: str) -> None:
    """A loop that is entered often is not added up again, nor is what lies in a loop that does not turn."""
    looked_at: list[object] = []
    statement = Budget._statement

    def count_calls(budget: Budget, node: Any, known: Any) -> int:
        looked_at.append(node)
        return statement(budget, node, known)

    monkeypatch.setattr(Budget, "_statement", count_calls)
    source = "y = x\nz = 0\nfor i in range(100):\n    for j in range(1):\n        for k in range(1):\n"
    source += f"            for m in range({turns}):\n                for n in range(z):\n"
    source += "                    y = y + 1\n" * 500
    compile_program(source)
    assert len(looked_at) < 2_000


def test_what_leaves_a_loop_early_is_no_reason_to_refuse() -> None:
    """Turns and branches that are never reached cost nothing."""
    source = f"{DOUBLING}y = x\nfor i in range(10**18):\n    if i == 2:\n        break\n    y = y + i\n"
    source += "k = 1 if True else f40(x)"
    assert compile_program(source).result == "k"


@pytest.mark.parametrize("link", ["{}", "-{}", "torch.add(input={}, other=1)", "torch.stack([{}])"])
def test_functions_nest_as_deep_as_the_limit_and_no_deeper(link: str) -> None:
    """Calls within calls reach the language's own limit before Python's."""
    body = link.format("f{}(a)")
    source = "def f0(a):\n    return a\n"
    for level in range(1, 300):
        source += f"def f{level}(a):\n    return {body.format(level - 1)}\n"
    compile_program(f"{source}y = f12(x)")
    with pytest.raises(LimitExceeded, match="functions within functions"):
        compile_program(f"{source}y = f299(x)")


def test_a_slot_is_written_once() -> None:
    """Each turn and each call has slots of its own, those within choices included."""
    source = (
        "def f(a):\n    b = a if a.dim() else -a\n    return b * 2\ny = x\nfor i in range(3):\n    y = f(y)"
    )
    program = compile_program(source)
    targets = [step.target for step in program.instructions if hasattr(step, "target")]
    assert len(targets) == len(set(targets))
    assert dataclasses.replace(program) == compile_program(source)
