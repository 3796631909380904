"""What one evaluation may still take: calls, work and memory, each counted before the call that would take it.

Strategy: small calls cost a few additions. Only what is above `SMALL` elements is followed one by one: its storage by
`Held`, its autograd nodes by a `Mark`. A backward pass is bounded by what the program did so far; where that is not far
below the limits, it is priced by `reverse` from the graph itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pullback.engine.faults import TooBig
from pullback.engine.held import Held, Mark, get_mark, set_mark
from pullback.engine.reverse import price_backward

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch.autograd.graph import Node

    from pullback.contract.limits import Limits
    from pullback.contract.program.ir import Call
    from pullback.engine.anomalies import Watch
    from pullback.engine.price import Price
    from pullback.engine.reverse import Reverse

# Most bytes that backward passes made together may take, so that what is gained by making them so stays in proportion.
STACK_BYTES = 64 * 2**20

# How what is counted is called.
WORK = "multiplications and element visits"
BYTES = "bytes, with what autograd keeps"

# Bytes that a call is given and makes, up to which its result is counted as held for good and not looked at again.
SMALL_BYTES = 8_192

# A small tensor may stand beside others that autograd saved on the way to it.
SMALL_FACTOR = 2

# The most nodes that autograd makes for one call of the language, where they are not counted.
NODES_PER_CALL = 8

# A backward pass is not looked at where a bound on it stays within this part of each limit.
FAR_BELOW = 4


class Meter:
    """The counters of one evaluation.

    Args:
        limits: what it may take.
        inputs: the tensors that it begins with.
        is_dry: whether it is a dry run, on tensors without elements.
        memory_scale: how many tensors each stands for: one, and its tangents in forward mode.
        work_scale: how many calls each stands for.
        spent: the counters of what went before, which count here too.
        notes_origins: whether calls are noted in the autograd nodes that they make, for a graph to tell.
        watch: looks for what is not finite, where that is asked for.

    Attributes:
        limits: what it may take.
        is_dry: as above.
        calls: calls of torch so far, those of backward passes included.
        work: multiplications and element visits so far.
        peak: the most bytes held at once so far, as far as they were counted.
    """

    def __init__(
        self,
        limits: Limits,
        inputs: Iterable[torch.Tensor] = (),
        *,
        is_dry: bool = False,
        memory_scale: int = 1,
        work_scale: int = 1,
        spent: Meter | None = None,
        notes_origins: bool = False,
        watch: Watch | None = None,
    ) -> None:
        self.notes_origins = notes_origins or watch is not None
        self.watch = watch
        self.limits = limits
        self.is_dry = is_dry
        self.calls: int = 0 if spent is None else spent.calls
        self.work: int = 0 if spent is None else spent.work
        self._memory_scale = memory_scale
        self._work_scale = work_scale
        self._held = Held()
        self._tracked_calls = 0
        self._tracked_work = 0
        self._tracked_bytes = 0
        self._nested = False
        self._sequence = 0
        for tensor in inputs:
            self._held.add(tensor)
        self.peak: int = max(memory_scale * self._held.bound(), 0 if spent is None else spent.peak)

    def begin(self, price: Price) -> None:
        """Counts a call, before it is made.

        Raises:
            TooBig: it would be beyond a limit.
        """
        limits = self.limits
        self.calls += 1
        if self.calls > limits.dispatched_ops:
            raise TooBig("calls of torch", self.calls, limits.dispatched_ops, "dispatched_ops")
        self.work += self._work_scale * price.work
        if self.work > limits.work:
            raise TooBig(WORK, self.work, limits.work, "work")
        held = self._memory_scale * (self._held.bound() + price.made + price.workspace)
        if held > limits.live_bytes:
            self._refuse_if_above(price.made + price.workspace)
        elif held > self.peak:
            self.peak = held

    def end(self, call: Call, value: object, price: Price) -> None:
        """Counts what a call has made.

        Args:
            call: the call.
            value: its result.
            price: what was counted before.
        """
        if isinstance(value, torch.Tensor):
            size = price.given + value.nbytes
            if size > SMALL_BYTES or price.has_rule or self.is_dry:
                self._follow(call, value, price)
            else:
                self._held.small += SMALL_FACTOR * value.nbytes
            if value.requires_grad:
                self._track(price.work, size)
        elif isinstance(value, (tuple, list)):
            tensors = [item for item in value if isinstance(item, torch.Tensor)]
            for tensor in tensors:
                self._follow(call, tensor, price)
            if any(tensor.requires_grad for tensor in tensors):
                self._track(price.work, price.given + sum(tensor.nbytes for tensor in tensors))

    def _track(self, work: int, size: int) -> None:
        self._tracked_calls += 1
        self._tracked_work += work
        self._tracked_bytes += size

    def _follow(self, call: Call, value: torch.Tensor, price: Price) -> None:
        self._held.add(value)
        node = value.grad_fn
        if node is not None and get_mark(node) is None:
            hidden = self._hidden(node)
            mark = Mark(self._held, call, work=price.work, workspace=price.workspace, hidden=hidden)
            set_mark(node, mark)

    def _hidden(self, node: Node) -> int:
        """Counts the bytes of what was made on the way to a result: the nodes that are new, but for its own."""
        since, self._sequence = self._sequence, node._sequence_nr() + 1  # noqa: SLF001 - tells new nodes from old ones
        found = 0
        stack, seen = [node], {node}
        while stack:
            for following, index in stack.pop().next_functions:
                if (
                    following is not None
                    and following not in seen
                    and since <= following._sequence_nr() < self._sequence  # noqa: SLF001 - as above
                    and get_mark(following) is None
                ):
                    seen.add(following)
                    stack.append(following)
                    found += _bytes(following, index)
        return found

    def begin_backward(
        self,
        outputs: Sequence[torch.Tensor],
        inputs: Sequence[torch.Tensor] | None,
        *,
        create_graph: bool,
        closely: bool = False,
        times: int = 1,
    ) -> Reverse | None:
        """Counts a backward pass, before it is made.

        Args:
            outputs: what is differentiated.
            inputs: with respect to what; None for all leaves.
            create_graph: whether it can be differentiated again.
            closely: whether to look at it even where it is far below the limits.
            times: how many times it is made, one after the other.

        Returns:
            What it will take; None where that is far below the limits.

        Raises:
            TooBig: it would be beyond a limit.
        """
        looks = closely or self.is_dry or create_graph or self._nested or times > 1
        if not looks and self._is_far_below():
            return None
        reverse = self._priced(outputs, inputs)
        reverse.nodes *= times
        reverse.work *= times
        self._count_backward(reverse, create_graph=create_graph)
        return reverse

    def begin_stack(
        self,
        outputs: Sequence[torch.Tensor],
        inputs: Sequence[torch.Tensor],
        count: int,
        *,
        kept: bool,
    ) -> int:
        """Counts many backward passes over one graph, before they are made.

        Args:
            outputs: what is differentiated.
            inputs: with respect to what.
            count: how many passes there are.
            kept: whether the gradients of all passes are kept.

        Returns:
            How many of them go together.

        Raises:
            TooBig: they would be beyond a limit.
        """
        reverse = self._priced(outputs, inputs)
        results = count * sum(each.nbytes for each in inputs) if kept else 0
        room = min(STACK_BYTES, self.limits.live_bytes - self._held.bytes() - results)
        together = min(count, max(1, room // max(1, reverse.peak)))
        reverse.nodes *= -(-count // together)
        reverse.work *= count
        reverse.peak = reverse.peak * together + results
        self._count_backward(reverse, create_graph=False)
        return together

    def _priced(self, outputs: Sequence[torch.Tensor], inputs: Sequence[torch.Tensor] | None) -> Reverse:
        most = max(0, self.limits.dispatched_ops - self.calls)
        roots = [(node, each.output_nr) for each in outputs if (node := each.grad_fn) is not None]
        targets = None
        if inputs is not None:
            targets = [
                torch.autograd.graph.get_gradient_edge(each).node for each in inputs if each.requires_grad
            ]
        return price_backward(roots, targets, most)

    def _is_far_below(self) -> bool:
        """Bounds a pass over all that was tracked so far; counts it where the bound is far below the limits."""
        calls = self.calls + NODES_PER_CALL * self._tracked_calls
        work = self.work + FAR_BELOW * self._tracked_work
        held = self._held.bound() + FAR_BELOW * self._tracked_bytes
        limits = self.limits
        if FAR_BELOW * max(calls / limits.dispatched_ops, work / limits.work, held / limits.live_bytes) > 1:
            return False
        self.calls, self.work = calls, work
        self.peak = max(self.peak, held)
        return True

    def _count_backward(self, reverse: Reverse, *, create_graph: bool) -> None:
        limits, place = self.limits, reverse.largest
        self.calls += reverse.nodes
        if self.calls > limits.dispatched_ops:
            raise TooBig("calls of torch", self.calls, limits.dispatched_ops, "dispatched_ops", place)
        level = reverse.level + create_graph
        if level > limits.graph_nesting:
            raise TooBig("derivatives of derivatives", level, limits.graph_nesting, "graph_nesting", place)
        self.work += reverse.work
        if self.work > limits.work:
            raise TooBig(WORK, self.work, limits.work, "work", place)
        self._refuse_if_above(reverse.peak + (reverse.made if create_graph else 0), place)

    def end_backward(
        self, reverse: Reverse | None, gradients: Iterable[object], *, create_graph: bool
    ) -> None:
        """Counts what a backward pass has made.

        Args:
            reverse: what `begin_backward` returned.
            gradients: the gradients, where it returns them; those of leaves are found in `reverse`.
            create_graph: whether it can be differentiated again.
        """
        if reverse is None:
            return
        made = [*gradients, *(leaf.grad for leaf in reverse.leaves)]
        for gradient in made:
            if isinstance(gradient, torch.Tensor):
                self._held.add(gradient)
                if create_graph and gradient.grad_fn is not None:
                    self._nested = True
                    mark = Mark(self._held, reverse.largest, level=reverse.level + 1, hidden=2 * reverse.made)
                    reverse.made = 0  # once
                    set_mark(gradient.grad_fn, mark)

    def _refuse_if_above(self, size: int, call: Call | None = None) -> None:
        held = self._memory_scale * (self._held.bytes() + size)
        self.peak = max(self.peak, held)
        if held > self.limits.live_bytes:
            raise TooBig(BYTES, held, self.limits.live_bytes, "live_bytes", call)

    def close(self) -> None:
        """Forgets what is held."""
        self._held.close()


def _bytes(node: Node, index: int) -> int:
    metadata = node._input_metadata[index]  # noqa: SLF001 - the one place where the shape of a value on the way is known
    size = metadata.dtype.itemsize
    for length in metadata.shape:
        size *= length
    return int(size)
