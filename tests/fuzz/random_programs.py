"""Random programs: legal calls of the op table put together, in functions and loops too, that plain torch runs.

A program grows by a statement at a time. Each is executed in plain torch at once, which tells the shapes that the next
statement can use, and leaves out what torch refuses.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from tests.fuzz.samples import all_samples, operand

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

# Statements of one program, at most; and elements of one value.
MAX_STATEMENTS = 8
MAX_ELEMENTS = 4_000

# What has a gradient here and none in plain torch.
_OUR_OWN = {"torch.vander"}

# Further statements, over a value `{v}` and a new name `{n}`: what the op table's samples do not write.
_SHAPES_OF_CODE = (
    "{n} = {v}\nfor i in range({k}):\n    {n} = {n}*0.5 + {v}*i",
    "{n} = {v}\nfor i in range(1, {k}):\n    for j in range(2):\n        {n} = torch.where({n} > 0, {n}/(i + j), -{n})",
    "def f{k}_{n}(a, b=2):\n    c = a*b\n    return c - a\n{n} = f{k}_{n}({v})",
    "def g{k}_{n}(a):\n    return a.clamp(-2, 2), a.sum()\n{n}, s_{n} = g{k}_{n}({v})",
    "{n} = {v}*(3 if {k} > 2 else 5) - {k}%3",
    'print(f"{v}: {{{v}}}")\n{n} = {v} + 1',
    "with torch.no_grad():\n    d_{n} = {v}*2\n{n} = {v} - d_{n}",
    "{n} = {v} + 0\n{n} += {k}\n{n} -= {v}.detach()",
    "a_{n}, b_{n} = {v}, {v}*{k}\n{n} = a_{n} + b_{n}",
    "{n} = {v}.flatten()[None].expand({k}, -1)",
    "{n} = {v}[..., None].mean(dim=-1)",
    "{n} = torch.stack([{v}, {v}.exp().clamp_max({k})]).logsumexp(0)",
)


@dataclass
class RandomProgram:
    """A program, with what plain torch knows of it.

    Attributes:
        source: the text.
        inputs: the tensors that it reads.
        values: what plain torch bound, by name.
    """

    source: str = "torch.manual_seed(11)\n"
    inputs: dict[str, torch.Tensor] = field(default_factory=dict)
    values: dict[str, torch.Tensor] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.source


def generate(rng: random.Random) -> RandomProgram:
    """Makes a program whose value is `out`."""
    program = RandomProgram()
    scope: dict[str, Any] = {"torch": torch, "F": torch.nn.functional, "math": math}
    scope["print"] = lambda *_, **__: None
    _execute(program.source, scope)
    for number in range(rng.randint(1, MAX_STATEMENTS)):
        name = f"v{number}"
        usual = rng.random() < 0.75 or not program.values
        text = _call(rng, program, name) if usual else _code(rng, program, name)
        _try(program, text, name, scope)
    terms = [
        f"{name}.abs().sum()"
        for name, value in program.values.items()
        if value.dtype.is_floating_point or value.dtype.is_complex
    ]
    program.source += f"out = {' + '.join(terms) or '1.0'}\n"
    return program


def _try(program: RandomProgram, text: str, name: str, scope: dict[str, Any]) -> None:
    """Adds statements where plain torch runs them and makes a tensor of moderate size."""
    inputs = {each: operand(each) for each in _operands(text)}
    attempt = {**scope, **inputs}
    state = torch.get_rng_state()
    try:
        _execute(text, attempt)
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        torch.set_rng_state(state)
        return
    value = attempt.get(name)
    if not isinstance(value, torch.Tensor):
        value = attempt[name] = value[0] if isinstance(value, tuple) and value else value
        text += f"\n{name} = {name}[0]"
    if not isinstance(value, torch.Tensor) or value.numel() > MAX_ELEMENTS or value.is_conj():
        torch.set_rng_state(state)
        return
    program.source += text + "\n"
    program.inputs |= inputs
    program.values[name] = value
    scope[name] = value


def _execute(text: str, scope: dict[str, Any]) -> None:
    exec(compile(text, "program", "exec"), scope)  # noqa: S102 - the oracle: a text of our own, in plain torch


@cache
def calls() -> tuple[ast.Assign, ...]:
    """Gives the samples that are one assignment to `y`."""
    trees = (ast.parse(sample.program).body for sample in all_samples() if sample.key not in _OUR_OWN)
    return tuple(body[0] for body in trees if len(body) == 1 and isinstance(body[0], ast.Assign))


def _operands(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id[0] in "rpugwcijk" and node.id not in {"i", "j"}:
            try:
                operand(node.id)
            except AssertionError:
                continue
            yield node.id


def _call(rng: random.Random, program: RandomProgram, name: str) -> str:
    """Writes a legal call, some of whose operands are values that the program made."""
    tree = ast.parse(ast.unparse(rng.choice(calls())))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name):
            continue
        if node.id == "y":
            node.id = name
        elif node.id in _operands(node.id):
            like = operand(node.id)
            fitting = [
                each
                for each, value in program.values.items()
                if value.shape == like.shape and value.dtype == like.dtype
            ]
            if fitting and rng.random() < 0.7:
                node.id = rng.choice(fitting)
    return ast.unparse(tree)


def _code(rng: random.Random, program: RandomProgram, name: str) -> str:
    value = rng.choice(list(program.values))
    return rng.choice(_SHAPES_OF_CODE).format(v=value, n=name, k=rng.randint(2, 4))
