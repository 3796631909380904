"""What a program is while it runs, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pullback.engine.draws import Draws

if TYPE_CHECKING:
    import torch

    from pullback.engine.printing import Printer


@dataclass
class Run:
    """A program's state while it runs, and what it left behind.

    Attributes:
        slots: the values.
        inputs: the tensors bound before it ran, by name; those it does not read included.
        printer: what it printed.
        draws: its random numbers.
        bound: the tensors that are no operation's result, in the order in which the program named them.
    """

    slots: list[object]
    inputs: dict[str, torch.Tensor]
    printer: Printer
    draws: Draws = field(default_factory=Draws)
    bound: list[tuple[str, torch.Tensor]] = field(default_factory=list)

    def close(self) -> None:
        """Lets go of accumulated gradients.

        One that was made with `create_graph` refers to the graph, and the graph to its leaf: a cycle through native
        code that Python's collector cannot see.
        """
        for tensor in (*self.inputs.values(), *(tensor for _, tensor in self.bound)):
            tensor.grad = None
