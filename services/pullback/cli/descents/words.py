"""A descent as it is typed, and what the client takes."""

from __future__ import annotations

import ast
import re
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import typer

from pullback.cli.inputs import read_bindings, read_names, read_program
from pullback.client import MiniBatches
from pullback.client.descents.optimizers import OPTIMIZERS
from pullback.client.descents.schedules import SCHEDULES
from pullback.contract.tensors import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.client import Client, Descent, DescentState, Device

# Commas outside of brackets.
_COMMA = re.compile(r",(?![^\[\]]*\])")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A descent as typed. The fields are those of `pullback.client.Client.descend`, still as text."""

    program: str
    optimizer: str
    steps: int
    inputs: list[str] = field(default_factory=list)
    schedule: str | None = None
    loss_target: float | None = None
    loss_tolerance: float | None = None
    gradient_tolerance: float | None = None
    seconds: float | None = None
    bounds: list[str] = field(default_factory=list)
    batch: list[str] = field(default_factory=list)
    batch_size: int | None = None
    batch_seed: int = 0
    in_order: bool = False
    drop_last: bool = False
    interval: int = 0
    watch: list[str] = field(default_factory=list)
    wrt: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    device: Device = "auto"
    leg_timeout: float | None = None
    seed: int = 0


def begin(client: Client, request: Request, state: DescentState | None) -> Descent:
    """Begins what was typed.

    Raises:
        typer.BadParameter: it cannot be understood.
        PullbackError: it cannot be sent.
    """
    return client.descend(
        read_program(request.program),
        read_bindings(request.inputs),
        optimizer=read_choice("--optimizer", request.optimizer, OPTIMIZERS),
        schedule=read_choice("--schedule", request.schedule, SCHEDULES) if request.schedule else None,
        steps=request.steps,
        loss_target=request.loss_target,
        loss_tolerance=request.loss_tolerance,
        gradient_tolerance=request.gradient_tolerance,
        seconds=request.seconds,
        bounds=dict(map(_read_bounds, request.bounds)),
        batches=_read_batches(request),
        interval=request.interval,
        watch=read_names(request.watch),
        state=state,
        outputs=read_names(request.outputs),
        wrt=read_names(request.wrt),
        device=request.device,
        leg_timeout=request.leg_timeout,
        seed=request.seed,
    )


def read_choice(option: str, text: str, choices: Mapping[str, Any]) -> Any:
    """Makes of ``sgd,lr=0.1,momentum=0.9`` what the client takes.

    Args:
        option: what it was given to, for messages.
        text: a name, and its options.
        choices: classes by name, whose fields are the options.

    Raises:
        typer.BadParameter: there is no such name or option, or a value is none.
    """
    name, *words = _COMMA.split(text)
    if name not in choices:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(choices)}", param_hint=option)
    known = [each.name for each in fields(choices[name])]
    given: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in known:
            raise typer.BadParameter(
                f"{word!r} is no KEY=VALUE of {name}, which has {', '.join(known)}", param_hint=option
            )
        given[key] = _value(value)
    missing = [
        each.name for each in fields(choices[name]) if each.default is MISSING and each.name not in given
    ]
    if missing:
        raise typer.BadParameter(f"{name} needs {', '.join(missing)}", param_hint=option)
    return choices[name](**given)


def _value(text: str) -> object:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _read_bounds(text: str) -> tuple[str, tuple[Any, Any]]:
    name, equals, sides = text.partition("=")
    lower, colon, upper = sides.partition(":")
    if not (name and equals and colon):
        raise typer.BadParameter(f"{text!r} is not NAME=LOWER:UPPER", param_hint="--bounds")
    found = [decode(read_bindings([f"{name}={side}"])[name]) if side else None for side in (lower, upper)]
    return name, (found[0], found[1])


def _read_batches(request: Request) -> MiniBatches | None:
    names = read_names(request.batch)
    if bool(names) != (request.batch_size is not None):
        raise typer.BadParameter("--batch and --batch-size go together")
    if not names or request.batch_size is None:
        if request.in_order or request.drop_last or request.batch_seed:
            raise typer.BadParameter("--in-order, --drop-last and --batch-seed go with --batch")
        return None
    return MiniBatches(
        inputs=names,
        size=request.batch_size,
        seed=request.batch_seed,
        shuffle=not request.in_order,
        drop_last=request.drop_last,
    )
