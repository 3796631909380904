from __future__ import annotations

import pytest

from pullback.contract.errors import LimitExceeded, ProgramError
from pullback.contract.limits import Limits
from pullback.contract.program import compile_program

# Each limit, a small value for it, a program exactly that big, and one that is bigger by one.
AT_THE_LIMIT = [
    ("program_bytes", 10, "y = x #123", "y = x #1234"),
    ("program_bytes", 11, "y = x #\xe9\xe9", "y = x #\xe9\xe9\xe9"),
    ("bracket_depth", 3, "y = (((x)))", "y = ((((x))))"),
    ("tree_depth", 4, "y = x.sin()", "y = x.sin().cos()"),
    ("tree_nodes", 6, "y = x", "y = -x"),
    (
        "statements",
        3,
        "y = x\nwith torch.no_grad():\n    z = y",
        "y = x\nwith torch.no_grad():\n    z = y; a = z",
    ),
    ("unrolled_nodes", 22, "for i in range(3): y = x", "for i in range(4): y = x"),
    (
        "unrolled_nodes",
        24,
        "y = torch.stack([x for i in range(3)])",
        "y = torch.stack([x for i in range(4)])",
    ),
    ("unrolled_nodes", 18, "f = lambda a: a\ny = f(x)", "f = lambda a: a\ny = f(f(x))"),
    ("call_arguments", 2, "y = torch.add(x, x)", "y = torch.add(x, x, alpha=2)"),
    ("call_arguments", 2, "y = torch.stack([x, x])", "y = torch.stack([x, x, x])"),
    ("call_arguments", 2, "y = x[0, 0]", "y = x[0, 0, 0]"),
    ("call_arguments", 2, "a, b = x", "a, b, c = x"),
    (
        "literal_elements",
        4,
        "y = torch.tensor([[1, 2], [-3, 4]])",
        "y = torch.tensor([[1, 2], [-3, 4], [5]])",
    ),
    ("string_chars", 3, "print('abc')", "print('abcd')"),
    ("string_chars", 3, "print(x, sep='abc')", "print(x, sep='abcd')"),
    ("name_chars", 3, "y = abc", "y = abcd"),
]


@pytest.mark.parametrize(("field", "bound", "fits", "too_big"), AT_THE_LIMIT)
def test_a_program_at_a_limit_is_accepted_and_one_beyond_is_not(
    field: str, bound: int, fits: str, too_big: str
) -> None:
    """Each bound is itself still allowed, and the error tells bound and size."""
    limits = Limits.model_validate({field: bound})
    compile_program(fits, limits)

    with pytest.raises(LimitExceeded) as caught:
        compile_program(too_big, limits)

    assert caught.value.field == "program"
    assert caught.value.metadata["limit"] == str(bound)
    assert caught.value.metadata["limit_name"] == f"PULLBACK_LIMITS_{field.upper()}"
    assert int(caught.value.metadata["estimate"]) > bound


def test_a_long_name_cannot_be_assigned() -> None:
    """A target that is too long is a fault of the text, with its place."""
    with pytest.raises(ProgramError, match="5 characters"):
        compile_program("abcde = x", Limits(name_chars=4))


def test_a_long_docstring_is_no_string_of_the_program() -> None:
    """It is dropped, so the bound on strings is not for it."""
    assert compile_program("'''" + "a" * 1_000 + "'''\ny = x").result == "y"


@pytest.mark.parametrize(
    "source",
    [
        "y = " + "(" * 100_000 + "x" + ")" * 100_000,
        "y = " + "-" * 60_000 + "x",
        "y = x" + "**1" * 20_000,
        "y = x.sum" + "()" * 30_000,
        "y = " + "[" * 81,
        "y = " + "not " * 10_000 + "x",
        "y = " + "lambda: " * 5_000 + "x",
        "y = " + " + ".join(["x"] * 15_000),
        "y = " + "-" * 2_000 + "x",
        "y = x" + "[0]" * 3_000,
        "\n".join(" " * depth + "with torch.no_grad():" for depth in range(105)),
        "y = x\n" * 10_000,
        "y = 0x" + "f" * 60_000,
        "a" * 60_000 + " = x",
        "'\\" * 30_000,
        "'''" * 20_000 + "\\",
        "\\" * 60_000,
        "{" * 60 + "'" * 60_000,
    ],
)
def test_hostile_nesting_and_volume_end_in_an_error(source: str) -> None:
    """No text reaches Python's own limits, or takes more than one pass."""
    with pytest.raises((ProgramError, LimitExceeded)):
        compile_program(source)


def test_an_expression_at_the_depth_limit_compiles() -> None:
    """The compiler's own recursion has room for the deepest tree that the limits allow."""
    links = Limits().tree_depth // 2 - 2
    assert len(compile_program("y = x" + ".sin()" * links).instructions) == links + 1
    nested = Limits().bracket_depth
    assert compile_program("y = " + "torch.sin(" * nested + "x" + ")" * nested).result == "y"
