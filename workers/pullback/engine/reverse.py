"""What a backward pass will take, read off the autograd graph before it runs.

Strategy: every node of the graph knows the shape and data type of the gradient that will come to it. So the pass is
played through in autograd's own order, with sizes in place of gradients. This sees what the forward pass did not pay
for: a gradient of the size of a view's source, though the view was free.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pullback.engine.held import get_mark

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from torch.autograd.graph import Node

    from pullback.contract.program.ir import Call

# Work of the backward pass of a call with a rule of its own, in units of its forward pass: a product has two operands,
# and each gets a product of its own.
BACKWARD_FACTOR = 2


@dataclass
class Reverse:
    """What a backward pass will take.

    Attributes:
        peak: the most bytes that its gradients take at once, and what computing one takes besides.
        made: bytes of all gradients that it makes.
        work: multiplications and element visits.
        nodes: the nodes that it visits.
        level: the highest level of a node that it visits.
        largest: the call whose gradient is the largest, where it is known.
        leaves: the tensors whose `.grad` it fills in.
    """

    peak: int = 0
    made: int = 0
    work: int = 0
    nodes: int = 0
    level: int = 0
    largest: Call | None = None
    leaves: list[torch.Tensor] = field(default_factory=list)


#: A node, and which of its outputs: `Tensor.grad_fn` and `Tensor.output_nr`.
Edge = tuple["Node", int]


def count_up_to(roots: Iterable[Node], most: int) -> list[Node] | None:
    """Lists the nodes that can be reached; None where there are more than `most`."""
    stack = list(dict.fromkeys(roots))
    seen = set(stack)
    while stack:
        for following, _ in stack.pop().next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                stack.append(following)
        if len(seen) > most:
            return None
    return list(seen)


def price_backward(roots: Sequence[Edge], targets: Collection[Node] | None, most: int) -> Reverse:
    """Prices a backward pass.

    Args:
        roots: the edges of what is differentiated.
        targets: the nodes whose gradients are wanted; None for those of all leaves.
        most: the most nodes that are looked at. With more, `Reverse.nodes` is above it and the rest is not filled in.
    """
    nodes = count_up_to((node for node, _ in roots), most)
    if nodes is None:
        return Reverse(nodes=most + 1)
    wanted = _leading_to(nodes, targets) if targets is not None else set(nodes)
    return _Play(wanted, roots, frozenset(targets or ())).run()


def _leading_to(nodes: list[Node], targets: Collection[Node]) -> set[Node]:
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for following, _ in node.next_functions:
            if following is not None:
                users.setdefault(following, []).append(node)
    found = set(targets) & {*nodes}
    stack = list(found)
    while stack:
        for user in users.get(stack.pop(), ()):
            if user not in found:
                found.add(user)
                stack.append(user)
    return found


class _Play:
    """A backward pass with sizes in place of gradients."""

    def __init__(self, nodes: set[Node], roots: Sequence[Edge], targets: frozenset[Node]) -> None:
        self._nodes = nodes
        self._roots = [edge for edge in roots if edge[0] in nodes]
        self._targets = targets
        self._sizes: dict[tuple[Node, int], tuple[int, int]] = {}
        self._arrived: dict[Node, set[int]] = {}
        self._live = 0
        self._largest = 0
        self._found = Reverse(nodes=len(nodes))

    def run(self) -> Reverse:
        waiting = dict.fromkeys(self._nodes, 0)
        for node in self._nodes:
            for following, _ in node.next_functions:
                if following is not None and following in waiting:
                    waiting[following] += 1
        for node, index in self._roots:
            self._arrive(node, index)
        # As autograd does it: of the nodes that have all their gradients, the one that was made last goes first.
        starts = [node for node in dict.fromkeys(node for node, _ in self._roots) if not waiting[node]]
        ready = [(_priority(node), index, node) for index, node in enumerate(starts)]
        heapq.heapify(ready)
        count = len(ready)
        while ready:
            node = heapq.heappop(ready)[2]
            self._visit(node)
            for following, _ in node.next_functions:
                if following is not None and following in waiting:
                    waiting[following] -= 1
                    if not waiting[following]:
                        count += 1
                        heapq.heappush(ready, (_priority(following), count, following))
        return self._found

    def _visit(self, node: Node) -> None:
        found = self._found
        visits, incoming = self._total((node, index) for index in self._arrived.pop(node, ()))
        edges = [
            (each, index) for each, index in node.next_functions if each is not None and each in self._nodes
        ]
        elements, outgoing = self._total(edges)
        mark = get_mark(node)
        # Its result, and as much again for what it takes on the way or for the sum with what arrived before.
        workspace = outgoing + (0 if mark is None else mark.workspace)
        found.peak = max(found.peak, self._live + outgoing + workspace)
        found.made += outgoing
        found.work += elements + visits
        if mark is not None:
            found.work += BACKWARD_FACTOR * mark.work
            found.level = max(found.level, mark.level)
            if outgoing > self._largest and mark.call is not None:
                self._largest, found.largest = outgoing, mark.call
        for edge in edges:
            self._arrive(*edge)
        if isinstance(variable := getattr(node, "variable", None), torch.Tensor):
            found.leaves.append(variable)  # which keeps what arrived
        elif node not in self._targets:
            self._live -= incoming

    def _arrive(self, node: Node, index: int) -> None:
        buffers = self._arrived.setdefault(node, set())
        if index not in buffers:
            buffers.add(index)
            self._live += self._size((node, index))[1]

    def _total(self, edges: Iterable[Edge]) -> tuple[int, int]:
        sizes = [self._size(edge) for edge in edges]
        return sum(elements for elements, _ in sizes), sum(size for _, size in sizes)

    def _size(self, edge: Edge) -> tuple[int, int]:
        """Gives the elements and the bytes of the gradient that goes over an edge."""
        if edge not in self._sizes:
            node, index = edge
            metadata = node._input_metadata[index]  # noqa: SLF001 - the one place where a gradient's shape is known
            elements = math.prod(metadata.shape)
            self._sizes[edge] = elements, elements * metadata.dtype.itemsize
        return self._sizes[edge]


def _priority(node: Node) -> int:
    return -node._sequence_nr()  # noqa: SLF001 - what autograd goes by
