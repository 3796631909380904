"""Backward passes over the graph that a program left: once, or for a stack of cotangents together.

Strategy: a stack goes through torch's vmap, some of it at a time, so that what the passes hold together stays within
`STACK_BYTES`. Where an operation's derivative cannot be mapped, its part of the stack is taken one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.program.diagnose import exceeded_at
from pullback.engine.derivatives.seeds import is_tracked
from pullback.engine.faults import (
    TORCH_ERRORS,
    BackwardFailed,
    TooBig,
    is_about_a_node,
    is_freed_graph,
    is_out_of_memory,
    out_of_memory,
    plain,
    spoken,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pullback.engine.meter import Meter
    from pullback.engine.stage import Stage

#: The gradients of some leaves, in order; None for one that the outputs do not depend on.
Gradients = tuple[torch.Tensor | None, ...]


class Part(NamedTuple):
    """Some of the passes over a stack: from which seed to which, and their gradients, stacked."""

    start: int
    stop: int
    gradients: Gradients


class ReversePass:
    """Passes over the graph behind some outputs.

    Args:
        stage: what has run.
        meter: counts what the passes take.
        name: the output that errors name.
        outputs: what is differentiated.
        leaves: with respect to what.
    """

    def __init__(
        self,
        stage: Stage,
        meter: Meter,
        name: str,
        outputs: Sequence[torch.Tensor],
        leaves: Sequence[torch.Tensor],
    ) -> None:
        self._stage = stage
        self._meter = meter
        self._name = name
        # torch takes neither outputs nor leaves that are not tracked.
        self._seeded = [is_tracked(output) for output in outputs]
        self._outputs = [output for output in outputs if is_tracked(output)]
        self._asked = [is_tracked(leaf) for leaf in leaves]
        self._leaves = [leaf for leaf in leaves if is_tracked(leaf)]

    def once(self, cotangents: Sequence[torch.Tensor], *, create_graph: bool = False) -> Gradients:
        """Makes a single pass.

        Args:
            cotangents: one for each output.
            create_graph: whether the gradients can be differentiated in their turn.

        Raises:
            LimitExceeded: it would be beyond a limit.
            InvalidArgument: torch cannot compute it.
            BackwardFailed: nor that, and the failing node can be found.
        """
        if not self._outputs or not self._leaves:
            return (None,) * len(self._asked)
        with _Told(self):
            reverse = self._meter.begin_backward(self._outputs, self._leaves, create_graph=create_graph)
            found = self._grad(self._chosen(cotangents), create_graph=create_graph)
            self._meter.end_backward(reverse, found, create_graph=create_graph)
        return self._all(found)

    def stack(self, cotangents: Sequence[torch.Tensor]) -> Gradients:
        """Makes a pass for each seed of a stack; the gradients have the same axis in front.

        Args:
            cotangents: one for each output, with an axis in front.

        Raises:
            LimitExceeded: the passes would be beyond a limit.
            InvalidArgument: torch cannot compute them.
            BackwardFailed: nor that, and the failing node can be found.
        """
        count = cotangents[0].shape[0]
        parts = [*self.parts(count, lambda start, stop: [each[start:stop] for each in cotangents])]
        return join(parts, len(self._asked))

    def parts(
        self, count: int, seeds: Callable[[int, int], Sequence[torch.Tensor]], *, kept: bool = True
    ) -> Iterator[Part]:
        """Makes many passes, as many together as memory allows.

        Args:
            count: how many.
            seeds: gives the cotangents of the passes from one number up to another, stacked, one for each output.
            kept: whether the gradients of all passes are kept to the end.

        Raises:
            LimitExceeded: as in `stack`, as are the others.
        """
        if not count or not self._outputs or not self._leaves:
            yield Part(0, count, (None,) * len(self._asked))
            return
        with _Told(self):
            together = self._meter.begin_stack(self._outputs, self._leaves, count, kept=kept)
        for start in range(0, count, together):
            stop = min(start + together, count)
            with _Told(self):
                found = self._mapped(self._chosen(seeds(start, stop)))
            yield Part(start, stop, self._all(found))

    def _mapped(self, stacks: Sequence[torch.Tensor]) -> Gradients:
        count = stacks[0].shape[0]
        if count > 1:
            try:
                return self._grad_of_stacks(stacks)
            except TORCH_ERRORS:  # of vmap's own, or what fails one by one too
                pass
            self._meter.begin_backward(self._outputs, self._leaves, create_graph=False, times=count)
        rows = [self._grad([stack[index] for stack in stacks]) for index in range(count)]
        return join([Part(i, i + 1, _unsqueezed(row)) for i, row in enumerate(rows)], len(self._leaves))

    def _grad_of_stacks(self, stacks: Sequence[torch.Tensor]) -> Gradients:
        # Not `is_grads_batched`, whose rules are older: a product with a matrix takes twenty times as long there.
        found: list[Gradients] = []

        def pull(*cotangents: torch.Tensor) -> tuple[torch.Tensor, ...]:
            found.append(self._grad(cotangents))
            return tuple(each for each in found[0] if each is not None)

        mapped = iter(torch.func.vmap(pull)(*stacks))
        return tuple(None if each is None else next(mapped) for each in found[0])

    def _grad(self, cotangents: Sequence[torch.Tensor], *, create_graph: bool = False) -> Gradients:
        found: Gradients = torch.autograd.grad(
            self._outputs,
            self._leaves,
            grad_outputs=cotangents,
            create_graph=create_graph,
            retain_graph=True,  # which dies with the evaluation
            allow_unused=True,
        )
        return found

    def _chosen(self, cotangents: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [each for each, wanted in zip(cotangents, self._seeded, strict=True) if wanted]

    def _all(self, found: Gradients) -> Gradients:
        rest = iter(found)
        return tuple(next(rest) if asked else None for asked in self._asked)

    def translated(self, error: Exception) -> Exception:
        """Makes the error that a tenant reads of what went wrong in a pass."""
        subject = f"the backward pass from `{self._name}`"
        if isinstance(error, TooBig):
            return self._too_big(error, subject)
        if is_out_of_memory(error):
            return out_of_memory(subject)
        request = self._stage.request
        path = request.output_field(self._name) if self._name in request.outputs else "outputs"
        if is_freed_graph(error):
            return InvalidArgument(
                "the graph behind it was freed by the program's own torch.autograd.grad; give that call "
                "retain_graph=True, or ask for values only",
                field=path,
            )
        failure = InvalidArgument(f"cannot be differentiated: {plain(error)}", field=path)
        return BackwardFailed(failure, error) if is_about_a_node(error) else failure

    def _too_big(self, error: TooBig, subject: str) -> LimitExceeded:
        message = f"{subject} {error}"
        if error.call is None:
            return LimitExceeded(message, metadata=error.metadata)
        return exceeded_at(
            self._stage.program.source,
            error.call.place,
            f"`{spoken(error.call.op)}`: {message}",
            error.metadata,
        )


class _Told:
    """Translates what torch and the meter raise."""

    def __init__(self, reverse: ReversePass) -> None:
        self._pass = reverse

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (TooBig, *TORCH_ERRORS)):
            raise self._pass.translated(error) from error


def join(parts: Sequence[Part], count: int) -> Gradients:
    """Joins the parts of a stack.

    Args:
        parts: in order.
        count: how many gradients each has.
    """
    columns = ([part.gradients[index] for part in parts] for index in range(count))
    return tuple(_joined(column) for column in columns)


def _joined(column: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    found = [each for each in column if each is not None]
    if not found:
        return None
    return found[0] if len(found) == 1 else torch.cat(found)


def _unsqueezed(row: Gradients) -> Gradients:
    return tuple(None if each is None else each.unsqueeze(0) for each in row)
