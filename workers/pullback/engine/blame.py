"""Which call's derivative a backward pass failed at.

torch says what went wrong in a backward pass, and not where. So where one fails, and only there, the evaluation is run
a second time with every node of its graph watched: the node that torch began last is the one that failed, and the call
that made it is to blame. What runs without fault pays nothing for it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from pullback.contract.errors import PullbackError
from pullback.contract.program.diagnose import fault
from pullback.engine.calls import ReadyCall
from pullback.engine.faults import BackwardFailed, spoken
from pullback.engine.interpret import ReadyChoose
from pullback.engine.reverse_calls import BACKWARD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch.autograd.graph import Node

    from pullback.contract.program.ir import Call
    from pullback.engine.interpret import Code, Step


def blamed(failure: BackwardFailed, code: Code, again: Callable[[Code], object]) -> PullbackError:
    """Makes the error for a backward pass that failed.

    Args:
        failure: what is known.
        code: the program.
        again: runs the same evaluation with other code.
    """
    watch = _Watch()
    with suppress(BackwardFailed, PullbackError):  # it fails again
        again(replace(code, steps=watch.steps(code.steps)))
    call = watch.failing
    if call is None:
        return failure.error
    begun = f" begun on line {failure.place.line}" if failure.place else ""
    message = f"`{spoken(call.op)}` failed in the backward pass{begun}: {failure.reason}"
    return fault(code.program.source, call.place, message)


class _Watch:
    """Notes which call the node belongs to that a backward pass began last.

    Attributes:
        failing: that call; None where no node of a call has been begun.
    """

    def __init__(self) -> None:
        self.failing: Call | None = None
        self._known: set[Node] = set()  # which also keeps them alive, and so their identity

    def steps(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Gives the same steps, watched."""
        return tuple(map(self._step, steps))

    def _step(self, step: Step) -> Step:
        match step:
            case ReadyCall():
                return replace(step, function=self._watched(step))
            case ReadyChoose(if_true=(if_true, true_slot), if_false=(if_false, false_slot)):
                return replace(
                    step,
                    if_true=(self.steps(if_true), true_slot),
                    if_false=(self.steps(if_false), false_slot),
                )
        return step

    def _watched(self, ready: ReadyCall) -> Callable[..., object]:
        def function(*operands: object, **keywords: object) -> object:
            if ready.call.op in BACKWARD:
                self.failing = None
            value = ready.function(*operands, **keywords)
            for item in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(item, torch.Tensor) and item.grad_fn is not None:
                    self._follow(item.grad_fn, ready.call)
            self.failing = None
            return value

        return function

    def _follow(self, root: Node, call: Call) -> None:
        """Watches the nodes that are new: those that the call made."""
        stack = [root]
        while stack:
            node = stack.pop()
            if node in self._known or hasattr(node, "variable"):
                continue  # a leaf's own node belongs to no call
            self._known.add(node)
            node.register_prehook(self._hook(call))
            stack += [following for following, _ in node.next_functions if following is not None]

    def _hook(self, call: Call) -> Callable[[tuple[torch.Tensor, ...]], None]:
        def begin(_: tuple[torch.Tensor, ...]) -> None:
            self.failing = call

        return begin
