"""A program whose calls are noted as they are made: what each gave, for its graph to tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from pullback.engine.calls import ReadyCall
from pullback.engine.interpret import ReadyChoose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.contract.program.ir import Call
    from pullback.engine.draws import Draws
    from pullback.engine.interpret import Code, Step
    from pullback.engine.meter import Meter


@dataclass(frozen=True)
class Shaped:
    """What is kept of a tensor: no element, and no memory."""

    shape: torch.Size
    dtype: torch.dtype


class Notes:
    """What the calls of a program gave.

    Attributes:
        given: by the slot that a call fills, its value: a number, a `Shaped` for a tensor, or a tuple or list of them.
        leaves: ``id(tensor)`` -> the slot of the call that made it, for leaves that require gradients.
    """

    def __init__(self) -> None:
        self.given: dict[int, object] = {}
        self.leaves: dict[int, int] = {}
        # Tensors have identity only while they are alive.
        self._alive: list[torch.Tensor] = []

    def add(self, call: Call, value: object) -> None:
        """Notes a call that was made."""
        self.given[call.target] = _outline(value)
        if isinstance(value, torch.Tensor) and value.is_leaf and value.requires_grad:
            self.leaves.setdefault(id(value), call.target)
            self._alive.append(value)


@dataclass(frozen=True)
class _NotedCall(ReadyCall):
    """A call that is noted."""

    notes: Notes

    def invoke(
        self,
        operands: tuple[object, ...],
        keywords: Mapping[str, object],
        meter: Meter,
        draws: Draws | None = None,
    ) -> object:
        """Calls, and notes what came; see `ReadyCall.invoke`."""
        value = super().invoke(operands, keywords, meter, draws)
        self.notes.add(self.call, value)
        return value


def noted(code: Code) -> tuple[Code, Notes]:
    """Gives a program that does the same, and notes its calls."""
    notes = Notes()
    return replace(code, steps=tuple(_noted_step(step, notes) for step in code.steps)), notes


def _noted_step(step: Step, notes: Notes) -> Step:
    if isinstance(step, ReadyCall):
        fields = {name: getattr(step, name) for name in ReadyCall.__dataclass_fields__}
        return _NotedCall(**fields, notes=notes)
    if isinstance(step, ReadyChoose):
        sides = [
            (tuple(_noted_step(each, notes) for each in side), value)
            for side, value in (step.if_true, step.if_false)
        ]
        return ReadyChoose(step.choose, *sides)
    return step


def _outline(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return Shaped(value.shape, value.dtype)
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return tuple(_outline(item) for item in value)
    return value
