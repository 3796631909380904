"""What is decided about the text before the Python parser sees it.

Strategy: the parser is C code that nests on the C stack, and it rewrites identifiers (NFKC), so it is only given text
whose size and nesting are bounded and whose code is ASCII. For that, the scan must agree with Python's tokenizer about
where strings and comments are. It does for strings without a prefix, and for f-strings whose fields hold neither
quotes nor backslashes nor fields: those end at the same place whether a tokenizer looks into the fields or not. Other
prefixes are refused. A string that Python would find open ends the tokenizer's work, and with it the parser's.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from pullback.contract.program.diagnose import LINE_END, code_point, exceeded, fault, shown
from pullback.contract.program.fields import fields, place_of
from pullback.contract.program.ir import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.contract.errors import ProgramError
    from pullback.contract.limits import Limits

# Up to these bounds, statements of every form parse on a C stack of 64 KiB: tried with brackets of every kind,
# `lambda`, `not`, unary signs, powers, conditionals, patterns and blocks, nested to the bounds. The smallest default
# thread stack of a C library in use is 128 KiB (musl). A thread of its own costs more than parsing a usual program.
_SHALLOW_BRACKETS = 20
_SHALLOW_STATEMENT_CHARS = 160
_SHALLOW_INDENT_CHARS = 20

_INDENTED = re.compile(rf"(?:^|[\r\n])[ \t]{{{_SHALLOW_INDENT_CHARS + 1}}}")

_STRING = r"""
    (?: '''(?:[^\\']|\\.|'(?!''))*(?:''')? | \"\"\"(?:[^\\"]|\\.|"(?!""))*(?:\"\"\")?
        | '(?:[^'\\\r\n]|\\\r\n|\\.)*'? | "(?:[^"\\\r\n]|\\\r\n|\\.)*"? )
"""

_TOKEN = re.compile(
    rf"""
    (?P<comment>\#[^\r\n]*)
    | (?P<string>{_STRING})
    | (?P<formatted>[fF]{_STRING})
    | (?P<number>[0-9][A-Za-z0-9_]*)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<open>[(\[{{])
    | (?P<close>[)\]}}])
    | (?P<newline>\r\n|\r|\n)
    | (?P<foreign>[^\x00-\x7f])
    """,
    re.VERBOSE | re.DOTALL,
)

# A string that is closed. The pattern above takes in open ones too, so that no quote is looked at twice.
_CLOSED = re.compile(r"""('''|\"\"\"|'|").*\1""", re.DOTALL)

# A number, up to a decimal point or the sign of an exponent. `1if` would be two tokens to Python, with a warning.
_NUMBER = re.compile(r"0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*(?:[eE][0-9_]*)?[jJ]?")

# Longest number, in characters: more than the digits of any float64 that is written in full. Python's own limit on
# decimal digits does not hold for hexadecimal ones.
_NUMBER_CHARS = 400

# An escape that Python knows. Others make it warn, on the standard error of whoever parses.
_ESCAPES = re.compile(
    r"(?:[^\\]|\\(?:\r\n|[\r\n\\'\"abfnrtv0-7]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))*", re.DOTALL
)

_UNUSUAL = re.compile(r"[^\t\n\r -~]")
_FORBIDDEN_CATEGORIES = {
    "Cc": "control",
    "Cf": "format",
    "Cs": "surrogate",
    "Zl": "line separator",
    "Zp": "separator",
}


def scan(source: str, limits: Limits) -> bool:
    """Checks the text of a program without parsing it.

    Returns:
        Whether the text is shallow: the parser can be run on it on any thread's stack.

    Raises:
        ProgramError: a character, a string prefix or a number that the language does not have.
        LimitExceeded: too long, or nested too deeply in brackets.
    """
    # There are no fewer bytes than characters, and a text that is far too long gets no pass over it.
    _check_size(len(source), limits)
    _check_characters(source)
    _check_size(len(source.encode()), limits)
    return _scan_tokens(source, limits)


def check_text(source: str, place: Place, text: str) -> None:
    """Checks what the escapes of a string literal made.

    Raises:
        ProgramError: a control, format or surrogate character.
    """
    found = _forbidden(text)
    if found is not None:
        raise fault(source, place, f"the string holds the {_described(text[found])}, which is not allowed")


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.program_bytes:
        raise exceeded(limits.program_bytes, size, "bytes of source text")


def _check_characters(source: str) -> None:
    found = _forbidden(source)
    if found is None:
        return
    before = LINE_END.split(source[:found])
    # The rest of the text may not even be encodable, so the message quotes no more than the line up to the character.
    place = Place(len(before), len(before[-1]) + 1)
    raise fault(source[:found], place, f"the {_described(source[found])} is not allowed in a program")


def _forbidden(text: str) -> int | None:
    for match in _UNUSUAL.finditer(text):
        if unicodedata.category(match.group()) in _FORBIDDEN_CATEGORIES:
            return match.start()
    return None


def _described(character: str) -> str:
    return f"{_FORBIDDEN_CATEGORIES[unicodedata.category(character)]} character {code_point(character)}"


def _scan_tokens(source: str, limits: Limits) -> bool:
    depth = deepest = start = longest = atoms = 0
    for match in _tokens(source):
        kind = match.lastgroup
        if kind == "open":
            depth += 1
            deepest = max(deepest, depth)
            if depth > limits.bracket_depth:
                place = place_of(source, match.start())
                raise exceeded(limits.bracket_depth, depth, "brackets are open here", place, source)
        elif kind == "close":
            # Below zero the brackets do not match, which the parser reports.
            depth = max(0, depth - 1)
        elif kind == "newline" and not depth:
            longest = max(longest, match.start() - start)
            start = match.end()
        elif kind not in ("comment", "newline"):
            _check_token(source, match)
            atoms += 1
            if atoms > limits.tree_nodes:
                # Each will be a node; parsing them all first would take half a second.
                place = place_of(source, match.start())
                raise exceeded(limits.tree_nodes, atoms, "names, numbers and strings", place, source)
    longest = max(longest, len(source) - start)
    return (
        deepest <= _SHALLOW_BRACKETS and longest <= _SHALLOW_STATEMENT_CHARS and not _INDENTED.search(source)
    )


def _tokens(source: str) -> Iterator[re.Match[str]]:
    """Gives the tokens of the text; behind each f-string, those in its fields."""
    for match in _TOKEN.finditer(source):
        yield match
        if match.lastgroup == "formatted":
            for start, end in fields(source, match.start(), match.end()):
                yield from _TOKEN.finditer(source, start, end)


def _check_token(source: str, match: re.Match[str]) -> None:
    kind, text = match.lastgroup, match.group()
    if kind == "number" and (len(text) > _NUMBER_CHARS or not _NUMBER.fullmatch(text)):
        raise _token_fault(source, match, f"{shown(text)} is not a number")
    if kind == "foreign":
        raise _token_fault(
            source, match, f"the character {code_point(text)} is not ASCII; names and operators are"
        )
    if kind in ("string", "formatted") and not _CLOSED.fullmatch(text[kind == "formatted" :]):
        raise _token_fault(source, match, "the string that begins here is not closed")
    if kind in ("string", "formatted") and not _ESCAPES.fullmatch(text):
        raise _token_fault(
            source, match, "the string has an escape sequence that Python does not know; write \\\\"
        )
    if kind in ("word", "number") and source[match.end() : match.end() + 1] in ("'", '"'):
        raise _token_fault(
            source, match, f"string prefixes such as {shown(text)} are not part of the language"
        )


def _token_fault(source: str, match: re.Match[str], message: str) -> ProgramError:
    return fault(source, place_of(source, match.start()), message)
