"""Which call of a program made which nodes of the autograd graph: noted while it runs, where the graph is asked for.

Each call notes the nodes that are new behind what it made, also those that an operation made of several leaves on the
way. The note is the node's own, and dies with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

if TYPE_CHECKING:
    from torch.autograd.graph import Node

    from pullback.contract.program.ir import Call
    from pullback.engine.anomalies import Watch

_ORIGIN = "pullback.origin"


def note_origin(call: Call, value: object, watch: Watch | None = None) -> None:
    """Notes a call in all nodes behind a value that have no note yet.

    Args:
        call: has just been made.
        value: what it made: a tensor, or tensors in tuples and lists.
        watch: looks at what the nodes will compute.
    """
    stack = [*_nodes(value)]
    while stack:
        node = stack.pop()
        metadata = _metadata(node)
        # What collects a leaf's gradient is of no call.
        if _ORIGIN not in metadata and not hasattr(node, "variable"):
            metadata[_ORIGIN] = call
            if watch is not None:
                watch.follow(node, call)
            stack += [following for following, _ in node.next_functions if following is not None]


def origin(node: Node) -> Call | None:
    """Gives the call that made a node; None for a leaf's, and where nothing was noted."""
    return cast("Call | None", _metadata(node).get(_ORIGIN))


def _nodes(value: object) -> list[Node]:
    if isinstance(value, torch.Tensor):
        return [] if value.grad_fn is None else [value.grad_fn]
    if isinstance(value, (tuple, list)):
        return [node for item in value for node in _nodes(item)]
    return []


def _metadata(node: Node) -> dict[object, object]:
    return cast("dict[object, object]", node.metadata)  # which torch's own annotation takes for a method
