"""Programs changed a little: another name, a number at the edge, deeper nesting, a piece cut out or put in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_TOKEN = re.compile(r"[A-Za-z_][\w.]*|\d+\.?\d*(?:e[+-]?\d+)?|\*\*|//|[^\s\w]|\n\s*")
_NUMBER = re.compile(r"(?<![\w.])\d+\.?\d*(?:e[+-]?\d+)?")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*")

#: Numbers at which something wraps, overflows or is no number any more.
NUMBERS = (
    "0",
    "-1",
    "2**31",
    "2**62",
    "9223372036854775807",
    "9223372036854775808",
    "2**63",
    "10**30",
    "1e308",
    "1e400",
)

_NAMES = (
    "torch",
    "F",
    "math",
    "x",
    "y",
    "out",
    "print",
    "range",
    "x.grad",
    "x.data",
    "x.T",
    "x.shape",
    "None",
    "True",
)

_PIECES = (
    "(",
    ")",
    "[",
    "]",
    ":",
    ",",
    "=",
    ".",
    "\n",
    "\n    ",
    "\n  ",
    "**",
    "@",
    "...",
    "'",
    "f'{x}'",
    "#",
    "\\",
    ";",
)

_KEYS = tuple(
    key.replace("torch.nn.functional", "F").replace("Tensor.", "x.")
    for key in OPS
    if not key.startswith("oper")
)


def mutate(rng: random.Random, source: str) -> str:
    """Changes a program at one to three places."""
    for _ in range(rng.randint(1, 3)):
        source = rng.choice(_MUTATIONS)(rng, source)
    return source


def _at(rng: random.Random, pattern: re.Pattern[str], source: str, text: str) -> str:
    matches = list(pattern.finditer(source))
    if not matches:
        return source + text
    match = rng.choice(matches)
    return source[: match.start()] + text + source[match.end() :]


def _nest(rng: random.Random, source: str) -> str:
    opening, closing = rng.choice(
        [("(", ")"), ("[", "]"), ("-", ""), ("~", ""), ("abs(", ")"), ("torch.sin(", ")")]
    )
    depth = rng.choice([2, 30, 90, 250, 3000])
    match = rng.choice([*_NAME.finditer(source)] or [re.match("", source)])
    assert match is not None
    name: str = match.group()
    return f"{source[: match.start()]}{opening * depth}{name}{closing * depth}{source[match.end() :]}"


def _line(rng: random.Random, source: str) -> str:
    lines = source.splitlines()
    index = rng.randrange(len(lines) or 1)
    lines[index:index] = lines[index : index + 1] * rng.choice([1, 40])
    return "\n".join(lines)


def _in_loop(rng: random.Random, source: str) -> str:
    body = "\n".join("    " + line for line in source.splitlines())
    return (
        rng.choice(["for i in range({}):\n", "def f(x):\n", "with torch.no_grad():\n"]).format(
            rng.choice(NUMBERS)
        )
        + body
    )


def _cut(rng: random.Random, source: str) -> str:
    start = rng.randrange(len(source) + 1)
    return source[:start] + source[start + rng.randint(1, 12) :]


def _splice(rng: random.Random, source: str) -> str:
    tokens = _TOKEN.findall(source) or [source]
    start = rng.randrange(len(source) + 1)
    return f"{source[:start]}{rng.choice(tokens)}{source[start:]}"


_MUTATIONS: tuple[Callable[[random.Random, str], str], ...] = (
    lambda rng, source: _at(rng, _NUMBER, source, rng.choice(NUMBERS)),
    lambda rng, source: _at(rng, _NAME, source, rng.choice(_NAMES)),
    lambda rng, source: _at(rng, _NAME, source, rng.choice(_KEYS)),
    lambda rng, source: _at(rng, _TOKEN, source, rng.choice(_PIECES)),
    _nest,
    _line,
    _in_loop,
    _cut,
    _splice,
)
