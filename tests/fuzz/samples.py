"""A legal call of every row of the op table, and the operands that it names: see tests/vectors/ops."""

from __future__ import annotations

import ast
import re
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pullback.contract.program.ops import Op

_VECTORS = Path(__file__).parents[1] / "vectors" / "ops"

_OPERAND = re.compile(r"([rpugwcijk])(\d*)([bc]?)")

_SYMBOLS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "matmul": "@",
    "and_": "&",
    "or_": "|",
    "xor": "^",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "neg": "-",
    "pos": "+",
    "invert": "~",
}


@dataclass(frozen=True)
class Sample:
    """One legal call.

    Attributes:
        key: the row's key.
        program: a program that makes it, and whose value is `y`.
    """

    key: str
    program: str

    @property
    def inputs(self) -> dict[str, torch.Tensor]:
        """The operands that the program names."""
        names = {node.id for node in ast.walk(ast.parse(self.program)) if isinstance(node, ast.Name)}
        return {name: operand(name) for name in sorted(names) if _OPERAND.fullmatch(name)}

    def __str__(self) -> str:
        return self.program


@cache
def samples(key: str) -> tuple[Sample, ...]:
    """Gives the calls of a row; none where nobody wrote one."""
    table = _table()
    written = table.get(key) or ([] if key.startswith("math.") else table.get(key.rpartition(".")[2], []))
    if not written and OPS[key].pointwise:
        written = [_default(OPS[key])]
    return tuple(Sample(key, _program(OPS[key], text)) for text in written)


def all_samples() -> Iterator[Sample]:
    """Gives the calls of all rows."""
    for key in sorted(OPS):
        yield from samples(key)


@cache
def _table() -> Mapping[str, list[str]]:
    table: dict[str, list[str]] = {}
    for path in sorted(_VECTORS.glob("*.txt")):
        for line in path.read_text().splitlines():
            name, _, text = line.partition(": ")
            table.setdefault(name, []).append(text)
    return table


def written_names() -> set[str]:
    """Gives the names and keys that lines begin with."""
    return {*_table()}


def _default(op: Op) -> str:
    required = [param for param in op.signatures[0].params if param.required]
    return ", ".join(("r23", "r23b", "r23c")[: len(required)])


def _program(op: Op, text: str) -> str:
    if text.startswith("> "):
        return text.removeprefix("> ").replace("; ", "\n")
    return f"y = {text.removeprefix('= ') if text.startswith('= ') else _call(op, text)}"


def _call(op: Op, text: str) -> str:
    owner, _, name = op.key.rpartition(".")
    if op.kind == "function":
        return f"{owner.replace('torch.nn.functional', 'F')}.{name}({text})"
    if op.kind == "builtin":
        return f"{name}({text})"
    call = ast.parse(f"f({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    receiver, *rest = [ast.unparse(argument) for argument in call.args]
    if op.kind == "attribute":
        return f"{receiver}.{name}"
    if op.kind == "operator":
        if name == "getitem":
            return f"{receiver}[{rest[0]}]"
        return f"{receiver} {_SYMBOLS[name]} {rest[0]}" if rest else f"{_SYMBOLS[name]}{receiver}"
    rest += [ast.unparse(keyword) for keyword in call.keywords]
    return f"{receiver}.{name}({', '.join(rest)})"


@cache
def operand(name: str) -> torch.Tensor:
    """Makes the operand of a name; the same name has the same elements everywhere."""
    match = _OPERAND.fullmatch(name)
    assert match, name
    letter, sizes, _ = match.groups()
    shape = tuple(map(int, sizes))
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return _ELEMENTS[letter](torch.rand(shape, dtype=torch.float64, generator=generator), generator)


def _reals(unit: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    # At least 0.05 from every integer, where kinks and steps are.
    whole = torch.randint(-2, 2, unit.shape, generator=generator)
    return whole + 0.05 + 0.9 * unit


def _well_conditioned(unit: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return _reals(unit, generator) + 4 * torch.eye(unit.shape[-1], dtype=torch.float64)


_ELEMENTS: Mapping[str, Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = {
    "r": _reals,
    "p": lambda unit, _: 0.5 + 2 * unit,
    "u": lambda unit, _: 0.1 + 0.8 * unit,
    "g": lambda unit, _: 1.1 + 1.9 * unit,
    "w": _well_conditioned,
    "c": lambda unit, generator: torch.complex(_reals(unit, generator), _reals(1 - unit, generator)),
    "i": lambda unit, _: (2 * unit).long(),
    "j": lambda unit, _: (1 + 4 * unit).long() * torch.where(unit > 0.5, -1, 1),
    "k": lambda unit, _: unit > 0.5,
}
