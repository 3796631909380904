"""Loops, functions, conditions and f-strings, run by the engine and by Python itself."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that programs know it by
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

X = [[0.5, -1.25, 2.0], [0.75, 3.0, -0.5]]


def _python(source: str) -> tuple[dict[str, Any], str]:
    """Runs a program in plain Python and torch; gives its names, x with its gradient, and what it printed."""
    names: dict[str, Any] = {"torch": torch, "F": F}
    names["x"] = names["leaf"] = torch.tensor(X, dtype=torch.float64, requires_grad=True)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(source, names)  # noqa: S102 - the oracle is Python itself, on a text of this file
    return names, printed.getvalue()


def _assert_as_in_python(lab: Lab, source: str) -> None:
    names, printed = _python(source)
    gradient = None
    tracked = names["y"].requires_grad
    if tracked:
        (gradient,) = torch.autograd.grad(names["y"].sum(), names["leaf"], allow_unused=True)
    result = lab.run(
        f"{source}\nz = y.sum()",
        {"x": torch.tensor(X, dtype=torch.float64)},
        outputs=["y", "z"],
        value_only=not tracked,
    )
    assert torch.equal(lab.value(result, "y"), names["y"].detach())
    assert result.printed == printed
    if gradient is None:
        assert "x" not in result.gradients
    else:
        assert torch.equal(lab.gradient(result, "x"), gradient)


PROGRAMS = [
    "y = x\nfor i in range(4):\n    y = y * x + i if i % 2 else y.sin()",
    "def f(a, b=2.0, *, c=1):\n    d = a * b\n    return d + c, d\np, q = f(x, c=3)\ny = p * q",
    "y = x * 2 if x.numel() < 5 else x.exp()",
    "y = x * (x.dim() and 7) + (x.shape[0] or 3) + (not x.dim())",
    "y = x.sin() if 1 < x.dim() <= 2 < x.numel() else x",
    "y = x.sin() if x.sum().item() > 0 else x.cos()",
    "k = 3 if x.shape[0] == 2 else 4\ny = x * k",
    "def f(a):\n    b = a.exp() if a.numel() > 3 else a\n    return b * b\ny = f(x) if x.dim() > 1 else f(f(x))",
    "y = torch.stack([x[:, i] * i for i in range(3)])",
    "y = torch.cat([torch.stack([x * i + j for i in range(2)]) for j in (1, 2)])",
    ("w = torch.zeros(3, dtype=torch.float64, requires_grad=True)\n"
    "for step in range(3):\n    loss = ((x @ w - 1.0)**2).mean()\n"
        "    g, = torch.autograd.grad(loss, w, create_graph=True)\n"
    "    w = w - 0.1 * g\n    print(f'step {step}: {loss:.4f} {loss}')\ny = w"),
    ("with torch.set_grad_enabled(False):\n    a = x * 2\nwith torch.no_grad():\n    with torch.enable_grad():\n"
    "        b = x * 3\ny = a + b"),
    ("def f(a, k):\n    with torch.no_grad():\n        if k == 1:\n            return a * 2\n    return a * 3\n"
    "y = f(x, 1) + f(x, 2)"),
    "a, (b, c) = x, (x * 2, 3)\ny = a + b * c",
    "y = 0\nfor row, k in zip([x, x * 2], range(5)):\n    y = y + row * k",
]  # fmt: skip


@pytest.mark.parametrize("source", PROGRAMS)
def test_a_program_does_what_it_does_in_python(lab: Lab, source: str) -> None:
    """Value, gradient and printed text are those of plain Python and torch, bit for bit."""
    _assert_as_in_python(lab, source)


PRINTING = [
    (
        "w = torch.ones(3, dtype=torch.float64, requires_grad=True)\nfor i in range(3):\n    (w**2).sum().backward()\n"
        "    print(w.grad)\n    w.grad = None\n    print(f'{w.grad} {i:03d} {i / 7:8.3f}|{i:<4}|{i:>4}|{i:+}|')"
    ),
    "t = torch.ones(2)\nprint(f'{t} {t[0]} {t[0]!r} {t[0]!s} {t[0]:.2f} {t.shape} {(1, 2.5)} {None}', sep='')",
    "print(f'{{}}', f'', f'a' 'b', f\"\"\"{x.dim()}\n|{x.requires_grad}\"\"\", 'c' f'{x[0][1]:e}', sep='-')",
    "i = torch.tensor(3)\nprint(f'{i:d} {i:5} {i} {1e6:,} {0.25:.1%} {True} {True:d} {2.5:g}')",
    "c = torch.tensor(1.5).to(torch.complex64)\nprint(f'{c} {c:.2f} {torch.tensor([])}')",
]


@pytest.mark.parametrize("source", PRINTING)
def test_f_strings_print_what_they_print_in_python(lab: Lab, source: str) -> None:
    """A tensor of no dimensions is formatted as its number, others as torch shows them."""
    source += "\ny = (x * 2).sum()"
    assert lab.run(source, {"x": torch.tensor(X, dtype=torch.float64)}).printed == _python(source)[1]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("print(f'a {x.sum(0):.2f}')", "line 1, column 7: the format '.2f' does not fit float64[3]"),
        ("print(f'{2.5:d}')", "the format 'd' does not fit the float 2.5"),
        ("print(f'{x.shape:>9}')", "does not fit the shape [2, 3]"),
        (
            "k = x.grad\ny = x if k else x",
            "computed, but this is None",
        ),
        ("t = (x, x.shape)\ny = x if t[1] else -x", "but this is the shape [2, 3]; write torch.where"),
        ("def f(a):\n    return a @ a\ny = f(x)", "float64[2, 3] and float64[2, 3] failed"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_place(lab: Lab, source: str, says: str) -> None:
    """The error is the caller's, and points at the text."""
    error = lab.refusal(lab.build(source, {"x": torch.tensor(X, dtype=torch.float64)}))
    assert says in error.message
    assert error.metadata["line"]


def test_errors_in_a_function_name_the_call_when_it_runs(lab: Lab) -> None:
    """The place is that of the body, and the call that led there is told."""
    source = "def f(a):\n    return a @ a\ny = f(x)"
    error = lab.refusal(lab.build(source, {"x": torch.tensor(X, dtype=torch.float64)}))
    assert error.message.startswith("line 2, column 12: ")
    assert "(in `f`, called on line 3)" in error.message
    assert (error.metadata["function"], error.metadata["call_line"]) == ("f", "3")


def test_only_the_side_that_is_chosen_runs(lab: Lab) -> None:
    """The other one would fail, and prints nothing."""
    source = (
        "def bad(a):\n    print('bad')\n    return a @ a\ndef good(a):\n    print('good')\n    return a * 2\n"
        "y = good(x) if x.dim() == 2 else bad(x)\nz = x.dim() == 3 and bad(x)\nu = x.dim() or bad(x)"
    )
    result = lab.run(source, {"x": X}, outputs=["y", "z", "u"], value_only=True)
    assert result.printed == "good\n"
    assert not lab.value(result, "z").item()
    assert lab.value(result, "u").item() == 2


def test_leaves_of_functions_are_no_gradients_of_the_program(lab: Lab) -> None:
    """A leaf is reported by the name that the program gives it, not by one that a function had for it."""
    source = (
        "def make():\n    w = torch.ones(2, requires_grad=True)\n    return w\nv = make()\ny = (v * 3).sum()"
    )
    assert [*lab.run(source).gradients] == ["v"]


def test_an_unrolled_program_makes_the_graph_of_the_one_written_out(lab: Lab) -> None:
    """Value, gradients and autograd graph are equal, byte for byte, but for the places of its nodes."""
    rolled = "def f(a, k):\n    b = a * k\n    return b.sin()\ny = x\n"
    rolled += "for i in range(1, 4):\n    y = f(y, i) + 1\ny = y.sum()"
    written = "y = x\ny = (y * 1).sin() + 1\ny = (y * 2).sin() + 1\ny = (y * 3).sin() + 1\ny = y.sum()"
    one, other = lab.run(rolled, {"x": X}, graph=True), lab.run(written, {"x": X}, graph=True)
    for node in (*one.graph.nodes, *other.graph.nodes):
        node.ClearField("line")
        node.ClearField("column")
    assert one == other
    assert lab.run(rolled, {"x": X}) == lab.run(written, {"x": X})


NAMES = ("x", "y", "a", "b")
LINES = st.sampled_from(
    [
        "{} = {} * {}.sin() + {number}",
        "{} = {} - {} / 4",
        "{} = f({}, {number}) + {}",
        "{} = g({}) if {number} > 1 else {}",
        "{} = f({}, b={number})",
        "{} = {}.tanh()",
        "{}, {} = {}, {}",
        "{} = torch.stack([f({}, k) for k in range(1, {number} + 2)]).sum(0)",
        "print(f'{{{}.sum():.3f}} {{{number}}}')",
    ]
)
DEFINITIONS = """\
def f(a, b=2):
    c = a * b
    for i in range(b):
        c = c + i * a
    return c.cos()
def g(a):
    if a is None:
        return a
    return f(a) + f(a, b=1)
y = x
a = x * 2
b = x.exp()
"""


@st.composite
def _blocks(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Draws lines, some of them loops and conditions around further lines."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(("line", "line", "for", "if", "with") if depth < 2 else ("line",)))
        if kind == "line":
            line = draw(LINES)
            names = [
                draw(st.sampled_from(NAMES[1:] if index == 0 else NAMES)) for index in range(line.count("{}"))
            ]
            lines.append(line.format(*names, number=draw(st.integers(0, 3))))
            continue
        number = draw(st.integers(0, 3))
        head = {
            "for": f"for n{depth} in range({number}):",
            "if": f"if {number} % 2 == 0 and {number} < 3:",
            "with": "with torch.no_grad():",
        }[kind]
        lines += [head, *(f"    {line}" for line in draw(_blocks(depth + 1)))]
    return lines


@settings(max_examples=60, deadline=None)
@given(lines=_blocks())
def test_random_programs_do_what_they_do_in_python(lab: Lab, lines: list[str]) -> None:
    """Loops, functions, conditions and comprehensions in any order: the same bits and the same text."""
    _assert_as_in_python(lab, DEFINITIONS + "\n".join([*lines, "y = y + a * b + x"]))
