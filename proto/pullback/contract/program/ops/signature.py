"""How one row of the op table is written, and what it becomes.

A row is one line, close to Python's own notation for a signature::

    softmax(input, dim: dim, *, dtype?: dtype)

A parameter without a kind is a tensor; ``?`` marks one that may be left out; ``*`` alone begins the keyword-only
ones; ``*size: sizes`` takes its items one by one or as one list. A name may have several lines, one per
overload; a long line is continued after a backslash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

#: What an argument may be. A row joins several with ``|``.
KINDS = {
    "tensor": "a tensor",
    "operand": "a tensor or a number",
    "tensors": "a tensor, or a list or tuple of tensors",
    "number": "a plain number",
    "int": "a whole number",
    "float": "a plain number",
    "bool": "True or False",
    "dim": "a dimension, negative from the end",
    "dims": "a dimension, or a list or tuple of them",
    "sizes": "sizes: whole numbers, or one list or tuple of them",
    "ints": "a whole number, or a list or tuple of them",
    "dtype": "a data type such as torch.float64",
    "enum": "one of the strings in `choices`",
    "equation": "a string of einsum subscripts",
    "none": "nothing but the literal None",
    "any": "checked where it is used",
}

#: Kinds whose argument is written as a string.
STRING_KINDS = frozenset({"enum", "equation"})


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter.

    Attributes:
        name: as in torch.
        kinds: what the argument may be, keys of `KINDS`. An optional parameter takes None as well.
        required: whether it must be given.
        keyword_only: whether it is given by name only.
        variadic: whether it takes all positional arguments that are left, or one list of them.
        choices: the strings that an `enum` takes.
    """

    name: str
    kinds: tuple[str, ...] = ("tensor",)
    required: bool = True
    keyword_only: bool = False
    variadic: bool = False
    choices: tuple[str, ...] = ()


class Binding(NamedTuple):
    """The parameters that the arguments of one call belong to."""

    positional: tuple[Param, ...]
    keywords: Mapping[str, Param]


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call an op.

    Attributes:
        params: in order.
        text: the row it was read from, for messages.
    """

    params: tuple[Param, ...]
    text: str

    def bind(self, positional: int, keywords: Collection[str]) -> Binding | str:
        """Matches arguments with parameters, by count and name.

        Args:
            positional: how many arguments come without a name, a method's receiver included.
            keywords: the names of the others.

        Returns:
            The parameter of each argument, or what does not fit, in words.
        """
        order = [param for param in self.params if not param.keyword_only]
        if positional > len(order) and not (order and order[-1].variadic):
            return "has too many positional arguments"
        given = tuple(order[min(index, len(order) - 1)] for index in range(positional))
        named = {param.name: param for param in self.params}
        for name in keywords:
            if name not in named:
                return f"has no argument {name!a}"
            if named[name] in given:
                return f"has two values for the argument {name!r}"
        for param in self.params:
            if param.required and param not in given and param.name not in keywords:
                return f"lacks the argument {param.name!r}"
        return Binding(given, {name: named[name] for name in keywords})


@dataclass(frozen=True, slots=True)
class Op:
    """One row of the op table: something that a program may call.

    Attributes:
        key: the complete dotted name, such as ``torch.linalg.solve``, ``Tensor.mean`` or ``operator.add``.
        kind: "function", "method", "attribute", "operator" or "builtin". The receiver of a method or of an attribute is
            its first argument, and is never given by name.
        signatures: the ways to call it, tried in order.
        pointwise: whether each element of the result depends only on the elements of the operands that are
            broadcast to its place.
        differentiable: whether a gradient can flow through it.
    """

    key: str
    kind: str
    signatures: tuple[Signature, ...]
    pointwise: bool = False
    differentiable: bool = True


_LINE = re.compile(r"(\w+)(?:\((.*)\))?")
_PARAM = re.compile(r"(\*?)(\w+)(\??)(?:: ([\w|]+)(?:\[([^\]]*)\])?)?")
_COMMA = re.compile(r",\s*(?![^\[]*\])")  # not within [a,b]


def rows(prefixes: str, table: str, *, pointwise: bool = False, differentiable: bool = True) -> list[Op]:
    """Reads rows.

    Args:
        prefixes: what goes before each name, such as ``torch.special``; several make a row each.
        table: one signature a line; consecutive lines of one name are overloads.
        pointwise: see `Op`.
        differentiable: see `Op`.

    Raises:
        ValueError: a line is no signature.
    """
    overloads: dict[str, list[Signature]] = {}
    attributes = set()
    receiver = "self: any" if prefixes == "Tuple" else "self"  # a field is read from a named tuple
    # What an attribute is read from: a tensor, or one of the named tuples that ops return.
    receiver = "self" if prefixes == "Tensor" else "self: any"
    for line in filter(None, (" ".join(row.split()) for row in table.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a signature: {line}")
        name, inside = match.groups()
        if inside is None:
            attributes.add(name)
        overloads.setdefault(name, []).append(Signature(tuple(_params(inside or receiver)), line))
    return [
        Op(
            f"{prefix}.{name}",
            _kind(prefix, name in attributes),
            tuple(signatures),
            pointwise,
            differentiable,
        )
        for prefix in prefixes.split()
        for name, signatures in overloads.items()
    ]


def _kind(prefix: str, attribute: bool) -> str:
    if attribute:
        return "attribute"
    return {"Tensor": "method", "Tensor.grad": "method", "operator": "operator", "builtins": "builtin"}.get(
        prefix, "function"
    )


def _params(text: str) -> Iterator[Param]:
    keyword_only = False
    for part in filter(None, _COMMA.split(text)):
        if part == "*":
            keyword_only = True
            continue
        match = _PARAM.fullmatch(part)
        if match is None:
            raise ValueError(f"not a parameter: {part}")
        star, name, optional, kinds, choices = match.groups()
        kinds_ = tuple((kinds or "tensor").split("|"))
        if unknown := set(kinds_) - KINDS.keys():
            raise ValueError(f"{part}: no kind {unknown}")
        yield Param(
            name,
            kinds_,
            required=not optional,
            keyword_only=keyword_only,
            variadic=bool(star),
            choices=tuple(choices.split(",")) if choices else (),
        )
