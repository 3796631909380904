"""What programs are compiled to."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import pytest

from pullback.contract.program import compile_program
from pullback.contract.program.ir import (
    Bind,
    Build,
    BuildSlice,
    Call,
    DTypeName,
    Place,
    Print,
    SetTracking,
    Unpack,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.contract.program.ir import Program


def _run(program: Program, inputs: dict[str, float]) -> dict[str, Any]:
    """Interprets a program of operators over plain numbers, tuples and lists."""
    slots: dict[int, Any] = dict(program.constants)
    slots.update({slot: inputs[name] for name, slot in program.inputs.items()})
    for instruction in program.instructions:
        match instruction:
            case Call(target=target, op=op, arguments=arguments):
                assert target not in slots
                slots[target] = getattr(operator, op.removeprefix("operator."))(
                    *(slots[slot] for slot in arguments)
                )
            case Build(target=target, items=items, kind=kind):
                slots[target] = (tuple if kind == "tuple" else list)(slots[slot] for slot in items)
            case BuildSlice(target=target, start=start, stop=stop, step=step):
                slots[target] = slice(slots[start], slots[stop], slots[step])
            case Unpack(source=source, targets=targets):
                slots.update(zip(targets, slots[source], strict=True))
            case Bind():
                pass
            case _:
                raise AssertionError(instruction)
    assert slots.keys() <= set(range(program.slot_count))
    return {name: slots[slot] for name, slot in program.names.items()}


EXPRESSIONS: list[tuple[str, Callable[[float, float], object]]] = [
    ("a + b * 2", lambda a, b: a + b * 2),
    ("(a + b) * 2", lambda a, b: (a + b) * 2),
    ("a - b - 1", lambda a, b: a - b - 1),
    ("-a**2", lambda a, _: -(a**2)),
    ("(-a)**2", lambda a, _: (-a) ** 2),
    ("2**a**b", lambda a, b: 2 ** (a**b)),
    ("2**-a", lambda a, _: 2**-a),
    ("-2**2", lambda *_: -(2**2)),
    ("a / b / 2", lambda a, b: a / b / 2),
    ("a // 2 % 3", lambda a, _: a // 2 % 3),
    ("+a - +b", lambda a, b: +a - +b),
    ("a < b", lambda a, b: a < b),
    ("(a <= b) | (a == b) & (a != b) ^ (a > b)", lambda a, b: (a <= b) | (a == b) & (a != b) ^ (a > b)),
    ("(a, b, 3)[1]", lambda _, b: b),
    ("[a, b, 3, 4][-1]", lambda *_: 4),
    ("[1, 2, 3, 4][1:]", lambda *_: [2, 3, 4]),
    ("[1, 2, 3, 4][:-1:2]", lambda *_: [1, 3]),
    ("[1, 2, 3, 4][::-1]", lambda *_: [4, 3, 2, 1]),
    ("((1, a), [b])[0]", lambda a, _: (1, a)),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS)
def test_expressions_mean_what_they_mean_in_python(
    text: str, expected: Callable[[float, float], object]
) -> None:
    """Precedence, grouping and indexing agree with Python's own."""
    assert _run(compile_program(f"y = {text}"), {"a": 3.0, "b": 2.0})["y"] == expected(3.0, 2.0)


STATEMENTS = [
    ("x = a; x = x + 1", {"x": 4.0}),
    ("a = a + b; b = a", {"a": 5.0, "b": 5.0}),
    ("a, b = b, a", {"a": 2.0, "b": 3.0}),
    ("t = (a, b); (x, y) = t", {"x": 3.0, "y": 2.0}),
    ("(x, (y, z)), w = ((1, (2, 3)), 4)", {"x": 1, "y": 2, "z": 3, "w": 4}),
    ("[x, y] = [a, b]", {"x": 3.0, "y": 2.0}),
    ("x = y = z = a", {"x": 3.0, "y": 3.0, "z": 3.0}),
    ("x = a + 0; x += b; x *= 2; x -= 1; x /= 3; x //= 1; x **= 2; x %= 7", {"x": 2.0}),
    ("n = 3; m = n; n += 1", {"n": 4, "m": 3}),
    ("x = a + 0; y = x; x += b", {"x": 5.0, "y": 5.0}),
]


@pytest.mark.parametrize(("text", "expected"), STATEMENTS)
def test_assignments_bind_what_they_bind_in_python(text: str, expected: dict[str, object]) -> None:
    """Targets nest, chain and swap; an augmented assignment changes a tensor under each of its names, as torch does."""
    bound = _run(compile_program(text), {"a": 3.0, "b": 2.0})
    assert {name: bound[name] for name in expected} == expected


def test_a_shared_value_is_one_slot() -> None:
    """Forty doublings are forty instructions, not 2**40."""
    program = compile_program("y = x\n" + "y = y + y\n" * 40)
    assert sum(isinstance(instruction, Call) for instruction in program.instructions) == 40
    assert _run(program, {"x": 1.0})["y"] == 2.0**40


def test_equal_literals_share_a_slot_but_zeros_of_both_signs_do_not() -> None:
    """Type and sign are part of a literal."""
    values = list(compile_program("y = [1, 1, 1.0, True, 0.0, -0.0, 1]").constants.values())
    assert [(type(value), str(value)) for value in values] == [
        (int, "1"),
        (float, "1.0"),
        (bool, "True"),
        (float, "0.0"),
        (float, "-0.0"),
    ]


def test_literals_keep_their_values() -> None:
    """Signs belong to numbers; data types and constants of modules are literals as well."""
    program = compile_program(
        "y = [-3, 1e-3, None, ..., torch.long, torch.pi, float('-inf'), 0x1F, -9223372036854775808]"
    )
    values = list(program.constants.values())
    assert values == [-3, 1e-3, None, ..., DTypeName("int64"), math.pi, -math.inf, 31, -(2**63)]


def test_calls_keep_positions_names_and_order() -> None:
    """A receiver is the first argument, keywords keep their names, and every call knows its place."""
    program = compile_program("a = 1\ny = x.sum(0, keepdim=True)")

    (call,) = (instruction for instruction in program.instructions if isinstance(instruction, Call))
    assert (call.op, call.place) == ("Tensor.sum", Place(2, 5))
    assert [program.constants.get(slot, slot) for slot in call.arguments] == [program.inputs["x"], 0]
    assert [(name, program.constants[slot]) for name, slot in call.keywords] == [("keepdim", True)]


def test_aliases_and_imports_lead_to_the_same_key() -> None:
    """However a function is written, its key is the complete name."""
    source = """
import torch.nn.functional as F
from torch.nn.functional import relu as r, relu
y = F.relu(x) + torch.nn.functional.relu(x) + r(x) + relu(x)
"""
    assert compile_program(source).ops == ("torch.nn.functional.relu", "operator.add")


def test_the_gradient_is_cleared_through_its_owner() -> None:
    """``x.grad.zero_()`` is one op on x, so that no tensor but a gradient is ever changed."""
    calls = [i for i in compile_program("x.grad.zero_()\ny = x").instructions if isinstance(i, Call)]
    assert [(call.op, call.arguments) for call in calls] == [("Tensor.grad.zero_", (0,))]


def test_tracking_is_switched_back_to_what_it_was() -> None:
    """Blocks nest, and each leaves the state that it found."""
    program = compile_program(
        "with torch.no_grad():\n    with torch.enable_grad():\n        a = x\n    b = a\nc = b"
    )
    states = [i.enabled for i in program.instructions if isinstance(i, SetTracking)]
    assert states == [False, True, False, True]


def test_print_keeps_items_separator_and_end() -> None:
    """Strings are literals, expressions are slots, and a graph node can be an item."""
    program = compile_program("print('y:', x, x.grad_fn, sep='-', end='')")

    (item,) = (instruction for instruction in program.instructions if isinstance(instruction, Print))
    assert (item.separator, item.end) == ("-", "")
    assert program.constants[item.items[0]] == "y:"
    assert item.items[1] == program.inputs["x"]
    assert program.ops == ("Tensor.grad_fn",)


def test_names_are_bound_in_program_order() -> None:
    """The engine learns every name that a value had, the last bare expression's included."""
    program = compile_program("a = x\nb = c = a\nb, d = (a, a)\na * 2")
    names = [instruction.name for instruction in program.instructions if isinstance(instruction, Bind)]
    assert names == ["a", "b", "c", "b", "d", "result"]


def test_inputs_keep_the_order_and_place_of_their_first_use() -> None:
    """A name that is read first and bound later is an input still, under its first value."""
    program = compile_program("y = b * a\nb = y\n")
    assert list(program.inputs) == ["b", "a"]
    assert program.input_places == {"b": Place(1, 5), "a": Place(1, 9)}
    assert program.names["b"] == program.names["y"] != program.inputs["b"]


def test_compiling_twice_gives_equal_programs() -> None:
    """The compiler keeps no state."""
    source = "from torch import sin\ny = sin(x) + 1"
    assert compile_program(source) == compile_program(source)
