from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract.errors import ProgramError
from pullback.contract.program import compile_program, fault
from pullback.contract.program.ir import Place


def test_a_message_shows_the_line_and_a_caret_under_the_place() -> None:
    """The first line says where and what, the second quotes the source, the third points."""
    error = fault("x = 1\ny = z", Place(2, 5), "unknown name 'z'", "x")

    assert error.message == "line 2, column 5: unknown name 'z'; did you mean 'x'?\n    y = z\n        ^"
    assert error.metadata == {"line": "2", "column": "5", "suggestion": "x"}
    assert str(error).startswith("program: line 2, column 5: ")


def test_the_metadata_have_no_suggestion_where_nothing_is_near() -> None:
    """An absent suggestion is an absent key."""
    assert fault("y = z", Place(1, 5), "unknown name 'z'").metadata == {"line": "1", "column": "5"}


def test_the_caret_keeps_its_place_under_characters_that_are_not_ascii() -> None:
    """Escapes are longer than what they stand for, and the caret moves with them."""
    quoted, caret = fault("é\t= z", Place(1, 5), "wrong").message.split("\n")[1:]

    assert quoted == "    \\xe9 = z"
    assert quoted[caret.index("^")] == "z"


def test_a_long_line_is_cut_around_the_place() -> None:
    """Of a long line, 120 characters around the place are shown."""
    source = "y = " + "x + " * 500 + "z" + " + x" * 500
    column = source.index("z") + 1

    quoted, caret = fault(source, Place(1, column), "wrong").message.split("\n")[1:]

    assert len(quoted) == 4 + 120
    assert quoted[caret.index("^")] == "z"


@given(st.text(), st.integers(1, 10), st.integers(1, 300))
def test_any_place_can_be_shown(source: str, line: int, column: int) -> None:
    """A place outside the text is no reason to fail, and a message is ASCII and bounded whatever the text holds."""
    error = fault(source, Place(line, column), "wrong")

    assert error.message.isascii()
    assert len(error.message) <= 1_000


def test_a_long_name_is_shortened() -> None:
    """A message never repeats a name of any length."""
    with pytest.raises(ProgramError) as caught:
        compile_program("y = torch." + "a" * 10_000 + "(x)")

    assert len(caught.value.message) < 500


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_alike_for_every_line_end(end: str) -> None:
    """The line number is the one an editor shows."""
    with pytest.raises(ProgramError) as caught:
        compile_program(end.join(["a = x", "", "b = x.nothing"]))

    assert caught.value.metadata["line"] == "3"
    assert "b = x.nothing" in caught.value.message
