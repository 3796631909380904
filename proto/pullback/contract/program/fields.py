"""The fields of f-strings, found in the text before the Python parser sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.program.diagnose import LINE_END, fault
from pullback.contract.program.ir import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.contract.errors import ProgramError

# What ends an f-string for one version of the tokenizer and not for another, or begins another string.
_FOREIGN = {
    "'": "quote",
    '"': "quote",
    "\\": "backslash",
    "#": "comment",
    "{": "other field",
    "\n": "line end",
    "\r": "line end",
}


def fields(source: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Gives where the expressions in an f-string's fields begin and end.

    Args:
        source: the text.
        start: where the f-string begins, with its prefix.
        end: where it ends.

    Raises:
        ProgramError: a brace without its other one, or a field that holds what the language does not allow there.
    """
    quote = 3 if source[start + 1 : start + 4] in ("'''", '"""') else 1
    index, end = start + 1 + quote, end - quote
    while index < end:
        character = source[index]
        if character == "\\" or source[index : min(index + 2, end)] in ("{{", "}}"):
            index += 2
        elif character == "{":
            stop, close = _field(source, index, end)
            yield index + 1, stop
            index = close + 1
        elif character == "}":
            raise _fault(source, index, "a single `}` stands in the f-string; write `}}` for one")
        else:
            index += 1


def place_of(source: str, index: int) -> Place:
    """Finds the line and column of a character."""
    before = LINE_END.split(source[:index])
    return Place(len(before), len(before[-1]) + 1)


def _field(source: str, start: int, end: int) -> tuple[int, int]:
    """Finds where the expression of a field ends, and where the field does."""
    depth, stop = 0, -1
    for index in range(start + 1, end):
        character = source[index]
        if character in _FOREIGN:
            raise _fault(source, index, f"a field of an f-string holds no {_FOREIGN[character]}")
        if character == "}":
            if depth:
                break
            return (index if stop < 0 else stop), index
        if stop < 0:
            depth += (character in "([") - (character in ")]")
            if depth < 0:
                break
            if character == ":" and not depth:
                stop = index
    raise _fault(source, start, "the field that begins here is not closed")


def _fault(source: str, index: int, message: str) -> ProgramError:
    return fault(source, place_of(source, index), message)
