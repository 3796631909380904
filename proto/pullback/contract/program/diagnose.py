"""Errors with a place: what was found, the source line, and a caret under the place.

All text of the tenant is shortened, and shown in ASCII: a code point that merely looks like a letter shows itself.
"""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING

from pullback.contract.errors import LimitExceeded, ProgramError
from pullback.contract.limits import limit_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pullback.contract.program.ir import CallSite, Place

# Longest piece of a source line that a message shows, in characters: one line of a wide terminal.
_LINE_CHARS = 120

# Longest name that a message shows, in characters: the longest that a program may bind.
_NAME_CHARS = 64

# Most calls that a message names, the innermost first: what led there is seldom further away.
_CALLS = 3

# Most names that are compared with a misspelt one. difflib takes about 20 microseconds for each.
_CANDIDATES = 1_000

# From this number on, its power of ten says enough.
_COUNTABLE = 10**18

# The field of `Limits` for each thing that is counted in a program.
_LIMITS = {
    "bytes of source text": "program_bytes",
    "brackets are open here": "bracket_depth",
    "names, numbers and strings": "tree_nodes",
    "levels of nesting; split the expression": "tree_depth",
    "levels of nesting, functions within functions included": "tree_depth",
    "nodes in the syntax tree": "tree_nodes",
    "statements": "statements",
    "nodes of syntax with loops unrolled and functions written out": "unrolled_nodes",
    "arguments or items": "call_arguments",
    "numbers in a list": "literal_elements",
    "characters in a string": "string_chars",
    "characters in a name": "name_chars",
}

# How alike two names must be, from 0 to 1. One wrong letter in five suggests; "foo" does not suggest "floor".
_LIKENESS = 0.78

#: What ends a line for the Python parser. `str.splitlines` knows more line ends, and would count differently.
LINE_END = re.compile(r"\r\n|\r|\n")


def fault(source: str, place: Place, message: str, suggestion: str = "") -> ProgramError:
    """Makes the error for one place of a program, for the caller to raise.

    Args:
        source: the source text.
        place: where the fault is.
        message: what was found and what was expected, on one line.
        suggestion: what the program probably meant; empty where nothing is near.
    """
    metadata = position(place)
    if suggestion:
        metadata["suggestion"] = suggestion
        message = f"{message}; did you mean {suggestion!r}?"
    return ProgramError(located(source, place, message), field="program", metadata=metadata)


def exceeded(
    bound: int, estimate: int, what: str, place: Place | None = None, source: str = ""
) -> LimitExceeded:
    """Makes the error for a program that is bigger than a limit, for the caller to raise.

    Args:
        bound: the limit.
        estimate: what the program has, or the least that it has.
        what: what is counted, such as "statements".
        place: where the limit was passed; None where no place says more than another.
        source: the source text, where there is a place.
    """
    message = f"{_count(estimate)} {what}, but the limit is {bound:,}"
    metadata = limit_metadata(bound, estimate, _LIMITS.get(what, "")) | {"estimate": _count(estimate, "")}
    if place:
        message = located(source, place, message)
        metadata |= position(place)
    return LimitExceeded(message, field="program", metadata=metadata)


def located(source: str, place: Place, message: str) -> str:
    """Writes a message with its place, the source line, and a caret under the place."""
    return f"{_position(place)}: {message}{_calls(place)}\n{_quotation(source, place)}"


def position(place: Place) -> dict[str, str]:
    """Gives the metadata of an error at a place."""
    metadata = {"line": str(place.line), "column": str(place.column)}
    if place.within:
        metadata["function"] = place.within.function
        metadata["call_line"] = str(place.within.place.line)
    return metadata


def exceeded_at(source: str, place: Place, message: str, metadata: Mapping[str, str]) -> LimitExceeded:
    """Makes the error for a statement that passes a limit when it runs, for the caller to raise.

    Args:
        source: the source text.
        place: where the statement is.
        message: what would be too much, on one line.
        metadata: the limit and the estimate.
    """
    return LimitExceeded(
        located(source, place, message), field="program", metadata={**metadata, **position(place)}
    )


def shown(text: str) -> str:
    """Writes a name or a short text for a message: in quotes, in ASCII, shortened."""
    return ascii(text if len(text) <= _NAME_CHARS else text[: _NAME_CHARS - 3] + "...")


def code_point(character: str) -> str:
    """Names a character by its code point, such as ``U+200B``."""
    return f"U+{ord(character):04X}"


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Finds the candidate that is most like `name`, or an empty string where none is near."""
    if len(name) > _NAME_CHARS:
        return ""
    pool = sorted({candidate for candidate in candidates if candidate != name})[:_CANDIDATES]
    found = difflib.get_close_matches(name, pool, n=1, cutoff=_LIKENESS)
    # Two letters in the wrong order make a short name too unlike for difflib.
    found += [candidate for candidate in pool if _is_swapped(name, candidate)]
    return found[0] if found else ""


def _is_swapped(name: str, candidate: str) -> bool:
    different = [index for index, (a, b) in enumerate(zip(name, candidate, strict=False)) if a != b]
    match different:
        case [first, second] if second == first + 1 and len(name) == len(candidate):
            return name[first] == candidate[second] and name[second] == candidate[first]
    return False


def _position(place: Place) -> str:
    return f"line {place.line}, column {place.column}"


def _calls(place: Place) -> str:
    parts: list[str] = []
    site: CallSite | None = place.within
    while site and len(parts) < _CALLS:
        parts.append(f"in `{site.function}`, called on line {site.place.line}")
        site = site.place.within
    return f" ({', '.join(parts)}{', and further out' if site else ''})" if parts else ""


def _count(number: int, separator: str = ",") -> str:
    """Writes a number; one that is beyond all counting by its power of ten, as an estimate may have any size."""
    if number < _COUNTABLE:
        return f"{number:{separator}}"
    return f"1e{math.floor((number.bit_length() - 1) * math.log10(2))}"


def _quotation(source: str, place: Place) -> str:
    lines = LINE_END.split(source)
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    start = max(0, min(place.column - 1 - _LINE_CHARS // 2, len(line) - _LINE_CHARS))
    before = _ascii(line[start : place.column - 1])
    after = _ascii(line[place.column - 1 : start + _LINE_CHARS])
    return f"    {before}{after}\n    {' ' * len(before)}^"


def _ascii(text: str) -> str:
    return "".join(character if " " <= character <= "~" else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return " " if character == "\t" else ascii(character)[1:-1]
