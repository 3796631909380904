"""What loops run over: everything about it but the values of tensors is known when the program is compiled."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pullback.contract.program import conditions
from pullback.contract.program.folding import count
from pullback.contract.program.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pullback.contract.program.expressions import Expressions

#: What one turn of a loop is given: a slot, or what `enumerate` and `zip` put together.
Item: TypeAlias = "int | tuple[Item, ...]"

#: The functions of Python that a loop runs over. They are called nowhere else.
SEQUENCES = frozenset({"range", "enumerate", "zip"})

# Most of `enumerate` and `zip` within each other. They would nest on the C stack.
_DEPTH = 3

_KNOWN = (
    "a loop runs over range(...), or over a list or tuple that the program writes out; how long this is, is known only "
    "when the program runs. Write `for i in range(3):` with the number itself, and x[i]"
)


class Turns(NamedTuple):
    """The turns of a loop.

    Attributes:
        number: how many there are.
        items: what each is given, made one by one.
    """

    number: int
    items: Iterator[Item]


def turns(expressions: Expressions, node: ast.expr, depth: int = 0) -> Turns:
    """Compiles what a loop runs over.

    Args:
        expressions: the compiler.
        node: what stands behind `in`.
        depth: how many of `enumerate` and `zip` are around it.

    Raises:
        ProgramError: it is nothing whose length is known before the program runs.
    """
    if depth > _DEPTH:
        raise expressions.source.fault(node, f"`enumerate` and `zip` nest {_DEPTH} deep at most")
    match node:
        case ast.Call(func=ast.Name(id="range")):
            return _range(expressions, node)
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *start]):
            begin = _whole_numbers(expressions, node, start, most=1)[0] if start else 0
            given = turns(expressions, inner, depth + 1)
            constant = expressions.builder.constant
            return Turns(
                given.number, ((constant(begin + index), item) for index, item in enumerate(given.items))
            )
        case ast.Call(func=ast.Name(id="zip"), args=[_, *_]):
            parts = [turns(expressions, argument, depth + 1) for argument in node.args]
            return Turns(
                min(part.number for part in parts), zip(*(part.items for part in parts), strict=False)
            )
    slot = expressions.compile(node)
    items = expressions.builder.items(slot)
    if items is None:
        raise expressions.source.fault(node, _KNOWN)
    return Turns(len(items), iter(items))


def slot_of(expressions: Expressions, node: ast.expr, item: Item) -> int:
    """Makes one value of what a turn is given."""
    if isinstance(item, int):
        return item
    parts = [slot_of(expressions, node, part) for part in item]
    return expressions.builder.build(expressions.source.place(node), parts, "tuple")


def bind_item(
    expressions: Expressions, target: ast.expr, item: Item, bind: Callable[[ast.expr, int], None]
) -> None:
    """Gives the names of a loop their values for one turn."""
    if isinstance(target, ast.Tuple | ast.List) and isinstance(item, tuple) and len(target.elts) == len(item):
        for name, part in zip(target.elts, item, strict=True):
            bind_item(expressions, name, part, bind)
    else:
        bind(target, slot_of(expressions, target, item))


def compile_list(expressions: Expressions, node: ast.ListComp) -> int:
    """Compiles ``[f(i) for i in range(3)]``: the list, written out."""
    if len(node.generators) > 1:
        raise expressions.source.fault(node, "a list is made with one `for`; write one list within the other")
    (loop,) = node.generators
    given = turns(expressions, loop.iter)
    known = expressions.builder.whole_numbers if expressions.names.scope is None else {}
    if not loop.ifs:
        expressions.budget.foresee(node, given.number, node.elt, known)
    names = expressions.names
    own = frozenset(item.id for item in ast.walk(loop.target) if isinstance(item, ast.Name))
    slots: list[int] = []
    for item in given.items:
        outer, names.scope = names.scope, Scope(names.scope, own)
        expressions.budget.charge(node.elt)
        bind_item(expressions, loop.target, item, expressions.host.bind)
        if _is_kept(expressions, loop.ifs):
            slots.append(expressions.compile(node.elt))
        names.scope = outer
    builder = expressions.builder
    if all(builder.is_constant(slot) for slot in slots):
        expressions.check_numbers(node, len(slots))
    else:
        expressions.check_count(node, len(slots))
    return builder.build(expressions.source.place(node), slots, "list")


def _is_kept(expressions: Expressions, tests: list[ast.expr]) -> bool:
    for test in tests:  # noqa: SIM110 - by `all`, the recursion would be on the C stack
        if not known_truth(expressions, test):
            return False
    return True


def known_truth(expressions: Expressions, test: ast.expr) -> bool:
    """Compiles a condition that must be known before the program runs.

    Raises:
        ProgramError: it is not.
    """
    advice = "a tensor decides nothing here; write torch.where(condition, a, b)"
    verdict = conditions.truth(expressions, test, expressions.compile(test), advice)
    if verdict is None:
        raise expressions.source.fault(
            test,
            "what `if` asks must be known before the program runs; write `a if condition else b`, which runs one of "
            "two, or torch.where",
        )
    return verdict


def _range(expressions: Expressions, node: ast.Call) -> Turns:
    numbers = _whole_numbers(expressions, node, node.args, most=3)
    start, stop, step = (0, numbers[0], 1) if len(numbers) == 1 else (*numbers, 1)[:3]
    if not step:
        raise expressions.source.fault(node, "the step of a range is never 0")
    constant = expressions.builder.constant
    return Turns(count(start, stop, step), (constant(number) for number in range(start, stop, step)))


def _whole_numbers(
    expressions: Expressions, node: ast.Call, arguments: list[ast.expr], most: int
) -> list[int]:
    if not 0 < len(arguments) <= most or node.keywords:
        raise expressions.source.fault(
            node,
            "call it as range(stop), range(start, stop), range(start, stop, step) or enumerate(list, start)",
        )
    numbers: list[int] = []
    for argument in arguments:
        slot = expressions.compile(argument)
        value = expressions.builder.value(slot) if expressions.builder.is_constant(slot) else None
        if not isinstance(value, int):
            found = f"is {value!r}" if value is not None else "is known only when the program runs"
            raise expressions.source.fault(
                argument, f"a range takes whole numbers that the program writes out, but this {found}"
            )
        numbers.append(int(value))
    return numbers
