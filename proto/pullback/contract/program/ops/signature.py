"""How one row of the op table is written, and what it becomes.

A row is one line, close to Python's own notation for a signature::

    softmax(input, dim: dim, *, dtype?: dtype)

A parameter without a kind is a tensor; ``?`` marks one that may be left out; ``*`` alone begins the keyword-only
ones; ``*size: sizes`` takes its items one by one or as one list. Brackets after a kind hold the strings that it
takes, or a range with both ends in it: ``enum[sum,mean]``, ``int[-64..64]``, ``size[1..2**20]``, ``float[0..]``.
What an operand may hold is said behind the line, by the names of checks::

    inv(A) !finite

``@cpu`` behind it marks an op for which torch has no deterministic algorithm, forward or backward, on other devices.
A name may have several lines, one per overload; a long line is continued after a backslash.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

#: What an argument may be. A row joins several with ``|``.
KINDS = {
    "tensor": "a tensor",
    "operand": "a tensor or a number",
    "tensors": "a tensor, or a list or tuple of tensors",
    "number": "a plain number",
    "int": "a whole number",
    "size": "a whole number",
    "float": "a plain number",
    "bool": "True or False",
    "dim": "a dimension, negative from the end",
    "dims": "a dimension, or a list or tuple of them",
    "sizes": "sizes: whole numbers, or one list or tuple of them",
    "ints": "a whole number, or a list or tuple of them",
    "dtype": "a data type such as torch.float64",
    "enum": "one of the strings in brackets",
    "equation": "a string of einsum subscripts",
    "none": "nothing but the literal None",
    "any": "checked where it is used",
}

#: Kinds whose argument is written as a string.
STRING_KINDS = frozenset({"enum", "equation"})

#: Kinds of whole numbers.
INTEGER_KINDS = frozenset({"dim", "dims", "int", "ints", "size", "sizes"})

#: Kinds whose argument says how much is made. One above its range asks for too much, and is not wrong otherwise.
SIZE_KINDS = frozenset({"size", "sizes"})

#: Bound on whole numbers, either way, where a row gives no range. Bigger ones wrap in some native code, and no tensor
#: has room for them.
MAX_INTEGER = 2**31

# Mark of an op that is deterministic on the processor only.
CPU_ONLY = "@cpu"

#: What an operand's values are checked for, right before the call.
CHECKS = {
    "filled": "no operand is without elements: torch reads the first one",
    "finite": "no operand holds NaN or an infinity: LAPACK may crash on them, or never converge",
    "rate": "every rate is from 0 to 2**53: torch counts more in numbers that wrap",
    "spectral": "as `finite`, where the norm is made of singular values",
    "quotient": "the lowest integer is not divided by -1: the quotient does not fit, and the processor traps",
}


class Outside(NamedTuple):
    """A number beyond its parameter's range.

    Attributes:
        value: the number.
        limit: the end of the range that it is beyond.
        is_too_much: whether it asks for too much, rather than for something that does not exist.
    """

    value: float
    limit: float
    is_too_much: bool


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
        low: the least number that it takes.
        high: the greatest.
        is_ranged: whether the row gives `low` and `high`; they are `MAX_INTEGER` or nothing otherwise.
    """

    name: str
    kinds: tuple[str, ...] = ("tensor",)
    required: bool = True
    keyword_only: bool = False
    variadic: bool = False
    choices: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    is_ranged: bool = False

    @property
    def is_bounded(self) -> bool:
        """Whether there is a number of its kinds that it does not take."""
        return self.low > -math.inf or self.high < math.inf

    def outside(self, value: object) -> Outside | None:
        """Finds a number that is beyond the range, in an argument that is one or holds several."""
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if (
                isinstance(item, (int, float))
                and not isinstance(item, bool)
                and not self.low <= item <= self.high
            ):
                too_much = item > self.high and not SIZE_KINDS.isdisjoint(self.kinds)
                return Outside(item, self.high if item > self.high else self.low, too_much)
        return None

    def range_text(self) -> str:
        """Writes the range for a sentence: ``from -64 to 64``."""
        ends = [f"from {self.low:,}"] if self.low > -math.inf else []
        if self.high < math.inf:
            ends.append(f"to {self.high:,}" if ends else f"at most {self.high:,}")
        return " ".join(ends)


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
        checks: what the operands' values are checked for, keys of `CHECKS`.
        random: whether it draws from the evaluation's generator.
        data_sized: whether the size of the result depends on what the operands hold.
        deterministic: whether torch has an algorithm for it, forward and backward, that gives the same bits twice on
            every class of device. On a device where it has none, torch refuses the call.
        batch_safe: whether the bits of one evaluation's rows do not depend on which others are computed beside it.
    """

    key: str
    kind: str
    signatures: tuple[Signature, ...]
    pointwise: bool = False
    differentiable: bool = True
    checks: tuple[str, ...] = ()
    random: bool = False
    data_sized: bool = False
    deterministic: bool = True
    batch_safe: bool = False


_LINE = re.compile(r"(\w+(?:\((?P<inside>.*)\))?)((?: [!@]\w+)*)")
_PARAM = re.compile(r"(\*?)(\w+)(\??)(?:: (.+))?")
_KIND = re.compile(r"(\w+)(?:\[(?:([^\]]*)\.\.([^\]]*)|([^\]]*))\])?")
_END = re.compile(r"(-?)(\d+(?:\.\d+)?)(?:\*\*(\d+))?")
_COMMA = re.compile(r",\s*(?![^\[]*\])")  # not within [a,b]


class Flags(TypedDict, total=False):
    """What a group of rows has in common: the fields of `Op` with the same names."""

    pointwise: bool
    differentiable: bool
    random: bool
    data_sized: bool
    batch_safe: bool


def rows(prefixes: str, table: str, **flags: Unpack[Flags]) -> list[Op]:
    """Reads rows.

    Args:
        prefixes: what goes before each name, such as ``torch.special``; several make a row each.
        table: one signature a line; consecutive lines of one name are overloads.
        flags: see `Op`. Elementwise ops are safe in batches where nothing else is said.

    Raises:
        ValueError: a line is no signature.
    """
    overloads: dict[str, list[Signature]] = {}
    checks: dict[str, dict[str, None]] = {}
    attributes = set()
    undetermined = set()
    # What an attribute is read from: a tensor, or one of the named tuples that ops return.
    receiver = "self" if prefixes == "Tensor" else "self: any"
    for line in filter(None, (" ".join(row.split()) for row in table.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a signature: {line}")
        text, inside, marks = match.groups()
        name = text.partition("(")[0]
        if inside is None:
            attributes.add(name)
        overloads.setdefault(name, []).append(Signature(tuple(_params(inside or receiver)), text))
        checks.setdefault(name, {}).update(dict.fromkeys(_checks(marks)))
        if CPU_ONLY in marks.split():
            undetermined.add(name)
    flags.setdefault("batch_safe", flags.get("pointwise", False))
    return [
        Op(
            f"{prefix}.{name}",
            _kind(prefix, name in attributes),
            tuple(signatures),
            checks=tuple(checks[name]),
            deterministic=name not in undetermined,
            **flags,
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


def _checks(marks: str) -> list[str]:
    names = [mark.removeprefix("!") for mark in marks.split() if mark != CPU_ONLY]
    if unknown := set(names) - CHECKS.keys():
        raise ValueError(f"no check {unknown}")
    return names


def _params(text: str) -> Iterator[Param]:
    keyword_only = False
    for part in filter(None, _COMMA.split(text)):
        if part == "*":
            keyword_only = True
            continue
        match = _PARAM.fullmatch(part)
        if match is None:
            raise ValueError(f"not a parameter: {part}")
        star, name, optional, kinds = match.groups()
        yield _param(
            Param(name, required=not optional, keyword_only=keyword_only, variadic=bool(star)),
            kinds or "tensor",
        )


def _param(param: Param, text: str) -> Param:
    kinds = []
    for part in text.split("|"):
        match = _KIND.fullmatch(part)
        if match is None:
            raise ValueError(f"not a kind: {part}")
        kind, low, high, choices = match.groups()
        if kind not in KINDS:
            raise ValueError(f"{text}: no kind {kind}")
        kinds.append(kind)
        if low is not None:
            widest = MAX_INTEGER if kind in INTEGER_KINDS else math.inf
            param = replace(param, low=_end(low, -widest), high=_end(high, widest), is_ranged=True)
        elif kind in INTEGER_KINDS:
            param = replace(param, low=-MAX_INTEGER, high=MAX_INTEGER)
        if choices:
            param = replace(param, choices=tuple(choices.split(",")))
    return replace(param, kinds=tuple(kinds))


def _end(text: str, default: float) -> float:
    if not text:
        return default
    match = _END.fullmatch(text)
    if match is None:
        raise ValueError(f"not an end of a range: {text}")
    sign, base, power = match.groups()
    value = (float(base) if "." in base else int(base)) ** int(power or 1)
    return -value if sign else value
