"""Checks a compiled program against the names in a request: its inputs, outputs and gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument
from pullback.contract.program.diagnose import fault, nearest, shown
from pullback.contract.program.names import ABSENT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pullback.contract.program.ir import Program


def check_names(
    program: Program, inputs: Collection[str], outputs: Sequence[str] = (), wrt: Sequence[str] = ()
) -> tuple[str, ...]:
    """Checks the names of an evaluation against its program.

    Args:
        program: the compiled program.
        inputs: names of the inputs that are sent.
        outputs: names whose values are asked for; none means the value that the program makes last.
        wrt: names to differentiate with respect to: inputs, and what the program binds.

    Returns:
        The names whose values are returned. Empty only where the program makes no value, and prints or runs
        backward instead.

    Raises:
        ProgramError: the program reads a name that is no input.
        InvalidArgument: an output that the program does not bind, a gradient for what is neither bound nor an input,
            or either twice; a program that makes no value.
    """
    for name, place in program.input_places.items():
        if name not in inputs:
            suggestion = nearest(name, {*inputs, *(program.names.keys() - program.inputs.keys())})
            advice = f", and no module here: {ABSENT[name]}" if name in ABSENT else ""
            raise fault(program.source, place, f"unknown name {shown(name)}{advice}", suggestion)
    _check_each("outputs", outputs, program.names, "is not bound when the program ends")
    _check_each(
        "wrt", wrt, {*inputs, *program.names}, "is neither an input nor a name that the program binds"
    )
    if outputs:
        return tuple(outputs)
    if program.result is not None:
        return (program.result,)
    if program.calls_backward or program.prints:
        return ()
    raise InvalidArgument("makes no value: assign one, such as y = 2*x", field="program")


def _check_each(field: str, names: Sequence[str], known: Collection[str], problem: str) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name not in known:
            near = nearest(name, known)
            advice = f"; did you mean {near!r}?" if near else ""
            raise InvalidArgument(
                f"{shown(name)} {problem}{advice}",
                field=f"{field}[{index}]",
                metadata={"suggestion": near} if near else {},
            )
        if name in seen:
            raise InvalidArgument(f"{shown(name)} is named twice", field=f"{field}[{index}]")
        seen.add(name)
